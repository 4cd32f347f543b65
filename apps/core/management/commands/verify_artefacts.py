"""`manage.py verify_artefacts`: do the files and their rows agree?"""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.artefacts.verifying import artefacts_verify
from apps.core.models import Artefact
from apps.core.words import plural


class Command(BaseCommand):
    """Says what is missing, damaged or left over, a line each; the exit status is 1 when anything is."""

    help = "Compare every artefact with its file, and look for files nothing knows of."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How thoroughly, and whether to clean up."""
        parser.add_argument("--quick", action="store_true", help="compare lengths only, without reading the files")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="remove files and unfinished writes that no row knows of, once they are past the grace period",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look, say, count."""
        counts: Counter[str] = Counter()
        left = 0
        for finding in artefacts_verify(quick=options["quick"], repair=options["repair"]):
            counts[finding.what] += 1
            left += finding.is_problem
            self.stdout.write(f"{finding.what:9} {finding.words}")
        kept = Artefact.objects.count()
        found = ", ".join(f"{number} {what}" for what, number in sorted(counts.items())) or "all well"
        self.stdout.write(f"{plural(kept, 'artefact')}: {found}.")
        if left:
            raise CommandError(f"{left} need attention.")
