"""What a password must be, beside Django's rules, and what its setting ends."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError

from apps.core.edge.text import objection_to
from apps.core.models import LoginLink

MAX_PASSWORD = 1024
"""Longer ones are hashed for longer than a request should take. Every field that takes a password says the same."""


class UsableLater:
    """A password that can be set can be typed at every door; setting one ends the login links that still stand.

    Django calls `password_changed` whoever sets it: the page, `manage.py changepassword`, a shell.
    """

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Not longer than the login takes, and of characters that can be sent."""
        if len(password) > MAX_PASSWORD:
            raise ValidationError(f"This password has {len(password)} characters; {MAX_PASSWORD} are the most.")
        problem = objection_to(password)
        if problem:
            raise ValidationError(problem)

    def get_help_text(self) -> str:
        """For whoever chooses one."""
        return f"Your password can have at most {MAX_PASSWORD} characters."

    def password_changed(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """A link that was sent before signs nobody in any more."""
        if user is not None and user.pk is not None:
            LoginLink.objects.filter(user_id=user.pk, used_at__isnull=True).delete()
