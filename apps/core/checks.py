"""System checks on our own settings, run by every `manage.py` command; `check --deploy` adds Django's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security)
def production_is_ready(**_kwargs: Any) -> list[CheckMessage]:
    """What a production start must have, each with its remedy."""
    config = settings.CONFIG
    if config.env != "production":
        return []
    found: list[CheckMessage] = []
    if not config.allowed_hosts and not config.public_url:
        found.append(
            Error(
                "Production does not know the names it is reached by.",
                hint="Set TERRARIUM_PUBLIC_URL=https://lab.example.org, or TERRARIUM_ALLOWED_HOSTS.",
                id="terrarium.E001",
            )
        )
    if config.debug:
        found.append(
            Error(
                "Debug pages show the code and the settings to strangers.",
                hint="Unset TERRARIUM_DEBUG in production.",
                id="terrarium.E002",
            )
        )
    if not config.enable_auth:
        found.append(
            Error(
                "Single-user mode is for one machine, not for production.",
                hint="Unset TERRARIUM_ENABLE_AUTH.",
                id="terrarium.E003",
            )
        )
    if settings.SECURE_SSL_REDIRECT and not config.trusted_proxies:
        found.append(
            Warning(
                "HTTPS is asked for, and no proxy is named whose word on it counts: behind one, every page redirects for ever.",
                hint="Set TERRARIUM_TRUSTED_PROXIES to the proxy's address, unless this process ends TLS itself.",
                id="terrarium.W005",
            )
        )
    if config.api_workers > 1 and not config.redis_url:
        found.append(
            Warning(
                "Without Redis each web process counts requests on its own, so limits are that many times as wide.",
                hint="Set REDIS_URL, or TERRARIUM_API_WORKERS=1.",
                id="terrarium.W004",
            )
        )
    return found
