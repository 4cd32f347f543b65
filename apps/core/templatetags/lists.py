"""`{% load lists %}`: the small marks a list's parts carry (`apps.core.lists`)."""

from __future__ import annotations

from django.template import Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core import icons
from apps.core.lists import Listing

register = Library()


@register.simple_tag
def swaps(listing: Listing, top: bool = False) -> SafeString:
    """For a link that leads to the same list in another state: only the list is fetched and swapped."""
    place = " show:window:top focus-scroll:false" if top else ""
    return format_html(
        'hx-boost="true" hx-target="#{0}" hx-select="#{0}" hx-swap="outerHTML{1}" hx-push-url="true"',
        listing.name,
        place,
    )


@register.simple_tag
def act(listing: Listing, url: str, label: str, icon: str) -> SafeString:
    """A small button in a row that posts to `url` and comes back to the list: all of a list share one form."""
    return format_html(
        '<button class="btn btn-small btn-icon btn-quiet" type="submit" form="{}-act" formaction="{}" '
        'aria-label="{}" title="{}">{}</button>',
        listing.name,
        url,
        label,
        label,
        SafeString(icons.svg(icon, "icon-s")),
    )


@register.simple_tag
def pick(listing: Listing, value: object, label: str = "") -> SafeString:
    """The box that chooses a row for what is done to many; nothing where nothing may be."""
    if not listing.bulk:
        return SafeString("")
    return format_html(
        '<input type="checkbox" name="pick" value="{}" form="{}-bulk" data-pick aria-label="Choose {}">',
        value,
        listing.name,
        label or value,
    )
