"""What the forms have in common: a refusal of a service stands beside the field that it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from config.lib.errors import SluiceError

_HEAD = re.compile(r"[a-zA-Z]*")


class CheckedForm(forms.Form):
    """`places` says which field shows what is said of a name that parsers use; other refusals stand above all."""

    places: ClassVar[Mapping[str, str]] = {}
    #: Where a refusal goes whose place is none of `places`; None: above all fields.
    elsewhere: ClassVar[str | None] = None
    #: What the page answers with when the form is refused.
    status = 400

    def refuse(self, error: SluiceError) -> None:
        """Show why a parser or a service did not take it."""
        self.status = error.http_status
        for one in error.extra.get("errors") or [{"field": "", "message": error.message}]:
            place, message = str(one["field"]), one["message"]
            name = self.places.get(_head(place), self.elsewhere)
            is_said = not place or place in self.places or f"`{place}`" in message
            self.add_error(name, message if is_said else f"{place}: {message}")


def _head(place: str) -> str:
    """Return what a place begins with: `rules` of rules.all[1].did."""
    found: Any = _HEAD.match(place)
    return str(found[0])
