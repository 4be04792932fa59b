"""Uploaded lists: what is read from JSON and CSV, and what is refused, line by line."""

from __future__ import annotations

from typing import Any

import pytest

from metrics.errors import BadQuestion
from metrics.segments.lists import MOST_USERS, users_of_csv, users_of_json


def test_ids_are_trimmed_and_distinct_and_keep_their_order() -> None:
    assert users_of_json(["b", " a ", "b", 7, "7"]) == ["b", "a", "7"]
    assert users_of_json({"users": ["x"]}) == ["x"]


@pytest.mark.parametrize("value", [None, {}, {"users": "ada"}, "ada", 5, {"users": {"ada": 1}}])
def test_what_is_no_array_is_refused(value: Any) -> None:
    with pytest.raises(BadQuestion, match="array"):
        users_of_json(value)


@pytest.mark.parametrize("bad", [None, True, 1.5, [], {}, "", "  ", "x" * 256, "a\x00b", "\ud800"])
def test_a_bad_id_is_refused_with_its_place(bad: Any) -> None:
    with pytest.raises(BadQuestion) as refused:
        users_of_json(["ada", bad])
    assert [one["field"] for one in refused.value.extra["errors"]] == ["users[1]"]


def test_no_more_faults_are_told_than_somebody_reads() -> None:
    with pytest.raises(BadQuestion) as refused:
        users_of_json([None] * 1000)
    assert len(refused.value.extra["errors"]) == 20


def test_a_list_has_a_bound() -> None:
    assert len(users_of_json([f"u{number}" for number in range(MOST_USERS)])) == MOST_USERS
    with pytest.raises(BadQuestion, match="at most"):
        users_of_json([f"u{number}" for number in range(MOST_USERS + 1)])


@pytest.mark.parametrize(
    ("body", "users"),
    [
        (b"", []),
        (b"userId\nada\n", ["ada"]),
        (b"\xef\xbb\xbfuser_id,name\r\nada,Ada\r\n\r\nbob,Bob", ["ada", "bob"]),
        (b'"a,b"\n"c ""d"""\n', ["a,b", 'c "d"']),
        ("ünï\n".encode(), ["ünï"]),
        (b"'=1+1\n'@x\n'plain\n''-2\n", ["=1+1", "@x", "'plain", "'-2"]),
        (b"ada\nuserId\n", ["ada", "userId"]),
    ],
)
def test_csv_is_read(body: bytes, users: list[str]) -> None:
    assert users_of_csv(body) == users


def test_faults_of_csv_name_their_lines() -> None:
    with pytest.raises(BadQuestion) as refused:
        users_of_csv(b"userId\nada\n" + b"x" * 256 + b"\n\n" + b"y" * 300 + b"\n")
    assert [one["field"] for one in refused.value.extra["errors"]] == ["line 3", "line 5"]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b'"open', b'"a"b\n', b"a\x00b\n", b'"' + b"x" * 200_000 + b'"']
)
def test_what_is_no_csv_is_refused(body: bytes) -> None:
    with pytest.raises(BadQuestion):
        users_of_csv(body)
