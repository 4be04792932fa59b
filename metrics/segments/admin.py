"""Segments in the admin: rules written there pass the same checks as over REST. Lists are uploaded, not typed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from config.lib.admin import SaysRefusals
from metrics.errors import BadQuestion
from metrics.language.json_field import StrictJsonField
from metrics.models import Segment
from metrics.segments.reading import read_rules
from metrics.segments.rules import wire
from metrics.segments.services import change_rules, check_name, create_segment, delete_segment


class SegmentForm(forms.ModelForm):
    """Takes a name and rules."""

    rules = StrictJsonField(required=False, widget=forms.Textarea(attrs={"rows": 20, "class": "payload"}))

    class Meta:
        model = Segment
        fields = ["project", "name", "rules"]

    def clean_name(self) -> str:
        """Return the name. Raises ValidationError."""
        name = str(self.cleaned_data["name"])
        try:
            check_name(name)
        except BadQuestion as error:
            raise forms.ValidationError(error.message) from None
        return name

    def clean_rules(self) -> Any:
        """Return the rules in one spelling. Raises ValidationError, which names the place."""
        try:
            return wire(read_rules(self.cleaned_data["rules"]))
        except BadQuestion as error:
            (found,) = error.extra["errors"]
            raise forms.ValidationError(f"{found['field']}: {error.message}") from None


@admin.register(Segment)
class SegmentAdmin(SaysRefusals, admin.ModelAdmin):
    """What people saved, of all projects."""

    form = SegmentForm
    list_display = ["name", "project", "kind", "created_by", "updated_at"]
    list_filter = ["kind", "project"]
    list_select_related = ["project"]
    search_fields = ["name"]

    class Media:
        """Room for long rules."""

        css = {"all": ["css/admin.css"]}

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        """Keep whose it is and what questions call it; of a list, all."""
        if obj is None:
            return []
        return ["project", "name", "rules"] if obj.kind == Segment.Kind.STATIC else ["project", "name"]

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        """Save the rules; answers that were kept are old from then on."""
        if obj.kind == Segment.Kind.STATIC:
            return
        rules, project_id, by = read_rules(obj.rules), obj.project_id, request.user.get_username()
        if change:
            change_rules(project_id=project_id, name=obj.name, rules=rules, by=by)
        else:
            obj.pk = create_segment(project_id=project_id, name=obj.name, by=by, rules=rules).pk

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        """Delete one."""
        delete_segment(project_id=obj.project_id, name=obj.name, by=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Delete several."""
        for one in queryset:
            self.delete_model(request, one)
