"""The house's icons: 16 by 16, one stroke of 1.5, drawn for Terrarium. `{% icon "name" %}` puts one on a page."""

from __future__ import annotations

from typing import Final

_RING = '<circle cx="8" cy="8" r="6"/>'

PATHS: Final[dict[str, str]] = {
    # Areas
    "observatory": '<path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Z"/><circle cx="8" cy="8" r="1.9"/>',
    "tasks": '<rect x="2" y="2" width="5" height="5" rx="1"/><rect x="9" y="2" width="5" height="5" rx="1"/>'
    '<rect x="2" y="9" width="5" height="5" rx="1"/><path d="M9.5 11.5h4M11.5 9.5v4"/>',
    "experiments": '<path d="M6 1.8h4M6.7 1.8v4.4L3 12.4a1.2 1.2 0 0 0 1 1.8h8a1.2 1.2 0 0 0 1-1.8L9.3 6.2V1.8M4.8 9.7h6.4"/>',
    "training": '<path d="M2 2v12h12"/><path d="M4.5 4c1 5 3.5 7 9 7.3"/>',
    "models": '<path d="m8 1.8 5.5 3v6.4L8 14.2l-5.5-3V4.8Z"/><path d="M2.6 4.9 8 7.8l5.4-2.9M8 7.8v6.3"/>',
    "carbon": '<path d="M2.5 13.5C3 6 7 2.5 13.5 2.5 13.5 9.5 10 13 5 11.5"/><path d="M5 11.5C6.5 8.7 8.3 7 10.5 5.8"/>',
    "evolution": '<circle cx="4" cy="3.5" r="1.7"/><circle cx="4" cy="12.5" r="1.7"/><circle cx="12" cy="6" r="1.7"/>'
    '<path d="M4 5.200v5.600M12 7.700c0 2.3-3.5 1.8-6.3 3.6"/>',
    "agents": '<circle cx="8" cy="3.2" r="1.7"/><circle cx="3.2" cy="12" r="1.7"/><circle cx="12.8" cy="12" r="1.7"/>'
    '<path d="M7.2 4.8 4 10.400M8.8 4.8 12 10.400M5 12h6"/>',
    "system": '<rect x="2" y="2.5" width="12" height="4.5" rx="1"/><rect x="2" y="9" width="12" height="4.5" rx="1"/>'
    '<path d="M4.5 4.750h.01M4.5 11.250h.01M7.5 4.750h4M7.5 11.250h4"/>',
    # Doing
    "search": '<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>',
    "menu": '<path d="M2.5 4.500h11M2.5 8h11M2.5 11.500h11"/>',
    "close": '<path d="m4 4 8 8M12 4l-8 8"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
    "minus": '<path d="M3 8h10"/>',
    "check": '<path d="m3 8.5 3.2 3.200L13 5"/>',
    "copy": '<rect x="5.5" y="5.5" width="8" height="8" rx="1.2"/><path d="M10.5 5.500V3.700a1.2 1.2 0 0 0-1.2-1.200H3.700a1.2 1.2 0 0 0-1.2 1.200v5.600a1.2 1.2 0 0 0 1.2 1.200h1.8"/>',
    "download": '<path d="M8 2.500v8M4.8 7.5 8 10.700l3.2-3.200M2.5 13.500h11"/>',
    "upload": '<path d="M8 10.700v-8M4.8 5.7 8 2.500l3.2 3.200M2.5 13.500h11"/>',
    "play": '<path d="M4.5 2.800v10.400l8.5-5.200Z"/>',
    "pause": '<path d="M5.2 3v10M10.8 3v10"/>',
    "stop": '<rect x="3.5" y="3.5" width="9" height="9" rx="1"/>',
    "retry": '<path d="M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 1.800v3h-3"/>',
    "trash": '<path d="M2.5 4.500h11M6 4.500v-2h4v2M4 4.500l.6 9h6.800l.6-9M6.7 7v4M9.3 7v4"/>',
    "edit": '<path d="M10.8 2.7 13.3 5.2 5.5 13H3v-2.500Z"/>',
    "more": '<circle class="solid" cx="3.5" cy="8" r="1.3"/><circle class="solid" cx="8" cy="8" r="1.3"/><circle class="solid" cx="12.5" cy="8" r="1.3"/>',
    "filter": '<path d="M2 3.500h12M4.5 8h7M6.5 12.500h3"/>',
    "external": '<path d="M9.5 2.500h4v4M13.5 2.5 7.5 8.500M11.5 9.500v3a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3"/>',
    "chevron-right": '<path d="m6 3.5 4.5 4.500L6 12.5"/>',
    "chevron-left": '<path d="M10 3.5 5.5 8l4.5 4.5"/>',
    "chevron-up": '<path d="M3.5 10 8 5.5 12.5 10"/>',
    "chevron-down": '<path d="M3.5 6 8 10.5 12.5 6"/>',
    "chevrons-left": '<path d="M7.5 4 3.5 8l4 4M12.5 4l-4 4 4 4"/>',
    "arrow-right": '<path d="M2.5 8h11M9.5 4l4 4-4 4"/>',
    "sort": '<path d="M8 3v10M4.5 9.5 8 13l3.5-3.5"/>',
    "link": '<path d="M6.5 9.500a3 3 0 0 0 4.2 0l2-2a3 3 0 0 0-4.2-4.200l-.8.8M9.5 6.500a3 3 0 0 0-4.2 0l-2 2a3 3 0 0 0 4.2 4.200l.8-.8"/>',
    "eye": '<path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Z"/><circle cx="8" cy="8" r="1.9"/>',
    "eye-off": '<path d="M2 2l12 12M6.2 6.300A2.5 2.5 0 0 0 9.7 9.800M4.3 4.400C2.5 5.6 1.5 8 1.5 8S4 12.5 8 12.500c1.3 0 2.4-.4 3.3-1M7 3.6 8 3.500c4 0 6.5 4.5 6.5 4.500s-.5.9-1.4 1.9"/>',
    # People and places
    "user": '<circle cx="8" cy="5.2" r="2.7"/><path d="M2.8 13.800c.5-2.7 2.5-4.1 5.2-4.100s4.7 1.4 5.2 4.1"/>',
    "users": '<circle cx="6" cy="5.5" r="2.4"/><path d="M1.5 13.500c.4-2.4 2.1-3.7 4.5-3.700s4.1 1.3 4.5 3.700M10.5 3.200a2.4 2.4 0 0 1 0 4.600M12.3 10.100c1.3.6 2 1.7 2.2 3.4"/>',
    "key": '<circle cx="5" cy="11" r="3"/><path d="m7.2 8.8 6-6M11 5l2 2"/>',
    "logout": '<path d="M6.5 2.500h-3a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h3M6.5 8h7M10.5 5l3 3-3 3"/>',
    "sun": '<circle cx="8" cy="8" r="2.8"/><path d="M8 1.500v1.300M8 13.200v1.300M1.5 8h1.300M13.2 8h1.300M3.4 3.400l.9.9M11.7 11.700l.9.9M12.6 3.400l-.9.9M4.3 11.700l-.9.9"/>',
    "moon": '<path d="M13.5 9.700A6 6 0 0 1 6.3 2.500a6 6 0 1 0 7.2 7.200Z"/>',
    "monitor": '<rect x="2" y="2.5" width="12" height="8.5" rx="1"/><path d="M5.5 13.800h5M8 11v2.8"/>',
    "host": '<rect x="2.5" y="2.5" width="11" height="7.5" rx="1"/><path d="M1.5 13h13"/>',
    "disk": '<ellipse cx="8" cy="4" rx="5.5" ry="2"/><path d="M2.5 4v8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V4M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2"/>',
    "file": '<path d="M4 1.800h5l3.5 3.500v9H4ZM9 1.800v3.500h3.5"/>',
    "book": '<path d="M8 3.800C6.5 2.8 4.5 2.5 2 2.600v10c2.5-.1 4.5.2 6 1.2 1.5-1 3.5-1.3 6-1.200v-10c-2.5-.1-4.5.2-6 1.200ZM8 3.800v10"/>',
    "job": '<rect x="2" y="4.5" width="12" height="9" rx="1.2"/><path d="M5.5 4.500v-2h5v2M2 8.500h12"/>',
    "chart": '<path d="M2 2v12h12M5 11V8M8.5 11V4.500M12 11V6.5"/>',
    "palette": '<rect x="2" y="2" width="12" height="12" rx="2"/><path d="M2 6h12M6 6v8"/>',
    # Telling
    "info": f'{_RING}<path d="M8 7.300v3.400M8 5.100h.01"/>',
    "warning": '<path d="M8 2.2 14.6 13.500H1.400ZM8 6.500v3M8 11.400h.01"/>',
    "error": '<path d="M5.5 2h5L14 5.500v5L10.5 14h-5L2 10.500v-5ZM8 5v3.500M8 10.800h.01"/>',
    "done": '<circle class="solid" cx="8" cy="8" r="6.75"/><path class="cut" d="m5 8.3 2.1 2.100L11 6.2"/>',
    # States
    "st-pending": '<circle cx="8" cy="8" r="6" stroke-dasharray="1 2.77"/>',
    "st-queued": _RING,
    "st-running": f'<g opacity=".3">{_RING}</g><path class="turn" d="M8 2a6 6 0 0 1 6 6"/>',
    "st-completed": '<circle class="solid" cx="8" cy="8" r="6.75"/><path class="cut" d="m5 8.3 2.1 2.100L11 6.2"/>',
    "st-failed": '<path class="solid" d="M5.2 1.200h5.600l4 4v5.600l-4 4H5.200l-4-4V5.200Z"/><path class="cut" d="m5.7 5.7 4.6 4.600M10.3 5.700l-4.6 4.6"/>',
    "st-timeout": f'{_RING}<path d="M8 4.700V8l2.3 1.5"/>',
    "st-paused": f'{_RING}<path d="M6.3 5.800v4.400M9.7 5.800v4.4"/>',
    "st-cancelled": f'{_RING}<path d="m3.9 12.1 8.2-8.2"/>',
    # Cells of a matrix
    "cell-exact": '<circle class="solid" cx="8" cy="8" r="5.5"/>',
    "cell-partial": '<circle cx="8" cy="8" r="5"/><path class="solid" d="M8 3a5 5 0 0 0 0 10Z"/>',
    "cell-wrong": '<circle cx="8" cy="8" r="5"/>',
    "cell-nothing": '<circle cx="8" cy="8" r="5" stroke-dasharray="0.1 3.04"/>',
    "cell-error": '<path d="m4 4 8 8M12 4l-8 8"/>',
    "cell-running": '<circle cx="8" cy="8" r="5" stroke-dasharray="5.23 5.23"/>',
    "cell-waiting": '<circle class="solid" cx="8" cy="8" r="1.5"/>',
    "cell-cancelled": '<path d="M4.5 8h7"/>',
}

