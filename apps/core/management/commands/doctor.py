"""Looks at everything this place needs and says what is out of order."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.core.doctor import FAIL, WARN, Finding, examine

_MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


class Command(BaseCommand):
    """`manage.py doctor [--json]`; leaves with 1 when something does not work."""

    help = (
        "Check Python, database, broker, storage, workers, secrets, clock and sandbox; exit code 1 if something fails."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """How to say it."""
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, and say."""
        findings = examine()
        failed = any(finding.state == FAIL for finding in findings)
        if options["json"]:
            report = {"healthy": not failed, "findings": [finding.as_dict() for finding in findings]}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self._tell(findings)
        if failed:
            sys.exit(1)

    def _tell(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.stdout.write(f"{_MARKS[finding.state]}  {finding.name:<11} {finding.message}")
            if finding.remedy:
                self.stdout.write(f"{'':6}{'':11} -> {finding.remedy}")
        warned = sum(finding.state == WARN for finding in findings)
        failed = sum(finding.state == FAIL for finding in findings)
        self.stdout.write(f"\n{failed} failed, {warned} to look at, {len(findings) - failed - warned} in order.")
