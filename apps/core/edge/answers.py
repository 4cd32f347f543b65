"""An answer before Django, or in its place: the same error, in the same shape, with the same headers."""

from __future__ import annotations

import io

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

from apps.core.edge.proxy import Scope, Send
from apps.core.errors import TerrariumError
from apps.core.middleware import refusal, with_security_headers


async def answer(scope: Scope, send: Send, error: TerrariumError) -> None:
    """Tell an error and end the connection: whatever its client still sends is not read."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]  # it may be what is wrong
    request = ASGIRequest({**scope, "query_string": b"", "headers": headers}, io.BytesIO())
    response: HttpResponse = with_security_headers(request, refusal(request, error))
    told = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
    told += [(b"content-length", str(len(response.content)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": response.status_code, "headers": told})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.content})
