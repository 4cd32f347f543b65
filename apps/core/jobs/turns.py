"""Priority within a user: the turn is the user's, the job that runs in it is that user's most urgent one.

A job's `fair_tag` is its owner's place in the queue, and only tags decide between users: marking a job urgent gains
nobody a turn. When a turn comes, the owner's best job takes the tag and the one that held it takes the best one's later
tag, so the tags that an owner has stay what they were. Each keeps in `turn` the tag it came with; among equal priorities
that is the order, so who was displaced comes next and nobody falls back twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

OPEN = "NOT EXISTS (SELECT 1 FROM core_queuestate WHERE queue = %s AND paused_at IS NOT NULL)"
OUT_OF_TURN = "(NOT (priority = 0) OR turn IS NOT NULL)"
"""The condition of the index core_job_out_of_turn: where no queued job meets it, tags alone are the order."""

_OWN_ORDER = "owner_id, priority DESC, COALESCE(turn, fair_tag), job_id"
"""Of one owner's jobs; the owner is named since PostgreSQL would otherwise sort where it is null."""


class _Slot(NamedTuple):
    job_id: str
    owner_id: str | None
    fair_tag: float


def but_for(kinds: Sequence[str]) -> str:
    """The condition that leaves out jobs of these kinds; its parameters are the kinds."""
    return f"AND NOT kind IN ({', '.join(['%s'] * len(kinds))})" if kinds else ""


def give(*, queue: str, limit: int, without: Sequence[str] = ()) -> list[str]:
    """Give the next `limit` turns of a queue to their owners' best jobs; returns those, held until the caller commits.

    Jobs of the kinds `without` have no part in it, neither with their turns nor for others'. Jobs without an owner are one user's. Inside the caller's transaction; one at a time on a queue, since a tag that
    another claim is about to exchange says nothing.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Without statistics of what was just queued the planner would sort it all rather than walk the index.
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext(%s)), set_config('enable_sort', 'off', true)",
                [f"terrarium:turns:{queue}"],
            )
    left_out = but_for(without)
    slots = _queued(
        "core_job_claim", f"AND {OPEN} {left_out} ORDER BY fair_tag, job_id", [queue, queue, *without, limit]
    )
    by_owner: dict[str | None, list[_Slot]] = {}
    for slot in slots:
        by_owner.setdefault(slot.owner_id, []).append(slot)
    return [job_id for owner_id, own in by_owner.items() for job_id in _give_to(queue, owner_id, own, without)]


def _give_to(queue: str, owner_id: str | None, slots: list[_Slot], without: Sequence[str]) -> list[str]:
    """Let one owner's best jobs take these turns."""
    whose, key = ("owner_id IS NULL", []) if owner_id is None else ("owner_id = %s", [owner_id])
    best = _queued(
        "core_job_own_order",
        f"AND {whose} {but_for(without)} ORDER BY {_OWN_ORDER}",
        [queue, *key, *without, len(slots)],
    )
    chosen = {job.job_id for job in best}
    rows = [*best, *(slot for slot in slots if slot.job_id not in chosen)]
    tags = sorted(row.fair_tag for row in {*slots, *best})
    moved = [(tag, row.job_id) for row, tag in zip(rows, tags, strict=True) if row.fair_tag != tag]
    if moved:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE core_job SET turn = COALESCE(turn, fair_tag), fair_tag = %s WHERE job_id = %s", moved
            )
    return [job.job_id for job in best]


def _queued(index: str, rest: str, parameters: list[Any]) -> list[_Slot]:
    """Some queued jobs, locked; one that somebody else holds is about to leave the queue and is passed over."""
    sqlite = connection.vendor == "sqlite"
    forced, lock = (f" INDEXED BY {index}", "") if sqlite else ("", " FOR UPDATE SKIP LOCKED")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT job_id, owner_id, fair_tag FROM core_job{forced} "  # noqa: S608 - constants only
            f"WHERE status = 'queued' AND queue = %s {rest} LIMIT %s{lock}",
            parameters,
        )
        return [_Slot(*row) for row in cursor.fetchall()]
