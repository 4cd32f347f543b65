"""Asking a process whether it serves: a connection to where it listens, or an answer over HTTP."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """Where it listens: a port of a host, or a Unix socket."""

    host: str
    port: int | None
    path: str = ""
    """Of the socket."""

    def connect(self, timeout: float) -> socket.socket:
        """A connection; an OSError when nobody takes it."""
        if self.port is not None:
            return socket.create_connection((self.host, self.port), timeout)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(self.path)
        except OSError:
            connection.close()
            raise
        return connection


def trouble(target: Target, path: str, *, secret: str, timeout: float) -> str:
    """What is wrong with it; empty when it answers 2xx at `path`, or takes a connection if there is none."""
    try:
        with target.connect(timeout) as connection:
            return _ask(connection, target, path, secret, timeout) if path else ""
    except OSError as error:
        return f"nobody answers: {error.strerror or error}"
    except http.client.HTTPException as error:
        return f"it does not answer in HTTP: {type(error).__name__}"


def _ask(connection: socket.socket, target: Target, path: str, secret: str, timeout: float) -> str:
    client = http.client.HTTPConnection(target.host, timeout=timeout)
    client.sock = connection
    client.request("GET", path, headers={"Authorization": f"Bearer {secret}", "Connection": "close"})
    status = client.getresponse().status
    return "" if 200 <= status < 300 else f"it answers {status} at {path}"


def free_port(host: str) -> int:
    """A port nobody listens on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])
