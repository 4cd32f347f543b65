"""`{% load gallery %}`: the cards of the gallery, drawn without a template each: up to 240 a page."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import quote

from django import template
from django.utils.safestring import SafeString, mark_safe

from apps.core import icons
from apps.core.lists import Listing
from apps.core.templatetags.lists import pick
from apps.tasks.models import Difficulty

register = template.Library()

_SOLVED = (
    '<span class="card-solved st-done" title="Solved by a strategy">'
    f'{icons.svg(icons.STATUS_ICONS["solved"], "icon-s")}<span class="sr-only">solved</span></span>'
)


@register.simple_tag
def cards(listing: Listing) -> SafeString:
    """The tasks of a page, each as a card that leads to it."""
    return mark_safe("".join(_card(listing, **row) for row in listing.items))  # noqa: S308 - escaped in the parts


def _card(listing: Listing, *, task: Any, picture: SafeString, solved: bool) -> str:
    judged = task.difficulty_level if task.difficulty_level != Difficulty.UNKNOWN else ""
    return (
        f'<li class="card-place">{pick(listing, task.pk, task.raw_id)}<a class="card" '
        f'href="/tasks/{escape(quote(task.pk, safe=":"))}/"><span class="card-picture">{picture}</span>'
        f'<span class="card-words"><span class="mono ellipsis">{escape(task.raw_id)}</span>{_SOLVED if solved else ""}'
        f'<span class="card-set">{escape(task.dataset)} {task.task_source}{f" · {judged}" if judged else ""}</span>'
        f"</span></a></li>"
    )
