"""Column helpers shared by all apps."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Func
from django.db.models.sql.compiler import SQLCompiler


class SpecIndex(models.Index):
    """An index that keeps the name given by the schema, which may be longer than Django's portable 30."""

    max_name_length = 63


class TransactionId(Func):
    """Database default: the writing transaction's id on PostgreSQL, 0 on SQLite, where row ids already grow in commit order."""

    function = "pg_current_xact_id"
    output_field = models.BigIntegerField()

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        """Zero: row ids suffice."""
        return "0", []

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        """The 64-bit transaction id as a bigint."""
        return "((pg_current_xact_id()::text)::bigint)", []


class TimestampMixin(models.Model):
    """`created_at` and `updated_at`; a database trigger keeps the latter true for bulk updates and plain SQL too."""

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
