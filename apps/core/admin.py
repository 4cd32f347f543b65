"""Core in the Django admin: for looking things up. What changes them are the pages and the API, with their rules."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from apps.core.access import member
from apps.core.admin_gate import GatedAdmin
from apps.core.errors import Conflict
from apps.core.models import ApiKey, Job, JobAttempt, Service, SystemEvent, User, Worker
from apps.core.system_events import system_event_resolve, system_events

admin.site.site_header = "Terrarium"
admin.site.site_title = "Terrarium"
admin.site.index_title = "Curate"
admin.site.unregister(Group)  # roles say who may do what


class LookOnly(GatedAdmin):
    """Shows rows; adds, changes and deletes none. Who may see them, the roles decide (`accounts.backend.RoleBackend`)."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never here."""
        return False


@admin.register(User)
class UserAdmin(LookOnly):
    """Members; the page People invites and changes them."""

    list_display = ("username", "role", "email", "is_active", "last_login", "date_joined")
    list_filter = ("role", "is_active")
    search_fields = ("username", "email", "first_name", "last_name")
    fields = ("id", "username", "first_name", "last_name", "email", "role", "is_active", "last_login", "date_joined")


@admin.register(ApiKey)
class ApiKeyAdmin(LookOnly):
    """Keys, without their hashes."""

    list_display = ("name", "owner", "prefix", "scopes", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__username")
    fields = ("key_id", "owner", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")


@admin.register(SystemEvent)
class SystemEventAdmin(LookOnly):
    """What happened, searched by full text, resolved by an action."""

    list_display = ("public_id", "severity", "event_source", "event_type", "message", "occurred_at", "resolved_at")
    list_filter = ("severity", "event_source", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("message",)
    search_help_text = "Words of the message or the context; beginnings suffice."
    date_hierarchy = "occurred_at"
    actions = ("resolve",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the full-text index, as on the page."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=system_events(text=search_term).order_by().values("pk")), False

    @admin.action(description="Resolve", permissions=["view"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[SystemEvent]) -> None:
        """Mark the chosen events as dealt with."""
        resolved = 0
        for event in queryset:
            try:
                system_event_resolve(event=event, by=member(request))
                resolved += 1
            except Conflict:
                continue
        self.message_user(request, f"{resolved} resolved.", messages.SUCCESS)


@admin.register(Job)
class JobAdmin(LookOnly):
    """The queue; the pages under System act on it."""

    list_display = ("job_id", "kind", "queue", "status", "owner", "attempt", "created_at", "finished_at")
    list_filter = ("status", "kind", "queue")
    list_select_related = ("owner",)
    search_fields = ("job_id", "topic")


@admin.register(JobAttempt)
class JobAttemptAdmin(LookOnly):
    """Executions of jobs."""

    list_display = ("job", "number", "outcome", "host", "wall_seconds", "cpu_seconds", "started_at")
    list_filter = ("outcome", "host")
    list_select_related = ("job",)
    search_fields = ("job__job_id", "error_code")


@admin.register(Worker)
class WorkerAdmin(LookOnly):
    """Worker processes as they last reported themselves."""

    list_display = ("name", "host", "pid", "slots", "warming", "version", "last_seen_at")


@admin.register(Service)
class ServiceAdmin(LookOnly):
    """Services; the page under System starts and stops them."""

    list_display = ("service_id", "kind", "key", "status", "wanted", "host", "restarts", "last_used_at")
    list_filter = ("status", "kind", "host")
    list_select_related = ("owner",)
    search_fields = ("service_id", "key")
    exclude = ("secret",)
