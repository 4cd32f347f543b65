"""Fair share by start-time fair queueing: a virtual finish time per job, computed once, at enqueue.

A user's next tag is one step after the later of their own last tag and the queue's virtual time (the tag last
claimed). So who has 10,000 jobs waiting and who has one take turns, an idle user saves nothing up, and a claim
is the first row of an index instead of a ranking of users.
"""

from __future__ import annotations

from django.db import connection

from apps.core import sql
from apps.core.models import QueueState


def may_take_apart() -> bool:
    """Whether tags can be taken just before the caller's transaction rather than within.

    On PostgreSQL a user's many small enqueues would otherwise queue up for this row, each until the disk has the
    other's commit. SQLite has one writer anyway.
    """
    return connection.vendor == "postgresql" and not connection.in_atomic_block


def take_tags(*, queue: str, user_key: str, count: int) -> list[float]:
    """Tags for `count` jobs of one user in one queue, in order.

    Inside the caller's transaction, if there is one; else in its own, which need not wait for the disk: should a crash
    undo it, somebody gets the same place twice, and the order of equal tags is that of the jobs' ids.
    """
    clock = "COALESCE((SELECT virtual_time FROM core_queuestate WHERE queue = %s), 0)"
    values = f"VALUES (%s, %s, {clock} + %s)"
    if may_take_apart():
        quickly = "(SELECT set_config('synchronous_commit', 'off', true)) AS quickly"
        values = f"SELECT %s, %s, {clock} + %s FROM {quickly}"  # noqa: S608 - constants only
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO core_fairshare (queue, user_key, virtual_time) {values} "
            "ON CONFLICT (queue, user_key) DO UPDATE SET "
            f"virtual_time = {sql.larger()}(core_fairshare.virtual_time, {clock}) + %s RETURNING virtual_time",
            [queue, user_key, queue, float(count), queue, float(count)],
        )
        last = float(cursor.fetchone()[0])
    return [last - count + 1 + index for index in range(count)]


def advance(*, queue: str, tag: float) -> None:
    """Move a queue's virtual time up to `tag`, the tag last claimed.

    Kept out of the claim so that workers do not queue for this row; a little lag only lets a newcomer
    start a little earlier.
    """
    if QueueState.objects.filter(queue=queue, virtual_time__gte=tag).exists():
        return
    QueueState.objects.get_or_create(queue=queue)
    QueueState.objects.filter(queue=queue, virtual_time__lt=tag).update(virtual_time=tag)
