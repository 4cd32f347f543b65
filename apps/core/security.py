"""What a view may ask of the content security policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.http.response import HttpResponseBase

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)

INLINE_STYLES = "_terrarium_inline_styles"
"""The attribute of a response whose page may carry inline styles."""


def allow_inline_styles(view: Callable[P, R]) -> Callable[P, R]:
    """For views whose page draws charts: Bokeh sets inline styles, so their CSP lets styles in. Scripts stay 'self'."""

    @wraps(view)
    def marked(*args: P.args, **kwargs: P.kwargs) -> R:
        response = view(*args, **kwargs)
        setattr(response, INLINE_STYLES, True)
        return response

    return marked
