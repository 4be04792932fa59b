"""What people do to stored days by hand: each is logged with its user's name and kept as an `Operation`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

from django.template.defaultfilters import filesizeformat

from config.lib import clock
from config.lib.postgres import connect
from events.models import Operation
from events.store.base import Partition, Store

logger = logging.getLogger(__name__)
#: Seconds that turning one partition into columns may take.
_PATIENCE = 3600
_LONGEST_OUTCOME = 200
Tell = Callable[[str], str]


def begin(*, action: Operation.Action, by: str, first: date, last: date) -> int:
    """Write down that `by` asked for something, before it happens; return the entry's id."""
    logger.warning("%s asked to %s the stored days %s to %s", by, action, first, last)
    return Operation.objects.create(by=by, action=action, first_day=first, last_day=last).pk


def end(operation: int | None, outcome: str) -> None:
    """Write down what came of it, once; None is nobody's operation."""
    if operation is None:
        return
    Operation.objects.filter(pk=operation, finished_at=None).update(
        finished_at=clock.now(), outcome=outcome[:_LONGEST_OUTCOME]
    )


@contextmanager
def watched(operation: int | None) -> Iterator[Tell]:
    """Give a function that tells the outcome; an error is the outcome too, and goes on."""

    def tell(outcome: str) -> str:
        end(operation, outcome)
        return outcome

    try:
        yield tell
    except Exception as error:
        tell(f"failed: {type(error).__name__}: {next(iter(str(error).splitlines()), '')}")
        raise


def compress(*, store: Store, day: date) -> str:
    """Turn the partition that begins on `day` into columns; return what came of it, as a sentence."""
    with connect(name="compress", autocommit=True, deadline=_PATIENCE) as connection:
        before = find(store.partitions(connection.cursor()), day)
        done = store.compress(connection, day)
        after = find(store.partitions(connection.cursor()), day)
    if not done:
        return f"{day}: {_nothing(after)}"
    return f"{day}: {_size(before)} became {_size(after)}"


def _nothing(partition: Partition | None) -> str:
    in_columns = partition is not None and partition.compressed
    return "all of it lies in columns already" if in_columns else "there was nothing to compress"


def _size(partition: Partition | None) -> str:
    return str(filesizeformat(partition.bytes if partition else 0))


def find(partitions: list[Partition], day: date) -> Partition | None:
    """Return the partition that begins on `day`."""
    return next((one for one in partitions if one.day == day), None)
