"""A dead letter is written once, however often its batch comes."""

from __future__ import annotations

import pytest

from config import engine
from config.lib import clock
from dlq.models import DeadLetter
from dlq.replay import replay
from events.contracts import Batch, Lane, Reject
from events.gateway.encode import Encoder, encode_batches
from events.gateway.limits import limits
from events.reasons import Outcome, Reason, Stage
from events.selectors import balance
from tests.support.pipeline import append_rows, copy_line, event, new_project, process_all, rows

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


def test_an_event_that_is_sent_again_later_is_one_letter() -> None:
    project = new_project()
    bad = event(id="one", type="x" * 300)
    for minute in range(2):
        encoder = Encoder(project, Lane.LIVE, clock.now(), limits())
        encoder.encode([bad], f"2025-06-02T12:0{minute}:00Z")
        engine.bus().append(encoder.batch())
        (batch,) = encode_batches(
            project, Lane.LIVE, [bad | {"sentAt": f"2025-06-02T12:1{minute}:00Z"}], clock.now()
        )
        engine.bus().append(batch)
    assert process_all() == {(project, Outcome.DEAD): 1, (project, Outcome.DUPLICATE): 3}


def test_poison_that_was_received_twice_is_one_letter() -> None:
    project = new_project()
    line = copy_line(project, props="{broken")
    append_rows(project, line)
    append_rows(project, line.replace(b"12:00:01", b"12:00:09").replace(b"12:00:00", b"12:00:08"))
    process_all()
    assert DeadLetter.objects.get().refusals == 2
    assert balance().missing == 0


def test_rejects_that_cannot_be_read_are_letters_and_their_neighbours_are_stored() -> None:
    project = new_project()
    reject = Reject(Stage.GATEWAY, Reason.TOO_DEEP, "deep", b"{}")
    good = b"".join(copy_line(project) + b"\n" for _ in range(3))
    engine.bus().append(Batch(project, Lane.LIVE, 3, good, (reject, reject)))
    rows("UPDATE inbox SET rejects = 'damaged' RETURNING 1")
    assert process_all() == {(project, Outcome.STORED): 3, (project, Outcome.DEAD): 2}
    assert balance().missing == 0


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
    DeadLetter.objects.update(state=DeadLetter.State.REPLAYED, resolved_at=clock.now(), resolved_by="ann")
    append_rows(project, line)
    process_all()
    letter = DeadLetter.objects.get()
    assert (letter.state, letter.resolved_at, letter.resolved_by) == (DeadLetter.State.NEW, None, "")


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
