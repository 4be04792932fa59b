"""Variables of the environment that must be one of a few words."""

from __future__ import annotations

import pytest

from config import env

WORDS = ("INFO", "apache")


@pytest.mark.parametrize(("said", "meant"), [("info", "INFO"), ("APACHE", "apache"), ("", "INFO")])
def test_a_choice_is_returned_as_the_code_writes_it(
    monkeypatch: pytest.MonkeyPatch, said: str, meant: str
) -> None:
    monkeypatch.setenv("A_CHOICE", said)
    assert env.choice("A_CHOICE", "INFO", WORDS) == meant


def test_another_word_ends_the_program_and_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_CHOICE", "gpl")
    with pytest.raises(SystemExit, match="A_CHOICE must be one of INFO, apache, not 'gpl'"):
        env.choice("A_CHOICE", "INFO", WORDS)
