"""Carries over how far ids were given out, so that none is given out twice."""

from __future__ import annotations

from psycopg import sql

from config.lib import sqlfile
from config.moving.compare import Link
from config.moving.tables import COPIED

SQL = sqlfile.load(__file__, "sequences.sql")


def carry_over(source: Link, target: Link) -> None:
    """Set the target's sequences to where the source's are: not less than any id that was copied."""
    theirs = _sequences(target)
    for column, sequence in _sequences(source).items():
        row = source.execute(sql.SQL(SQL["position"]).format(sequence=sql.Identifier(sequence))).fetchone()
        assert row
        named = sql.Identifier(theirs[column]).as_string(target)
        target.execute(SQL["set"], {"sequence": named, "value": row[0], "called": row[1]})


def _sequences(link: Link) -> dict[tuple[str, str], str]:
    found = link.execute(SQL["sequences"], {"tables": list(COPIED)}).fetchall()
    return {(table, column): sequence for table, column, sequence in found}
