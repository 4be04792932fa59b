"""The form that defines a metric."""

from __future__ import annotations

from typing import Any

from django import forms

from metrics.dashboards.forms.checked import CheckedForm
from metrics.definitions.parse import Wanted, read_definition
from metrics.definitions.spec import PERCENTILE, USERS, VALUES
from metrics.errors import BadQuestion

_MEASURES = {
    "count": "How many events",
    USERS: "How many users",
    "sum": "Sum of a property",
    "avg": "Average of a property",
    "min": "Smallest value of a property",
    "max": "Largest value of a property",
    PERCENTILE: "Percentile of a property",
}
assert set(_MEASURES) == {*VALUES, USERS, PERCENTILE}
_EVENTS = ("event", "event2", "event3")
_DIMENSIONS = ("dimension", "dimension2")


def _text(label: str, *, help_text: str = "", **attrs: str) -> forms.CharField:
    widget = forms.TextInput({"autocomplete": "off", "spellcheck": "false", **attrs})
    return forms.CharField(required=False, label=label, help_text=help_text, widget=widget)


class DefinitionForm(CheckedForm):
    """Takes what POST /api/definitions takes, in as many fields; `wanted` is what a valid one means."""

    places = {
        **{name: name for name in ("name", "measure", "property", "percentile")},
        "match": "filters",
        "filter": "filters",
        "dimensions": "dimension",
    }
    wanted: Wanted

    name = _text("Name", help_text="Small letters, digits and _, like orders_by_plan. Questions call it so.")
    event = _text("Events of the type", list="types", help_text="None: events of every type.")
    event2 = _text("or", list="types")
    event3 = _text("or", list="types")
    filters = forms.CharField(
        required=False,
        label="Only events where",
        help_text="One condition a line, like props.country:eq:DE. All must hold. Also ne, in, contains, gt, gte, "
        "lt, lte, exists.",
        widget=forms.Textarea({"rows": 3, "spellcheck": "false", "class": "code"}),
    )
    measure = forms.CharField(
        required=False,
        label="What is measured",
        initial="count",
        widget=forms.Select(choices=[*_MEASURES.items()]),
    )
    property = _text(
        "Property", placeholder="props.amount", help_text="A number in the event. None for events and users."
    )
    percentile = _text(
        "Percentile", placeholder="95", inputmode="numeric", help_text="1 to 99. For percentiles alone."
    )
    dimension = _text("By", placeholder="props.plan", list="dimensions", help_text="type or props.NAME.")
    dimension2 = _text("and by", list="dimensions")

    def clean(self) -> dict[str, Any]:
        """Read the whole as the API does."""
        if not self.errors:
            try:
                self.wanted = read_definition(self._body())
            except BadQuestion as error:
                self.refuse(error)
        return self.cleaned_data

    def _body(self) -> dict[str, Any]:
        """Return what the API would be sent."""
        data = self.cleaned_data
        body = {
            "name": data["name"],
            "match": {"type": self._filled(_EVENTS), "filters": _lines(data["filters"])},
            "measure": data["measure"],
            "dimensions": self._filled(_DIMENSIONS),
        }
        optional = {"property": data["property"], "percentile": _number(data["percentile"])}
        return body | {name: value for name, value in optional.items() if value != ""}

    def _filled(self, names: tuple[str, ...]) -> list[str]:
        return [self.cleaned_data[name] for name in names if self.cleaned_data[name]]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(text: str) -> int | str:
    """Return the number that is written, or what is written instead."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
