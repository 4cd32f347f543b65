"""The observatory drawn from what the apps registered, for the page and for each live message; and the lab's own part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core import observatory
from apps.core.observatory import Figure, Look, Need, Panel
from apps.core.words import count, noun, power
from apps.lab.queries import observatory as queries
from apps.lab.queries import system
from apps.lab.queries.system import Host, Queue


def register() -> None:
    """Make the lab's figures, panels and needs known."""
    observatory.figures_register("jobs", _jobs, order=10)
    observatory.figures_register("needs", _how_many_needs, order=90)
    observatory.panel_register(Panel("needs", "lab/_obs_needs.html", _needs_panel, place="side", order=10))
    observatory.panel_register(Panel("hosts", "lab/_obs_hosts.html", _hosts_panel, place="side", order=90))
    observatory.needs_register("queues", lambda look: queries.stuck_queues(look.once(_queues), look.once(_hosts)))
    observatory.needs_register("jobs", lambda look: queries.failed_jobs(look.user))
    observatory.needs_register("events", lambda _look: queries.events_in_need())


def drawn(look: Look, *, oob: bool = False) -> dict[str, list[SafeString]]:
    """Each panel's HTML, by place and in order; an empty one keeps its place, so that a live message can fill it."""
    parts: dict[str, list[SafeString]] = {"top": [], "main": [], "side": []}
    for panel in observatory.panels():
        read = panel.read(look)
        parts[panel.place].append(_drawn(panel, read, look, oob))
    return parts


def _drawn(panel: Panel, read: Mapping[str, Any] | None, look: Look, oob: bool) -> SafeString:
    if read is None:
        return format_html('<div id="{}" hidden{}></div>', panel.id, SafeString(' hx-swap-oob="true"' if oob else ""))
    return render_to_string(panel.template, {**read, "id": panel.id, "oob": oob, "user": look.user})


def message(look: Look) -> str:
    """Everything on the page, for its socket."""
    figures = render_to_string("lab/_obs_figures.html", {"figures": observatory.figures(look), "oob": True})
    return figures + "".join(part for place in drawn(look, oob=True).values() for part in place)


def _hosts(_look: Look) -> list[Host]:
    return system.hosts()


def _queues(look: Look) -> list[Queue]:
    return system.queues(look.once(_hosts))


def _needs(look: Look) -> list[Need]:
    return observatory.needs(look)


def _jobs(look: Look) -> Sequence[Figure]:
    """What runs keeps a core busy each, which is what the watts are estimated from."""
    running = sum(queue.running for queue in look.once(_queues))
    waiting = sum(queue.waiting for queue in look.once(_queues))
    watts = f" · ≈ {power(running * settings.CONFIG.watts_per_core)}" if running else ""
    return [Figure("Running now", count(running), noun(running, "job"), f"{count(waiting)} waiting{watts}")]


def _how_many_needs(look: Look) -> Sequence[Figure]:
    found = look.once(_needs)
    return [Figure("Needs you", count(len(found)), note=queries.needs_in_words(found))]


def _needs_panel(look: Look) -> Mapping[str, Any]:
    return {"needs": look.once(_needs)}


def _hosts_panel(look: Look) -> Mapping[str, Any]:
    return {"hosts": look.once(_hosts), "queues": look.once(_queues)}
