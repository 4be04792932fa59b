"""A dead letter is written once, however often its batch comes."""

from __future__ import annotations

import pytest

from config import engine
from config.lib import clock
from dlq.models import DeadLetter
from dlq.replay import replay
from events.contracts import Batch, Lane, Reject
from events.gateway.encode import encode_batches
from events.reasons import Outcome, Reason, Stage
from events.selectors import balance
from tests.support.pipeline import append_rows, copy_line, event, new_project, process_all

pytestmark = pytest.mark.usefixtures("pipeline")
#: A date that the gateway never lets through, and Postgres refuses.
NO_DATE = "2025-06-31T12:00:00+00:00"


def test_a_batch_that_comes_twice_makes_no_second_letter() -> None:
    project = new_project()
    batch = Batch(project, Lane.LIVE, 0, b"", (Reject(Stage.GATEWAY, Reason.TOO_DEEP, "deep", b"{}"),))
    for _ in range(2):
        engine.bus().append(batch)
    assert process_all() == {(project, Outcome.DEAD): 1, (project, Outcome.DUPLICATE): 1}
    assert balance().missing == 0


def test_equal_contents_of_two_senders_are_two_letters() -> None:
    project = new_project()
    for _ in range(2):
        (batch,) = encode_batches(project, Lane.LIVE, ["no event"], clock.now())  # type: ignore[list-item]
        engine.bus().append(batch)
    assert process_all() == {(project, Outcome.DEAD): 2}


def test_an_event_with_an_id_that_is_refused_again_is_one_letter() -> None:
    project = new_project()
    for _ in range(2):
        (batch,) = encode_batches(project, Lane.LIVE, [event(id="one", type="x" * 300)], clock.now())
        engine.bus().append(batch)
    assert process_all() == {(project, Outcome.DEAD): 1, (project, Outcome.DUPLICATE): 1}


def test_poison_that_comes_twice_is_one_letter() -> None:
    project = new_project()
    line = copy_line(project, ts=NO_DATE)
    for _ in range(2):
        append_rows(project, line)
        process_all()
    assert DeadLetter.objects.get().refusals == 2
    assert balance().missing == 0


def test_a_replayed_letter_that_is_refused_again_is_open_again() -> None:
    project = new_project()
    line = copy_line(project, ts=NO_DATE)
    append_rows(project, line)
    process_all()
    DeadLetter.objects.update(state=DeadLetter.State.REPLAYED)
    append_rows(project, line)
    process_all()
    assert DeadLetter.objects.get().state == DeadLetter.State.NEW


def test_a_letter_that_is_refused_again_during_its_replay_stays_open() -> None:
    project = new_project()
    batch = Batch(project, Lane.LIVE, 0, b"", (Reject(Stage.GATEWAY, Reason.TOO_DEEP, "deep", GOOD),))
    engine.bus().append(batch)
    process_all()
    letter = DeadLetter.objects.get()
    replay(ids=[letter.pk], by="ann", bus=_RefusedAtOnce(batch))
    letter.refresh_from_db()
    assert (letter.state, letter.refusals) == (DeadLetter.State.NEW, 2)


GOOD = b'{"eventId":"a","type":"t","userId":"u"}'


class _RefusedAtOnce:
    """A bus whose processor is faster than the replay: what is appended is refused before `append` returns."""

    def __init__(self, again: Batch) -> None:
        self._again = again

    def append(self, batch: Batch) -> None:
        engine.bus().append(self._again)
        process_all()
