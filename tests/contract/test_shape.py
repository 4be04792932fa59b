"""What every engine must look like from outside: code above store and rollups knows these names and no others."""

from __future__ import annotations

import pytest

from tests.contract.driver import Engine
from tests.contract.moments import at

_TIME = "timestamp with time zone"
_COUNTS = f"project_id integer, bucket {_TIME}, type text, count bigint"
_USERS = f"project_id integer, bucket {_TIME}, user_id text"
_VALUES = f"project_id integer, bucket {_TIME}, type text, n bigint, sum numeric, min numeric, max numeric"
COLUMNS = {
    "event": (
        f"project_id integer, event_id uuid, ts {_TIME}, received_at {_TIME}, type text, user_id text, "
        "anonymous_id text, props jsonb, flags smallint"
    ),
    "rollup_events_1m": _COUNTS,
    "rollup_events_1h": _COUNTS,
    "rollup_events_1d": _COUNTS,
    "rollup_users_1h": _USERS,
    "rollup_users_1d": _USERS,
    "rollup_values_1h": _VALUES,
    "rollup_values_1d": _VALUES,
    "rollup_pending": f"since {_TIME}",
    "session": (
        f"project_id integer, user_id text, start_ts {_TIME}, end_ts {_TIME}, session_id uuid, events integer, "
        "entry text, exit text"
    ),
}
INDEXES = {
    "event_time": "btree (project_id, ts)",
    "event_user_timeline": "btree (project_id, user_id, ts)",
    "event_type_range": "btree (project_id, type, ts)",
}
_COLUMNS = """
    SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
_NOT_NULL = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = 'event'::regclass AND attnum > 0 AND NOT attnotnull AND NOT attisdropped
"""
_INDEXES = """
    SELECT indexrelid::regclass::text, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)')
    FROM pg_index WHERE indrelid = %s::regclass AND indisvalid
"""


@pytest.mark.parametrize("relation", COLUMNS)
def test_relations_have_the_columns_that_readers_use(engine: Engine, relation: str) -> None:
    assert engine.ask(_COLUMNS, relation) == [(COLUMNS[relation],)]


def test_only_the_anonymous_id_may_be_missing(engine: Engine) -> None:
    assert engine.ask(_NOT_NULL) == [("anonymous_id",)]


def test_events_have_these_indexes_and_no_unique_key(engine: Engine) -> None:
    assert dict(engine.ask(_INDEXES, "event")) == INDEXES


def test_every_partition_has_the_same_indexes(engine: Engine) -> None:
    engine.write(at(1))
    ((partition,),) = engine.ask("SELECT tableoid::regclass::text FROM event")
    assert partition != "event"
    found = [definition for _, definition in engine.ask(_INDEXES, partition)]
    assert sorted(found) == sorted(INDEXES.values())
