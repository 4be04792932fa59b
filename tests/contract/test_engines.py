"""Which engines this run has reached, and that each is what its name says."""

from __future__ import annotations

import pytest

from config.lib.engine import Level
from tests.contract.driver import Engine
from tests.contract.engines import ENGINES, MISSING


@pytest.mark.parametrize("level", list(Level))
def test_an_engine_is_run_or_named_as_left_out(level: Level) -> None:
    if level in MISSING:
        pytest.skip(MISSING[level])
    assert [name for name in ENGINES if name.startswith(level)]


def test_the_engine_is_the_one_that_was_asked_for(engine: Engine) -> None:
    assert engine.level == (engine.reach.level or engine.level)
    (hypertables,) = engine.ask("SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL")[0]
    assert hypertables == (engine.level != "postgres")
    assert engine.store.can_compress == (engine.level == "timescaledb")
