"""A whole run: open both ends, see that they fit, migrate the target, move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
from django.db import Error as DjangoError
from psycopg.pq import TransactionStatus
from tqdm import tqdm

from config.bi.schemas import known
from config.moving import database, mark, source, target
from config.moving.compare import Link
from config.moving.ends import open_link, take_snapshot
from config.moving.errors import explain, unreachable
from config.moving.mark import Mark
from config.moving.move import Move
from config.moving.report import Line, Outcome

_PLACES = {database.SOURCE: "source", database.TARGET: "target"}


def copy_to(url: str, *, running: bool) -> Outcome:
    """Make the database at `url` equal to ours; `running` tells that Sluice is known to work on ours.

    Raises MoveError where the two do not fit or one of them fails; what was copied until then stays.
    """
    with database.registered(url), _opened(database.SOURCE) as here:
        database.let_go()
        busy = ["Sluice"] * running or source.in_use(here)
        _prepare(here)
        with _opened(database.TARGET) as there, _failures_named(here):
            target.demand_fit(there)
            found = mark.read(there) or Mark(mark.identity(here), "")
            take_snapshot(here)
            before = source.appended(here)
            lines = _moved(here, there, found)
            here.rollback()
            if source.appended(here) != before:
                busy = busy or ["a writer"]
            views = [schema.name for schema in known(here.cursor())]
            return Outcome(lines, busy or source.in_use(here), views)


def _prepare(here: Link) -> None:
    """See that both ends fit, and make the target's tables; nothing is changed before that is sure."""
    with _opened(database.TARGET) as there, _failures_named(here):
        target.demand_fit(there)
        database.demand_migrated_source()
        found = target.demand_ours(here, there)
        database.demand_known_target()
    try:
        database.migrate_target()
    except DjangoError as error:
        raise explain("the target cannot be migrated", error) from None
    finally:
        database.let_go()
    if found:
        with _opened(database.TARGET) as there:
            mark.write(there, Mark(found.copy_of, mark.left_at(there), found.day))


def _moved(here: Link, there: Link, found: Mark) -> list[Line]:
    with tqdm(unit="row", unit_scale=True, dynamic_ncols=True) as bar:
        move = Move(here, there, found, bar.update)
        bar.reset(move.rows())
        return move.run()


@contextmanager
def _opened(alias: str) -> Iterator[Link]:
    try:
        link = open_link(alias)
    except psycopg.Error as error:
        raise unreachable(_PLACES[alias], error) from None
    with closing(link):
        yield link


@contextmanager
def _failures_named(here: Link) -> Iterator[None]:
    """Say at which end an error of the database's happened."""
    try:
        yield
    except psycopg.Error as error:
        failed = here.closed or here.info.transaction_status == TransactionStatus.INERROR
        place = _PLACES[database.SOURCE if failed else database.TARGET]
        raise explain(f"the {place} failed", error) from None
