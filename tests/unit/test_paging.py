"""Cursors: any text there and back, and nothing else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib.paging import BadCursor, read_cursor, write_cursor
from config.lib.texts import is_storable

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(TEXTS)
def test_a_cursor_names_what_a_page_ended_with(last: str) -> None:
    assert read_cursor(write_cursor(last)) == last


@pytest.mark.parametrize(
    "cursor", ["x", "\ud800", base64.urlsafe_b64encode(b"\xff").decode(), write_cursor("a\x00")]
)
def test_what_we_did_not_write_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(cursor)


@pytest.mark.parametrize("text", ["\x00", "a\ud800", "\udfff"])
def test_some_texts_cannot_be_stored(text: str) -> None:
    assert not is_storable(text)
    assert is_storable("größe 😀\n")
