"""Django admin for projects, their members and their keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

import events.plan.admin  # noqa: F401 (Django looks here alone)
from config.engine import rollups, store
from events.gateway.auth import digest
from events.models import ApiKey, AuditEntry, Membership, Operation, Project
from events.purge import purge_project
from events.roles import Role
from events.services import create_key, revoke_key

admin.site.site_header = "Sluice"
admin.site.site_title = "Sluice"
admin.site.index_title = "Administration"


def _show_once(request: HttpRequest, kind: str, token: str) -> None:
    messages.warning(request, f"The {kind} key, shown this once, keep it: {token}")


class MembershipInline(admin.TabularInline):
    """Who may see a project's pages, and do what there."""

    model = Membership
    extra = 1


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    """Makes a project together with its first keys; deletes one with everything that was stored for it."""

    list_display = ["slug", "name", "is_sample", "quota_events_per_second", "created_at"]
    list_filter = ["is_sample"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name", "quota_events_per_second", "quota_burst_events"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Project | None = None) -> dict[str, Any]:
        """Propose a slug for a new project only."""
        return {} if obj else dict(self.prepopulated_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> list[str]:
        """Keep the slug of a project that exists: its pages' addresses hold it."""
        return ["slug"] if obj else []

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Give a new project its creator as an admin, and a key of each kind."""
        super().save_related(request, form, formsets, change)
        if change:
            return
        assert request.user.is_authenticated
        Membership.objects.get_or_create(
            project=form.instance, user=request.user, defaults={"role": Role.ADMIN}
        )
        for kind in ApiKey.Kind.values:
            _show_once(request, kind, create_key(project=form.instance, kind=kind, label="first"))

    def get_deleted_objects(
        self, objs: QuerySet[Project] | Iterable[Project], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Say what a deletion takes along; the events are too many to list."""
        names = [f"{project}: its events, sessions, dead letters, keys and members" for project in objs]
        return names, {"projects": len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Project) -> None:
        """Remove the project from every stage."""
        purge_project(obj.pk, store=store(), rollups=rollups())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        """Remove each project from every stage."""
        for project in queryset:
            purge_project(project.pk, store=store(), rollups=rollups())


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    """Who may do what in which project."""

    list_display = ["user", "project", "role"]
    list_filter = ["role", "project"]
    list_select_related = ["user", "project"]


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Makes and revokes keys. What a key is never changes, and a revoked key stays on record."""

    list_display = ["project", "kind", "label", "hint", "created_at", "revoked_at"]
    list_filter = ["project", "kind", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["project"]
    actions = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[Any]:
        """Ask for what a new key needs; show what an old one is, the text of write keys included."""
        if obj is None:
            return ["project", "kind", "label"]
        token = ["token"] if obj.kind == ApiKey.Kind.WRITE else []
        return ["project", "kind", "label", "hint", *token, "created_at", "revoked_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        """Leave only the label open once the key exists."""
        return [] if obj is None else ["project", "kind", "hint", "token", "created_at", "revoked_at"]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ModelForm, change: bool) -> None:
        """Save a label; or make a new key and show it, for the only time."""
        if change:
            return obj.save(update_fields=["label"])
        token = create_key(project=obj.project, kind=obj.kind, label=obj.label)
        obj.pk = ApiKey.objects.only("pk").get(digest=digest(token)).pk
        obj.refresh_from_db()
        return _show_once(request, obj.kind, token)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked, not deleted."""
        return False

    @admin.action(description="Revoke the chosen keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke keys for good."""
        revoked = sum(revoke_key(key=key) for key in queryset)
        messages.success(request, f"Revoked: {revoked}. A key may still work for a few seconds.")


class RecordAdmin(admin.ModelAdmin):
    """What happened has happened: entries are made by what they tell of, and only looked at here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only what they tell of makes entries."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What happened has happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What happened has happened."""
        return False


@admin.register(Operation)
class OperationAdmin(RecordAdmin):
    """The audit trail of what people did to stored days."""

    list_display = ["at", "by", "action", "first_day", "last_day", "finished_at", "outcome"]
    list_filter = ["action"]
    search_fields = ["by"]


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    """The audit trail of what people changed."""

    list_display = ["at", "by", "action", "target", "project"]
    list_filter = ["action", "project"]
    list_select_related = ["project"]
    search_fields = ["by", "target"]
