"""Compares the rollups of definitions with the raw events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.compile import EVENT, Branches, block, params
from metrics.definitions.registers import of_hashes, union
from metrics.definitions.selectors import definitions_covering
from metrics.definitions.spec import DENSE, GRAINS, REGISTER_BITS, TABLES, Definition, Grain
from metrics.definitions.writing import aliased_of
from metrics.language.people import ALIASED
from metrics.rollups.base import Drift

SQL = sqlfile.load(__file__, "drift.sql")
Cursor = psycopg.Cursor[Any]
_BLOCKS = {"values": "drift_values", "bins": "drift_bins", "users": "drift_users"}
_SPAN = sql.SQL("e.ts >= %(start)s AND e.ts < %(end)s")
_NOTHING = "nothing"
#: Id of the definition, bucket, values of the dimensions, what differs, and what the rollup and the raw events say.
Found = tuple[int, datetime, str | None, str | None, str, str | None, str | None]


def drift(cursor: Cursor, start: datetime, end: datetime) -> list[Drift]:
    """Compare every bucket of the whole UTC days from `start` to `end`, of definitions that are there by `start`."""
    covering = [
        one for one in definitions_covering(cursor, end) if one.covered_from and one.covered_from <= start
    ]
    found: list[Drift] = []
    for kind in TABLES:
        if of_kind := [one for one in covering if one.kind == kind]:
            for grain in GRAINS:
                found += _differences(cursor, kind, of_kind, grain, {"start": start, "end": end})
    return found


def _differences(
    cursor: Cursor, kind: str, definitions: Sequence[Definition], grain: Grain, span: dict[str, Any]
) -> Iterator[Drift]:
    branches = Branches(EVENT, _SPAN, dict.fromkeys(aliased_of(cursor, definitions), ALIASED))
    relation = f"{TABLES[kind]}_{grain.suffix}"
    text = block(
        SQL[_BLOCKS[kind]],
        branches.of(definitions),
        table=sql.Identifier(relation),
        dense=sql.Identifier(f"{DENSE}_{grain.suffix}"),
        unit=sql.Literal(grain.unit),
        rest=sql.Literal(64 - REGISTER_BITS),
    )
    named = {one.id: one for one in definitions}
    rows = cursor.execute(text, params(branches.words, ids=list(named), **span)).fetchall()
    for id, bucket, dim1, dim2, what, kept, raw in _users(rows) if kind == "users" else rows:
        one = named[id]
        key = " ".join(filter(None, [one.name, *_said(one, dim1, dim2), what]))
        yield Drift(relation, one.project_id, bucket, key, kept or _NOTHING, raw or _NOTHING)


def _users(rows: Iterable[tuple[Any, ...]]) -> Iterator[Found]:
    for id, bucket, dim1, dim2, hashed, is_kept, registers, beside, sent in rows:
        if registers is None:
            sides = ("there", None) if is_kept else (None, "there")
            yield (id, bucket, dim1, dim2, f"user {hashed & (1 << 64) - 1:x}", *sides)
            continue
        kept, raw = union(registers, of_hashes(beside or b"")), of_hashes(sent or b"")
        if kept != raw:
            place = next(n for n, ranks in enumerate(zip(kept, raw, strict=True)) if ranks[0] != ranks[1])
            yield (id, bucket, dim1, dim2, f"register {place}", str(kept[place]), str(raw[place]))


def _said(one: Definition, *values: str | None) -> Iterator[str]:
    for name, value in zip(one.dimensions, values, strict=False):
        yield f"{name}={value}"
