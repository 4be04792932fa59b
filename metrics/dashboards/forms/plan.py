"""The forms of the tracking plan: what one type looks like, and what becomes of types without a plan."""

from __future__ import annotations

from typing import Any

from django import forms

from events.plan.modes import Mode, Unlisted
from metrics.dashboards.forms.checked import CheckedForm
from metrics.errors import BadQuestion
from metrics.language.json_text import read_json

_MODES = {
    Mode.OFF.value: "off: nothing is checked",
    Mode.WARN.value: "warn: stored, marked and counted",
    Mode.ENFORCE.value: "enforce: quarantined",
}
_UNLISTED = {
    Unlisted.ALLOW.value: "allow: they are stored",
    Unlisted.WARN.value: "warn: stored, marked and counted",
    Unlisted.ENFORCE.value: "enforce: quarantined",
}


class TypeForm(CheckedForm):
    """Takes a mode and a schema; `schema_read` is the decoded schema. Whether it is one, the service knows."""

    places = {"schema": "schema", "mode": "mode"}
    schema_read: Any

    mode = forms.ChoiceField(
        label="What is done about events that break it", choices=_MODES, initial=Mode.WARN.value
    )
    schema = forms.CharField(
        required=False,
        label="JSON Schema of the properties",
        help_text="Draft 2020-12. It describes props alone: required, properties, types, limits.",
        widget=forms.Textarea({"rows": 18, "spellcheck": "false", "class": "code"}),
    )

    def clean(self) -> dict[str, Any]:
        """Decode the schema as the API does."""
        if not self.errors:
            try:
                self.schema_read = read_json(self.cleaned_data["schema"], field="schema")
            except BadQuestion as error:
                self.refuse(error)
        return self.cleaned_data


class UnlistedForm(CheckedForm):
    """Takes what is done about types that the plan does not name."""

    unlisted = forms.ChoiceField(label="What is done about their events", choices=_UNLISTED)
