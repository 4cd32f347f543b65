"""Prints a fresh link that signs one person in once."""

from __future__ import annotations

import getpass
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.accounts import first_admin_ensure, login_link_create
from apps.core.accounts.links import serves_loopback_only
from apps.core.errors import TerrariumError
from apps.core.models import User


class Command(BaseCommand):
    """`manage.py login_link [--user NAME]`."""

    help = "Print a link that signs one person in once, valid for 24 hours. Makes the first admin where nobody is."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whom the link is for."""
        parser.add_argument("--user", metavar="NAME", help="the member it is for; the first admin by default")

    def handle(self, *args: Any, **options: Any) -> None:
        """The link alone goes to standard output, so that scripts can use it; the advice to standard error."""
        try:
            user = _member(options["user"]) if options["user"] else first_admin_ensure()
        except TerrariumError as error:
            raise CommandError(error.message) from None
        self.stdout.write(login_link_create(user=user))
        self.stderr.write(f"Signs in {user.username}, once, within 24 hours.")
        if serves_loopback_only():
            port = settings.CONFIG.api_port
            self.stderr.write(
                f"From another computer, first: ssh -L {port}:127.0.0.1:{port} {getpass.getuser()}@{socket.gethostname()}"
            )


def _member(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"Nobody is named {name!r}. Invite them on the page People, or leave --user away.")
    if not user.is_active:
        raise CommandError(f"{name} is deactivated. Activate the account on the page People first.")
    return user
