"""A form's field for JSON that refuses whatever cannot be kept, however it is written."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput

from metrics.errors import BadQuestion
from metrics.language.json_text import read_json


class StrictJsonField(forms.JSONField):
    """Django's own, less what makes it raise: nesting without end, endless numbers, and texts that are none."""

    def to_python(self, value: Any) -> Any:
        """Return the decoded value. Raises ValidationError."""
        if isinstance(value, str) and value not in self.empty_values:
            try:
                read_json(value, field="it")
            except BadQuestion as error:
                raise forms.ValidationError(error.message.replace("`it`", "It")) from None
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what a form shows of what was sent."""
        try:
            self.to_python(data)
        except forms.ValidationError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)
