"""`{% live_page "name" key %}`: makes the page it stands on follow the event log."""

from __future__ import annotations

from django.db import DatabaseError
from django.template import Context, Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.live.log import head_cursor

register = Library()


@register.simple_tag(takes_context=True)
def live_page(context: Context, name: str, key: object = "") -> SafeString:
    """The element that static/js/live.js binds to, with the cursor taken before the view read its data.

    Outside a request that the middleware saw (a fragment rendered by hand) the log's present end is as good as it gets.
    """
    cursor = getattr(context.get("request"), "live_cursor", None)
    try:
        cursor = cursor or head_cursor()
    except DatabaseError:  # an error page that says so must still be shown
        return SafeString("")
    return format_html(
        '<span hidden data-live-page="{}" data-live-key="{}" data-live-cursor="{}"></span>', name, key, cursor
    )
