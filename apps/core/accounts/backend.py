"""Django's permissions, told by role: admins may do everything in the admin, curators keep the tasks."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser

from apps.core.models import Role, User

_CURATED_APPS = frozenset({"tasks"})


class RoleBackend(ModelBackend):
    """Permissions follow `User.role`, so that there is one thing to set."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Admins: all. Curators: everything about tasks, and a look at the rest but accounts."""
        if not _curates(user_obj):
            return False
        if user_obj.has_role(Role.ADMIN):
            return True
        app, _, action = perm.partition(".")
        return app in _CURATED_APPS or (action.startswith("view_") and app not in {"core", "auth", "sessions"})

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Which sections of the admin are shown."""
        return self.has_perm(user_obj, f"{app_label}.view_any")


def _curates(user: User | AnonymousUser) -> bool:
    return bool(user.is_active and user.is_authenticated and user.has_role(Role.CURATOR))
