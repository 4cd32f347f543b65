"""`manage.py first_light`: the experiment a newcomer finds running, made once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.models import User
from apps.experiments.services import first_experiment_ensure


class Command(BaseCommand):
    """Start the first experiment in a lab where nothing has been run."""

    help = "Start the first experiment (forty real training tasks) in a lab where nothing has been run yet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose it is."""
        parser.add_argument("--owner", default="", help="user name of its owner; default: the first admin")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, or say why not."""
        owner = owner_named(options["owner"])
        made = first_experiment_ensure(owner=owner)
        if made is None:
            self.stdout.write("Nothing to do: experiments have been run here, or no ARC tasks are imported.")
        else:
            self.stdout.write(f"{made.name} ({made.pk}) is {made.get_status_display().lower()}.")


def owner_named(name: str) -> User:
    """The member of that name, the first admin by default."""
    found = User.objects.filter(username=name) if name else User.objects.filter(role="admin").order_by("date_joined")
    owner = found.first()
    if owner is None:
        known = ", ".join(User.objects.order_by("username").values_list("username", flat=True)[:20])
        raise CommandError(f"There is no {f'member {name!r}' if name else 'admin'}. Known: {known or 'nobody'}.")
    return owner
