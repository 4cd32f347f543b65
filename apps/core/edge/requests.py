"""What is wrong with a request before any view looks at it: its address, its cookies, how its body says it is written."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

from apps.core.edge.text import is_usable, objection_to
from apps.core.errors import BadRequest, Invalid, TerrariumError, UnsupportedMedia

MAX_QUERY_VALUE = 4000
"""No address of ours holds more in one value, and databases refuse to search for a text much longer."""

_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_SHOWN_NAME = 60


def objection_to_request(request: HttpRequest) -> TerrariumError | None:
    """Why it cannot be answered; nothing when it can. Cookies that cannot be ours are dropped: ports share them."""
    for name in [name for name, value in request.COOKIES.items() if not is_usable(name + value)]:
        del request.COOKIES[name]
    if not is_usable(request.path):
        return BadRequest("The address may not hold NUL.")
    charset = (request.content_params or {}).get("charset", "utf-8").strip("'\" ").lower()
    if charset not in _UTF8:
        return UnsupportedMedia(f"Send text as UTF-8, not as {charset[:_SHOWN_NAME]!r}.")
    problem = _first_problem(request.GET.lists(), longest=MAX_QUERY_VALUE)
    return BadRequest("{}: {}".format(*problem), details={"field": problem[0]}) if problem else None


def objection_to_form(request: HttpRequest) -> TerrariumError | None:
    """The same for what a form brings. Large uploads are looked at only once somebody else has had them read."""
    if request.content_type != "application/x-www-form-urlencoded" and not hasattr(request, "_post"):
        return None
    names = ((name, [file.name or "" for file in files]) for name, files in request.FILES.lists())
    problem = _first_problem(request.POST.lists()) or _first_problem(names)
    return Invalid(problem[1], field=problem[0]) if problem else None


def _first_problem(fields: Iterable[tuple[str, list[str]]], *, longest: int | None = None) -> tuple[str, str] | None:
    for name, values in fields:
        for text in (name, *values):
            problem = objection_to(text)
            if problem is None and longest is not None and len(text) > longest:
                problem = f"This is longer than {longest} characters."
            if problem is not None:
                return _shown(name), problem
    return None


def _shown(name: str) -> str:
    """A name that may be told back."""
    return name[:_SHOWN_NAME].replace("\x00", "").encode("utf-8", "replace").decode()
