"""People, their keys and one-time login links. Secrets are stored as hashes only."""

from __future__ import annotations

import hashlib

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from apps.core import ids


class Role(models.TextChoices):
    """What a member of the lab may do; each role includes the ones before it."""

    VIEWER = "viewer"
    RESEARCHER = "researcher"
    CURATOR = "curator"
    ADMIN = "admin"


class User(AbstractUser):
    """A member of the lab."""

    id = models.CharField(primary_key=True, max_length=40, default=ids.new_user_id, editable=False)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.RESEARCHER)
    last_looked_at = models.DateTimeField(null=True, blank=True)
    access_generation = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    """Raised whenever all doors are shut at once: sessions and tokens of an earlier generation stay dead."""

    granted_scopes: frozenset[str] | None = None
    """What the key or token behind this request carries; null for a session, which has all of its role."""

    class Meta(AbstractUser.Meta):
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="core_user_role_known")]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What sessions and tokens are held against; changes with the password and with the generation."""
        of_password: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        if not self.access_generation:
            return of_password
        return hashlib.sha256(f"{of_password}:{self.access_generation}".encode()).hexdigest()

    def has_role(self, role: str) -> bool:
        """Whether this member's role includes `role`. A key without the `admin` scope never acts as an admin."""
        if role == Role.ADMIN and self.granted_scopes is not None and "admin" not in self.granted_scopes:
            return False
        order = list(Role.values)
        return self.is_superuser or order.index(self.role) >= order.index(role)


class ApiKey(models.Model):
    """A program's way in: `tk_<prefix>_<secret>`, of which only the prefix and a SHA-256 of the whole are kept.

    A key that was made with a key dies with it (`parent`); one made with a token by password dies with the password
    (`ends_with` holds the mark the token carried). Neither outlives what made it.
    """

    key_id = models.CharField(primary_key=True, max_length=40, default=ids.new_api_key_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    secret_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")
    ends_with = models.CharField(max_length=16, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "-created_at"], name="core_apikey_owner")]

    def __str__(self) -> str:
        return f"{self.name} (tk_{self.prefix}_…)"


class LoginLink(models.Model):
    """A link that signs one person in once; `loopback_only` ones work on the machine itself and through SSH tunnels."""

    link_id = models.CharField(primary_key=True, max_length=40, default=ids.new_login_link_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="login_links")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    loopback_only = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"Login link for {self.user}"
