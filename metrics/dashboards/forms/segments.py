"""The forms that make segments: by rules, and by an uploaded list."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.conf import settings

from metrics.dashboards.forms.checked import CheckedForm
from metrics.errors import BadQuestion
from metrics.language.json_text import read_json
from metrics.segments.lists import MOST_USERS, users_of_csv
from metrics.segments.reading import read_rules
from metrics.segments.rules import Rule

#: What a file may have: the rest of a request is for the other fields.
_MOST_BYTES = settings.MAX_REQUEST_BYTES - 4096
#: Rules to start from: a name, what they say, and the rules.
EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "regulars": (
        "Came back: any event on more than one occasion in 30 days",
        {"did": {"type": []}, "atLeast": 2, "within": "30d"},
    ),
    "undecided": (
        "Signed up, and did not buy in 14 days",
        {"all": [{"did": {"type": "signup"}}, {"not": {"did": {"type": "purchase"}, "within": "14d"}}]},
    ),
    "large": (
        "On the plan pro, or bought for 100 and more at once",
        {
            "any": [
                {"trait": "plan:eq:pro"},
                {"did": {"type": "purchase", "filters": ["props.amount:gte:100"]}},
            ]
        },
    ),
}


def _name() -> forms.CharField:
    widget = forms.TextInput({"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(
        required=False, label="Name", widget=widget, help_text="Small letters, digits, _ and -."
    )


class RulesForm(CheckedForm):
    """Takes rules as JSON; `rule` is what valid ones mean. Whether the name can be had, the service knows."""

    places = {"name": "name", "rules": "rules"}
    rule: Rule

    name = _name()
    rules = forms.CharField(
        required=False,
        label="Rules",
        widget=forms.Textarea({"rows": 12, "spellcheck": "false", "class": "code"}),
        help_text="JSON: did, trait, all, any, not; with did: atLeast, atMost, and within or range.",
    )

    def clean(self) -> dict[str, Any]:
        """Read the rules as the API does."""
        if not self.errors:
            try:
                self.rule = read_rules(read_json(self.cleaned_data["rules"], field="rules"))
            except BadQuestion as error:
                self.refuse(error)
        return self.cleaned_data


class ListForm(CheckedForm):
    """Takes a file of user ids; `users` is who is on it."""

    places = {"name": "name", "users": "file"}
    elsewhere = "file"
    users: list[str]

    name = _name()
    file = forms.FileField(
        label="Text file",
        help_text=f"One user id a line, or CSV with the ids first; up to {MOST_USERS:,}.",
        widget=forms.FileInput({"accept": ".txt,.csv,text/plain,text/csv", "data-most-bytes": _MOST_BYTES}),
    )

    def clean(self) -> dict[str, Any]:
        """Read the list as the API does."""
        if not self.errors:
            try:
                self.users = users_of_csv(self.cleaned_data["file"].read())
            except BadQuestion as error:
                self.refuse(error)
        return self.cleaned_data


def as_text(rules: Any) -> str:
    """Return rules as people write them."""
    return json.dumps(rules, indent=2, ensure_ascii=False)
