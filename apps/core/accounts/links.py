"""One-time login links: printed by the embedded start, sent as invitations. Kept as hashes, good for one use."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from apps.core.addresses import is_here, is_loopback
from apps.core.errors import Forbidden, NotFound
from apps.core.models import LoginLink, User

LINK_LIFETIME = timedelta(hours=24)
INVITATION_LIFETIME = timedelta(days=7)
_KEEP_USED = timedelta(days=30)


def login_link_create(
    *,
    user: User,
    lifetime: timedelta = LINK_LIFETIME,
    loopback_only: bool | None = None,
    base_url: str | None = None,
) -> str:
    """A fresh link that signs `user` in once. By default it works only on this machine unless others reach it.

    Sweeps away links that ended long ago, so the table stays small.
    """
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    with transaction.atomic():
        LoginLink.objects.filter(expires_at__lt=now - _KEEP_USED).delete()
        LoginLink.objects.create(
            user=user,
            token_hash=_digest(token),
            expires_at=now + lifetime,
            loopback_only=serves_loopback_only() if loopback_only is None else loopback_only,
        )
    return _address(token, base_url)


def login_link_peek(token: str, *, address: str) -> LoginLink:
    """The link behind a token, untouched: mail scanners and link previews fetch addresses before people do."""
    link = LoginLink.objects.select_related("user").filter(token_hash=_digest(token)).first()
    if link is None or link.used_at is not None or link.expires_at <= timezone.now() or not link.user.is_active:
        raise NotFound(
            "This login link has been used, has expired, or never was. "
            "Whoever runs this server prints another with: python manage.py login_link. An admin can send one too."
        )
    if link.loopback_only and not is_here(address):
        raise Forbidden(
            "This login link works only on the machine that runs Terrarium. Reach it through a tunnel: "
            f"ssh -L {settings.CONFIG.api_port}:127.0.0.1:{settings.CONFIG.api_port} <that machine>."
        )
    return link


def login_link_consume(token: str, *, address: str) -> User:
    """The member the link is for; of two who use it at once, one is let in."""
    link = login_link_peek(token, address=address)
    if not LoginLink.objects.filter(pk=link.pk, used_at__isnull=True).update(used_at=timezone.now()):
        raise NotFound("This login link has just been used.")
    return link.user


def serves_loopback_only() -> bool:
    """Whether nobody but this machine is meant to reach the server."""
    config = settings.CONFIG
    return config.public_url is None and not config.trusted_proxies and is_loopback(config.api_host)


def _address(token: str, base_url: str | None) -> str:
    """Under the public URL where there is one, on this machine otherwise."""
    config = settings.CONFIG
    base = base_url or config.public_url or f"http://{_host_to_open(config.api_host)}:{config.api_port}"
    return f"{base.rstrip('/')}{reverse('core:login-link', args=[token])}"


def _host_to_open(host: str) -> str:
    if host in {"0.0.0.0", "::", "localhost"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
