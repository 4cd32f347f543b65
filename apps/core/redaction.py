"""Secrets do not get into logs: whatever is written there passes here, whoever wrote it."""

from __future__ import annotations

import logging
import re

_SECRETS = (
    (re.compile(r"(/login/link/)[^/\s\"'?#]+"), r"\1…"),
    (re.compile(r"(tk_[0-9a-f]{12}_)[0-9a-zA-Z]+"), r"\1…"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "eyJ…"),
    (re.compile(r"\b(bearer)([\s.:]+)(?!…)[^\s\"',;)\]]+", re.IGNORECASE), r"\1\2…"),
    (
        re.compile(
            r"((?:[?&;\s,{(]|^)[\"']?(?:access_|refresh_|id_|csrfmiddleware)?(?:token|api_?key|password|passwd|secret|sessionid)"
            r"[\"']?\s*[=:]\s*[\"']?)(?!…)[^&\s\"',;)}]+",
            re.IGNORECASE,
        ),
        r"\1…",
    ),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)", re.IGNORECASE), r"\1…"),
)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127) if chr(code) != "\t"} | {10: "\\n", 13: "\\r"}


def masked(text: str) -> str:
    """The text without keys, tokens, passwords and the paths of login links."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class MaskingFormatter(logging.Formatter):
    """Of every log of ours: masks secrets, in messages and traces alike, and keeps a message on its line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Nobody writes a line of their own by asking for an address with a line break in it."""
        record.message = record.message.translate(_CONTROL)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """As it is written."""
        return masked(super().format(record))
