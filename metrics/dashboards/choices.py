"""The fields of a page's own question: each is a list to choose from, and a parameter of the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metrics.dashboards.view import View


@dataclass(frozen=True)
class Choice:
    """A field: `name` in the URL, `value` as it is, and what else it may be, as (value, what people read)."""

    name: str
    label: str
    value: str
    options: tuple[tuple[str, str], ...]
    default: str = ""


def own(view: View, name: str) -> str:
    """Return one of the page's own parameters; empty where the URL has none."""
    return dict(view.kept).get(name, "")


def one_of(view: View, name: str, label: str, options: Mapping[str, str], default: str) -> Choice:
    """Return a field that takes one of `options`; anything else in the URL is the default."""
    value = own(view, name)
    return Choice(name, label, value if value in options else default, tuple(options.items()), default)


def name_of(view: View, name: str, label: str, names: Sequence[str], nothing: str) -> Choice:
    """Return a field for one of `names`, or none, which is called `nothing`.

    What the URL names is offered too: there may be more names than a list has room for.
    """
    value = own(view, name)
    listed = names if not value or value in names else [value, *names]
    return Choice(name, label, value, (("", nothing), *((one, one) for one in listed)))
