"""Files the lab keeps: one row a content. Who needs one refers to it with a protected foreign key; see `apps.core.artefacts`."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact


class Damage(models.TextChoices):
    """What the last look at a file found wrong."""

    NONE = "", "none"
    MISSING = "missing"
    DAMAGED = "damaged"


class Artefact(models.Model):
    """A file by its content, in the storage folder. Its name is the business of whoever refers to it.

    It stays while any row refers to it through a foreign key with `on_delete=PROTECT`, and for a while after
    `renewed_at`, the moment it was last stored or about to be referred to.
    """

    sha256 = models.CharField(primary_key=True, max_length=64)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=127)
    created_at = models.DateTimeField()
    renewed_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True)
    damage = models.CharField(max_length=8, choices=Damage.choices, blank=True, default=Damage.NONE)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Exact(Length("sha256"), 64), name="core_artefact_whole_hash"),
            models.CheckConstraint(condition=Q(size__gte=0), name="core_artefact_size_range"),
            models.CheckConstraint(condition=Q(damage__in=Damage.values), name="core_artefact_damage_known"),
        ]
        indexes = [models.Index(fields=["renewed_at"], name="core_artefact_renewed")]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.size} bytes)"


class ArtefactPart(models.Model):
    """A file of a folder: the folder is the artefact of its manifest, and holds its files while it is held itself."""

    folder = models.ForeignKey(Artefact, on_delete=models.CASCADE, related_name="parts")
    name = models.CharField(max_length=1024)
    file = models.ForeignKey(Artefact, on_delete=models.PROTECT, related_name="folders")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["folder", "name"], name="core_artefactpart_name_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.folder_id[:12]}"
