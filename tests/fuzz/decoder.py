"""Feeds the gateway's decoder and encoder bytes that atheris makes up: `make fuzz SECONDS=60`.

Nothing but a refusal of ours may come out, and what is accepted must be COPY text that Postgres can take.
Needs `pip install atheris`, which is no dependency: it does not build on every Python.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from datetime import UTC, datetime

import atheris

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

with atheris.instrument_imports(include=["events.gateway", "events.errors", "msgspec", "json"]):
    import django

    django.setup()
    from config.lib.errors import SluiceError
    from events.contracts import Lane
    from events.gateway.decode import check_repeated_keys, decode
    from events.gateway.encode import Encoder
    from events.gateway.inflate import inflate
    from events.gateway.limits import limits

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_ENCODINGS = ("", "gzip", "deflate", "br", "zstd")
_COLUMNS = 9
_UNESCAPED = {"\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
_count = {"runs": 0, "accepted": 0}


def run(data: bytes) -> None:
    """Pass one body through; the first byte says how it is sent."""
    _count["runs"] += 1
    if _count["runs"] % 100_000 == 0:
        print(f"runs {_count['runs']}, events accepted {_count['accepted']}", file=sys.stderr)
    if not data:
        return
    try:
        body = inflate(data[1:], _ENCODINGS[data[0] % len(_ENCODINGS)] if data[0] < 100 else "", 1 << 20)
        decoded = decode(body, lines=bool(data[0] & 1), max_events=2000)
        encoder = Encoder(7, Lane.LIVE, _NOW, limits(), "key" if data[0] & 2 else "", odd=decoded.odd)
        encoder.encode(decoded.events, decoded.sent_at)
        check_repeated_keys(decoded, encoder.keys)
    except SluiceError:
        return
    check(encoder)


def check(encoder: Encoder) -> None:
    """Check that what was encoded is what Postgres takes, and that nothing was lost."""
    batch = encoder.batch()
    text = batch.rows.decode("utf-8")
    lines = text.split("\n")[:-1]
    assert len(lines) == batch.events == len(encoder.event_ids)
    assert len(batch.rejects) == len(encoder.errors)
    assert "\x00" not in text and "\r" not in text
    _count["accepted"] += len(lines)
    for line, ident in zip(lines, encoder.event_ids, strict=True):
        fields = line.split("\t")
        assert len(fields) == _COLUMNS, line
        assert str(uuid.UUID(fields[1])) == ident
        assert datetime.fromisoformat(fields[2]).tzinfo is not None
        assert 1 <= len(unescape(fields[4])) <= 200 and 1 <= len(unescape(fields[5])) <= 255
        props = json.loads(unescape(fields[7]))
        assert isinstance(props, dict)
        json.dumps(props).encode("utf-8")
        assert "\\u0000" not in json.dumps(props)
    for reject in batch.rejects:
        json.loads(reject.raw)


def unescape(field: str) -> str:
    """Return a field of COPY text as Postgres reads it."""
    out, rest = [], iter(field)
    for character in rest:
        out.append(_UNESCAPED["\\" + next(rest)] if character == "\\" else character)
    return "".join(out)


def main() -> None:
    """Fuzz until libFuzzer's limit, which is given as its own option: -max_total_time=SECONDS."""
    atheris.Setup([*sys.argv, "-max_len=4096", "-timeout=20", "-print_final_stats=1"], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
