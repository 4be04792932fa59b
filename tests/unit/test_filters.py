"""Values of filters are numbers where JSON has them so, and nowhere else."""

from __future__ import annotations

import pytest

from metrics.errors import BadQuestion
from metrics.language.filters import parse_filter
from metrics.language.numbers import number_of

NONE = [
    "1_000",
    " 5",
    "5 ",
    "５",
    "+5",
    ".5",
    "5.",
    "05",
    "0x5",
    "NaN",
    "Infinity",
    "1e400",
    "1e-400",
    "",
    "-",
]


@pytest.mark.parametrize("text", ["0", "-0", "5", "-5.50", "1e3", "1E+3", "2.5e-7", "9007199254740993"])
def test_what_json_takes_for_a_number_is_one(text: str) -> None:
    assert number_of(text) is not None
    assert parse_filter(f"props.x:gt:{text}").values == (text,)


@pytest.mark.parametrize("text", NONE)
def test_what_python_alone_takes_for_a_number_is_a_text(text: str) -> None:
    assert number_of(text) is None
    assert parse_filter(f"props.x:eq:{text}").values == (text,)
    with pytest.raises(BadQuestion, match="compare with a number"):
        parse_filter(f"props.x:gt:{text}")


def test_each_value_of_in_has_its_own_length() -> None:
    values = [f"user-{number:030d}" for number in range(1000)]
    assert parse_filter(f"userId:in:{','.join(values)}").values == tuple(values)
    with pytest.raises(BadQuestion, match="at most 1000 characters"):
        parse_filter(f"userId:in:a,{'x' * 1001}")
    with pytest.raises(BadQuestion, match="at most 1000 values"):
        parse_filter(f"userId:in:{','.join([*values, 'one more'])}")


@pytest.mark.parametrize("field", ["type", "userId"])
def test_what_is_a_text_is_not_compared_as_a_number(field: str) -> None:
    with pytest.raises(BadQuestion, match="compare properties"):
        parse_filter(f"{field}:gt:1")