STATUS_ICONS: Final[dict[str, str]] = {
    "pending": "st-pending",
    "created": "st-pending",
    "queued": "st-queued",
    "running": "st-running",
    "in_progress": "st-running",
    "preparing": "st-running",
    "starting": "st-running",
    "stopping": "st-running",
    "completed": "st-completed",
    "done": "st-completed",
    "ok": "st-completed",
    "ready": "st-completed",
    "solved": "st-completed",
    "failed": "st-failed",
    "quarantined": "st-failed",
    "critical": "st-failed",
    "lost": "st-failed",
    "error": "error",
    "timeout": "st-timeout",
    "paused": "st-paused",
    "partial": "cell-partial",
    "wrong": "cell-wrong",
    "nothing": "cell-nothing",
    "cancelled": "st-cancelled",
    "revoked": "st-cancelled",
    "gone": "st-cancelled",
    "stopped": "st-cancelled",
    "warning": "warning",
    "info": "info",
    "debug": "st-pending",
}
"""The shape of each state; a state without one of its own gets the empty ring."""


def svg(name: str, extra: str = "") -> str:
    """The icon as inline SVG, hidden from assistive technology: a word stands beside it."""
    classes = f"icon {extra}".strip()
    return f'<svg class="{classes}" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{PATHS[name]}</svg>'
