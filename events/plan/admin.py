"""Tracking plans in the admin: what is written there passes the same checks as over REST."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from config.lib.admin import SaysRefusals
from events.models import PlannedType, TrackingPlan
from events.plan.errors import BadPlan
from events.plan.modes import Mode, Unlisted
from events.plan.services import LONGEST_TYPE, checked_schema, delete_type, put_type, set_unlisted


class PlannedTypeForm(forms.ModelForm):
    """Takes the schema as JSON text."""

    class Meta:
        model = PlannedType
        fields = ["project", "type", "mode", "schema"]
        widgets = {
            "type": forms.TextInput({"maxlength": LONGEST_TYPE}),
            "schema": forms.Textarea(attrs={"rows": 30, "class": "payload"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["schema"] = json.dumps(
                json.loads(self.instance.schema), indent=2, ensure_ascii=False
            )

    def clean_schema(self) -> str:
        """Return the schema as compact JSON. Raises ValidationError."""
        try:
            return checked_schema(json.loads(self.cleaned_data["schema"])).text
        except (BadPlan, ValueError, RecursionError) as error:
            raise forms.ValidationError(f"{getattr(error, 'field', 'JSON')}: {error}") from None


@admin.register(PlannedType)
class PlannedTypeAdmin(SaysRefusals, admin.ModelAdmin):
    """What single types look like."""

    form = PlannedTypeForm
    list_display = ["type", "project", "mode", "updated_at", "updated_by"]
    list_filter = ["mode", "project"]
    search_fields = ["type"]
    list_select_related = ["project"]

    class Media:
        """Room for long schemas."""

        css = {"all": ["css/admin.css"]}

    def get_readonly_fields(self, request: HttpRequest, obj: PlannedType | None = None) -> list[str]:
        """Keep what the type is called."""
        return ["project", "type"] if obj else []

    def save_model(self, request: HttpRequest, obj: PlannedType, form: Any, change: bool) -> None:
        """Plan the type, as a new version of the plan."""
        row = put_type(
            project_id=obj.project_id,
            type=obj.type,
            mode=Mode(obj.mode),
            schema=json.loads(obj.schema),
            by=request.user.get_username(),
        )
        obj.pk = row.pk

    def delete_model(self, request: HttpRequest, obj: PlannedType) -> None:
        """Take the type out of the plan."""
        delete_type(project_id=obj.project_id, type=obj.type, by=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PlannedType]) -> None:
        """Take the types out of their plans."""
        for one in queryset:
            self.delete_model(request, one)


@admin.register(TrackingPlan)
class TrackingPlanAdmin(admin.ModelAdmin):
    """What projects do about types without a plan."""

    list_display = ["project", "version", "unlisted"]
    list_filter = ["unlisted"]
    fields = ["project", "unlisted"]

    def get_readonly_fields(self, request: HttpRequest, obj: TrackingPlan | None = None) -> list[str]:
        """Keep whose it is."""
        return ["project"] if obj else []

    def save_model(self, request: HttpRequest, obj: TrackingPlan, form: Any, change: bool) -> None:
        """Make a new version of the plan."""
        by = request.user.get_username()
        set_unlisted(project_id=obj.project_id, unlisted=Unlisted(obj.unlisted), by=by)

    def has_delete_permission(self, request: HttpRequest, obj: TrackingPlan | None = None) -> bool:
        """A plan that says nothing is as good as none, and its version must not begin again."""
        return False
