"""Writes how the rows of a defined metric are read, and how raw events are made to look like them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.compile import SQL as AS_KEPT
from metrics.definitions.spec import BIN_OFFSET, DENSE, DIMENSION_LENGTH, LOG_GAMMA, TABLES, USERS
from metrics.language.conditions import Words
from metrics.language.filters import Filter
from metrics.query.defined import Use

SQL = sqlfile.load(__file__, "kept.sql")
#: Of an event with a person and a number `v`: the hash and the bin that a definition keeps.
HASH = sql.SQL(AS_KEPT["hash"]).format(person=sql.SQL("person"))
BIN = sql.SQL(AS_KEPT["bin"]).format(offset=sql.Literal(BIN_OFFSET), log_gamma=sql.Literal(LOG_GAMMA))
#: Of a hash `who`: which register of a HyperLogLog it is in, and its other bits, `rest`; of these, the rank.
REGISTER, REST, RANK = (sql.SQL(SQL[name]) for name in ("register", "rest", "rank"))
#: How the rows of each kind of definition are read.
_BLOCKS = {"values": "rows_values", "bins": "rows_bins", "users": "rows_hashes"}


def kept_rows(
    use: Use, relation: str, words: Words, span: Mapping[str, sql.Composable], group_by: Sequence[str]
) -> sql.Composed:
    """Return the query of one part (`span` is its bound start and end) from one relation of a defined metric."""
    return _read(_BLOCKS[use.definition.kind], use, relation, words, span, group_by)


def kept_registers(
    use: Use, relation: str, words: Words, span: Mapping[str, sql.Composable], group_by: Sequence[str]
) -> sql.Composed:
    """Return the query of the large groups beside the rows of users that `relation` has."""
    return _read("rows_registers", use, relation.replace(TABLES[USERS], DENSE), words, span, group_by)


def _read(
    block: str,
    use: Use,
    relation: str,
    words: Words,
    span: Mapping[str, sql.Composable],
    group_by: Sequence[str],
) -> sql.Composed:
    groups = [_column(name, use) for name in group_by]
    groups += [sql.SQL("NULL::text")] * (2 - len(groups))
    return sql.SQL(SQL[block]).format(
        **span,
        group1=groups[0],
        group2=groups[1],
        relation=sql.Identifier(relation),
        definition=words.bind(use.definition.id),
        condition=words.all_of([_condition(one, use, words) for one in use.filters]),
    )


def as_dimension(value: sql.Composable) -> sql.Composed:
    """Return a group's value as rows of a definition have it: a long one is cut."""
    return sql.SQL(AS_KEPT["cut"]).format(dim=value, length=sql.Literal(DIMENSION_LENGTH))


def _condition(one: Filter, use: Use, words: Words) -> sql.Composable:
    return sql.SQL("{} = ANY({})").format(_column(one.field, use), words.bind(list(one.values)))


def _column(name: str, use: Use) -> sql.Composable:
    """Return the column of a dimension."""
    return sql.SQL("e.{}").format(sql.Identifier(f"dim{use.definition.dimensions.index(name) + 1}"))
