"""Reads the raw events where registers count too many people twice: until they are mended, an alias shows at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.spec import DENSE, STALE_USERS, TABLES, USERS
from metrics.query.planner import RAW, Part, Plan

SQL = sqlfile.load(__file__, "stale.sql")
Cursor = psycopg.Cursor[Any]
_WHY = "Of users who are kept here many became others since; this is mended within hours."


def without_stale(cursor: Cursor, chosen: Plan) -> Plan:
    """Return the plan with raw events where a defined metric's users are too many by more than its error."""
    if chosen.use is None or chosen.use.definition.measure != USERS:
        return chosen
    parts = tuple(piece for part in chosen.parts for piece in _pieces(cursor, chosen, part))
    return replace(chosen, parts=parts, source=max(parts, key=lambda part: part.end - part.start).relation)


def _pieces(cursor: Cursor, chosen: Plan, part: Part) -> Iterator[Part]:
    """Yield a part in up to three: before what is stale, that, and after it."""
    assert chosen.use is not None
    grains = {one.relation: one.grain for one in chosen.use.rollups}
    if part.relation not in grains:
        yield part
        return
    dense = sql.Identifier(part.relation.replace(TABLES[USERS], DENSE))
    span = {"start": part.start, "end": part.end, "most": STALE_USERS, "definition": chosen.use.definition.id}
    ((first, last),) = cursor.execute(sql.SQL(SQL["stale"]).format(dense=dense), span).fetchall()
    if first is None:
        yield part
        return
    after = last + grains[part.relation]
    if part.start < first:
        yield replace(part, end=first)
    yield Part(RAW, first, after, _WHY)
    if after < part.end:
        yield replace(part, start=after)
