"""The form of one dead letter: a correction, and nothing else."""

from __future__ import annotations

from typing import Any

from django import forms

from dlq.models import DeadLetter
from dlq.payload import parse, pretty


class LetterForm(forms.ModelForm):
    """Starts from the correction so far, or from the bytes as they came."""

    corrected = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 16, "class": "vLargeTextField payload", "spellcheck": "false"}),
        help_text="A JSON object. It is replayed instead of the payload, which stays as it is.",
    )

    class Meta:
        model = DeadLetter
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A letter that is closed has no such field.
        if "corrected" in self.fields:
            self.initial["corrected"] = pretty(self._current())

    def clean_corrected(self) -> str:
        """Return the text if it is a JSON object, or is what it was."""
        text: str = self.cleaned_data["corrected"]
        if not self._differs(text):
            return text
        try:
            event = parse(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        if not isinstance(event, dict):
            raise forms.ValidationError("An event is a JSON object.")
        return text

    def is_correction(self) -> bool:
        """Tell whether a valid form changes the event."""
        text = self.cleaned_data.get("corrected", "")
        return bool(text.strip()) and self._differs(text)

    def _current(self) -> bytes:
        return bytes(self.instance.edited or self.instance.raw or b"")

    def _differs(self, text: str) -> bool:
        """Compare as text, whatever the browser did to line breaks."""
        return text.splitlines() != pretty(self._current()).splitlines()
