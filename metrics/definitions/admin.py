"""Defined metrics in the admin: made there by the same checks as over REST, and never changed afterwards."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from config.lib.admin import SaysRefusals
from metrics.definitions import services
from metrics.definitions.parse import Wanted, read_definition
from metrics.errors import BadQuestion
from metrics.language.json_field import StrictJsonField
from metrics.models import MetricDefinition

_FIXED = ["project", "name", "match", "measure", "prop", "quantile", "dimensions", "created_by", "created_at"]
#: Which field shows what is said of a name that the parser uses.
_FIELDS = {"property": "prop", "filter": "match", "percentile": "measure"}
_STATE = ["state", "progress", "covered_from", "rows", "message"]


class DefinitionForm(forms.ModelForm):
    """Takes what the API takes."""

    match = StrictJsonField(
        required=False,
        initial=dict,
        help_text='Like {"type": "order", "filters": ["props.country:eq:DE"]}; {} is every event.',
    )
    measure = forms.CharField(initial="count", help_text="count, users, sum, avg, min, max, or like p95.")
    prop = forms.CharField(required=False, label="property", help_text="What is measured, like props.amount.")
    dimensions = StrictJsonField(
        required=False, initial=list, help_text='Up to two, like ["type", "props.country"].'
    )

    class Meta:
        model = MetricDefinition
        fields = ["project", "name", "match", "measure", "prop", "dimensions"]

    wanted: Wanted

    def clean(self) -> dict[str, Any]:
        """Read the whole as the API does. Raises ValidationError at the field that is wrong."""
        data = super().clean() or self.cleaned_data
        body = {
            "name": data.get("name"),
            "match": data.get("match") or {},
            "measure": data.get("measure"),
            "property": data.get("prop") or None,
            "dimensions": data.get("dimensions") or [],
        }
        if not self.errors:
            try:
                self.wanted = read_definition(body)
            except BadQuestion as error:
                name = error.extra["errors"][0]["field"].partition(".")[0]
                self.add_error(_FIELDS.get(name, name), error.message)
        return data


@admin.register(MetricDefinition)
class DefinitionAdmin(SaysRefusals, admin.ModelAdmin):
    """What is kept, and how far its history is computed."""

    form = DefinitionForm
    list_display = [
        "name",
        "project",
        "measure",
        "prop",
        "state",
        "percent",
        "covered_from",
        "rows",
        "message",
    ]
    list_filter = ["state", "measure", "project"]
    list_select_related = ["project"]
    search_fields = ["name"]
    actions = ["stop_history", "go_on_with_history"]

    @admin.display(description="history", ordering="progress")
    def percent(self, one: MetricDefinition) -> str:
        """Return how much of history is computed."""
        return f"{one.progress} %"

    def get_fields(self, request: HttpRequest, obj: MetricDefinition | None = None) -> list[Any]:
        """Ask for what a new one needs; show all of an old one."""
        return [*_FIXED, *_STATE] if obj else list(DefinitionForm.Meta.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: MetricDefinition | None = None) -> list[str]:
        """What is kept is what was defined: another metric has another name."""
        return [*_FIXED, *_STATE] if obj else []

    def save_model(self, request: HttpRequest, obj: MetricDefinition, form: Any, change: bool) -> None:
        """Make a new one."""
        if change:
            return
        by = request.user.get_username()
        made = services.create(project_id=obj.project_id, wanted=form.wanted, by=by)
        obj.pk = made.pk
        obj.refresh_from_db()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what a deletion takes along; the rows are too many to list."""
        names = [f"{one}: the definition and {one.rows} rows of its rollups; events stay" for one in objs]
        return names, {"defined metrics": len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: MetricDefinition) -> None:
        """Give one up: its rows go in the background."""
        services.give_up(project_id=obj.project_id, name=obj.name, by=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MetricDefinition]) -> None:
        """Give several up."""
        for one in queryset:
            self.delete_model(request, one)

    @admin.action(description="Stop computing history", permissions=["change"])
    def stop_history(self, request: HttpRequest, queryset: QuerySet[MetricDefinition]) -> None:
        """Let history be as far as it is."""
        by = request.user.get_username()
        messages.success(request, f"Stopped: {sum(services.stop(id=one.pk, by=by) for one in queryset)}.")

    @admin.action(description="Go on computing history", permissions=["change"])
    def go_on_with_history(self, request: HttpRequest, queryset: QuerySet[MetricDefinition]) -> None:
        """Compute the rest."""
        by = request.user.get_username()
        messages.success(request, f"Going on: {sum(services.go_on(id=one.pk, by=by) for one in queryset)}.")
