"""What jobs measure, step by step. Written and read in `apps.core.metrics` alone."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

MAX_KEY = 250
MAX_STEP = 2**53 - 1
_LARGEST = 1.7976931348623157e308


class Nonfinite(models.TextChoices):
    """What a value is that is no number to draw."""

    NO = "", "a number"
    NAN = "nan", "not a number"
    INF = "inf", "infinite"
    NEGATIVE_INF = "-inf", "negative infinite"


def _finite(value: str, kind: str) -> Q:
    """A value is a finite number, or null with the word for what it was."""
    number = Q(**{f"{value}__isnull": False, f"{value}__gte": -_LARGEST, f"{value}__lte": _LARGEST, kind: ""})
    return number | Q(**{f"{value}__isnull": True, f"{kind}__in": [word for word in Nonfinite.values if word]})


class MetricSeries(models.Model):
    """One curve: a key of a job, where it begins, and its latest value, so that lists need not look at points.

    `written` counts points as they are written, one that is replaced again. Its growth tells readers that the curve has
    moved. `shift` and `levels` say which `MetricBlock`s sum it up, see there.
    """

    job = models.ForeignKey("core.Job", on_delete=models.CASCADE, related_name="metric_series", db_index=False)
    key = models.CharField(max_length=MAX_KEY)
    first_step = models.BigIntegerField()
    last_step = models.BigIntegerField()
    last_value = models.FloatField(null=True, blank=True)
    last_nonfinite = models.CharField(max_length=4, choices=Nonfinite.choices, blank=True, default="")
    last_at = models.DateTimeField()
    written = models.BigIntegerField()
    shift = models.PositiveSmallIntegerField(null=True, blank=True)
    levels = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "key"], name="core_metricseries_key_once"),
            models.CheckConstraint(
                condition=_finite("last_value", "last_nonfinite"), name="core_metricseries_finite_or_told"
            ),
            models.CheckConstraint(
                condition=Q(
                    first_step__gte=-MAX_STEP, last_step__lte=MAX_STEP, first_step__lte=F("last_step"), written__gte=1
                ),
                name="core_metricseries_steps_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.job_id}"


class MetricPoint(models.Model):
    """One value: `(job, key, step) -> value, at`, where job and key are told by the series.

    On SQLite the table is kept in the order of its key, WITHOUT ROWID: half the size and three times as fast to read. (A
    later migration that makes Django rebuild it must say so again, as with triggers.) There is no foreign key in the
    database, which would look up the series for each of millions of points; points are deleted with their series.
    """

    pk = models.CompositePrimaryKey("series", "step")
    series = models.ForeignKey(
        MetricSeries, on_delete=models.CASCADE, related_name="points", db_index=False, db_constraint=False
    )
    step = models.BigIntegerField()
    value = models.FloatField(null=True, blank=True)
    nonfinite = models.CharField(max_length=4, choices=Nonfinite.choices, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_finite("value", "nonfinite"), name="core_metricpoint_finite_or_told")
        ]

    def __str__(self) -> str:
        return f"{self.series_id}@{self.step}: {self.nonfinite or self.value}"


class MetricBlock(models.Model):
    """What lies in a range of steps of a long curve: the lowest, the highest, and the first that is no number.

    A block of level 0 spans 2^shift steps, about eight points; each level above four blocks of the one below. So a curve
    of any length is drawn from a few hundred rows, its spikes and its NaN included.
    """

    pk = models.CompositePrimaryKey("series", "level", "block")
    series = models.ForeignKey(
        MetricSeries, on_delete=models.CASCADE, related_name="blocks", db_index=False, db_constraint=False
    )
    level = models.PositiveSmallIntegerField()
    block = models.BigIntegerField()
    low = models.FloatField(null=True, blank=True)
    low_step = models.BigIntegerField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    high_step = models.BigIntegerField(null=True, blank=True)
    nonfinite_step = models.BigIntegerField(null=True, blank=True)
    nonfinite = models.CharField(max_length=4, choices=Nonfinite.choices, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.series_id}/{self.level}/{self.block}"
