"""Which events a parameter means: a type, or JSON, read in one way wherever it stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from metrics.errors import BadQuestion
from metrics.insights.path_question import parse_paths
from metrics.insights.retention_question import parse_retention
from metrics.language.matching import EventMatch

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)


def read(name: str, text: str) -> EventMatch:
    params = {name: [text]}
    if name == "from":
        return parse_paths(project_id=1, params=params, now=NOW).match
    return parse_retention(project_id=1, params=params, now=NOW).first


@pytest.mark.parametrize("name", ["from", "first"])
@pytest.mark.parametrize(
    "text", ["order", '"order"', '{"type": "order"}', '{"type": ["order"], "filters": []}']
)
def test_a_type_may_be_written_as_json(name: str, text: str) -> None:
    assert read(name, text) == EventMatch(("order",))


@pytest.mark.parametrize("name", ["from", "first"])
@pytest.mark.parametrize("text", ['{"filters": ["props.x"]}', '{"type": 1}', "{", '"order'])
def test_what_is_wrong_is_blamed_on_the_parameter(name: str, text: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        read(name, text)
    assert refused.value.extra["errors"][0]["field"].partition(".")[0] == name
