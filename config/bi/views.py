"""What the views show: SQL over the product's own tables, the same on every engine.

Their columns are a promise (`docs/bi.md`): new ones may only be added at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import sha256

from psycopg import sql

from config.lib import sqlfile
from metrics.definitions.spec import (
    BIN_OFFSET,
    DENSE,
    GRAINS,
    LOG_GAMMA,
    PERCENTILE,
    REGISTER_BITS,
    TABLES,
    USERS,
    VALUES,
)
from metrics.query.kept import RANK, REGISTER, REST

SQL = sqlfile.load(__file__, "views.sql")
VIEWS = ("events", "sessions", "users", "rollups")
_ARMS = ("rollup_counts", "rollup_types", "rollup_metrics", "rollup_metric_users", "rollup_metric_bins")
#: Users are not kept by minute.
_USER_GRAINS = ("1h", "1d")
#: From the end of a bin to its middle, as a logarithm.
_TO_MIDDLE = math.log(2 / (math.exp(LOG_GAMMA) + 1))


def queries(project_id: int) -> dict[str, sql.Composable]:
    """Return what each view of a project shows, by its name."""
    project = sql.Literal(project_id)
    plain: dict[str, sql.Composable] = {
        name: sql.SQL(SQL[name]).format(project=project) for name in VIEWS[:-1]
    }
    return plain | {"rollups": sql.SQL("\nUNION ALL\n").join(list(_rollups(project)))}


def fingerprint(project_id: int) -> str:
    """Return what tells these views from those of another version."""
    text = "\n".join(query.as_string(None) for query in queries(project_id).values())
    return sha256(text.encode()).hexdigest()[:16]


def statements(schema: str, project_id: int) -> Iterator[sql.Composed]:
    """Yield what makes the views, or replaces them."""
    for name, query in queries(project_id).items():
        yield sql.SQL(SQL["view"]).format(
            schema=sql.Identifier(schema), view=sql.Identifier(name), query=query
        )


def _rollups(project: sql.Literal) -> Iterator[sql.Composed]:
    for grain in (one.suffix for one in GRAINS):
        names = _tables(grain) | _sketches() | {"project": project, "grain": sql.Literal(grain)}
        for arm in _ARMS:
            yield sql.SQL(SQL[arm]).format(**names, measure=sql.Literal(_MEASURE_OF.get(arm, "")))
        if grain in _USER_GRAINS:
            yield sql.SQL(SQL["rollup_users"]).format(**names)


_MEASURE_OF = {"rollup_metric_users": USERS, "rollup_metric_bins": PERCENTILE}


def _tables(grain: str) -> dict[str, sql.Composable]:
    return {
        "events": sql.Identifier(f"rollup_events_{grain}"),
        "users": sql.Identifier(f"rollup_users_{grain}"),
        "metrics": sql.Identifier(f"{TABLES['values']}_{grain}"),
        "metric_users": sql.Identifier(f"{TABLES['users']}_{grain}"),
        "dense": sql.Identifier(f"{DENSE}_{grain}"),
        "bins": sql.Identifier(f"{TABLES['bins']}_{grain}"),
    }


def _sketches() -> dict[str, sql.Composable]:
    return {
        "measures": sql.Literal(list(VALUES)),
        "register": REGISTER,
        "rest": REST,
        "rank": RANK,
        "registers": sql.Literal(float(2**REGISTER_BITS)),
        "last": sql.Literal(2**REGISTER_BITS - 1),
        "offset": sql.Literal(BIN_OFFSET),
        "log_gamma": sql.Literal(LOG_GAMMA),
        "to_middle": sql.Literal(_TO_MIDDLE),
    }
