"""The keys on disk: what is kept, for how long, and what comes of a file that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from events.gateway import known_keys
from events.gateway.known_keys import KnownKeys

DIGEST, ROW = b"\x01" * 32, (7, "write", 0, 0, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "known-keys.json"


def test_another_process_knows_what_was_noted(path: Path) -> None:
    KnownKeys(path).note(DIGEST, ROW)
    assert KnownKeys(path).find(DIGEST) == ROW
    assert KnownKeys(path).find(b"\x02" * 32) is None
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_revoked_key_is_dropped_at_once_also_by_who_did_not_note_it(path: Path) -> None:
    other = KnownKeys(path)
    KnownKeys(path).note(DIGEST, ROW)
    other.note(DIGEST, None)
    assert KnownKeys(path).find(DIGEST) is None
    assert DIGEST.hex() not in path.read_text()


def test_guesses_and_repeats_are_not_written(path: Path) -> None:
    known = KnownKeys(path)
    known.note(b"\x02" * 32, None)
    assert not path.exists()
    known.note(DIGEST, ROW)
    before = path.stat().st_ino, path.stat().st_mtime_ns
    known._written_at = -100.0
    known.note(DIGEST, ROW)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before


def test_what_changed_is_noted(path: Path) -> None:
    known = KnownKeys(path)
    known.note(DIGEST, ROW)
    known._written_at = -100.0
    known.note(DIGEST, (7, "write", 50, 100, 3))
    assert KnownKeys(path).find(DIGEST) == (7, "write", 50, 100, 3)


def test_an_entry_of_an_earlier_version_has_no_plan(path: Path) -> None:
    KnownKeys(path).note(DIGEST, ROW)
    path.write_text(path.read_text().replace(", 0, 0, 0]", ", 0, 0]"))
    assert KnownKeys(path).find(DIGEST) == ROW


def test_an_entry_is_good_for_a_day(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownKeys(path)
    known.note(DIGEST, ROW)
    now = known_keys.time.time()
    monkeypatch.setattr(known_keys.time, "time", lambda: now + 86_401)
    assert known.find(DIGEST) is None


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b'{"00": 1}', b'{"00": [1, [1]]}', b"\xff", bytes(range(128, 192))]
)
def test_a_file_that_cannot_be_read_knows_nobody_and_is_replaced(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    known = KnownKeys(path)
    assert known.find(DIGEST) is None
    known.note(DIGEST, ROW)
    assert list(json.loads(path.read_text())) == [DIGEST.hex()]


def test_a_disk_that_takes_nothing_costs_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    known = KnownKeys(tmp_path / "file" / "known-keys.json")
    for _ in range(2):
        known.note(DIGEST, ROW)
        assert known.find(DIGEST) is None
    assert len(caplog.records) == 1


def test_a_revoked_key_that_cannot_be_taken_out_takes_the_file_with_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KnownKeys(path)
    known.note(DIGEST, ROW)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    known.note(DIGEST, None)
    assert not path.exists()
