"""Whose turn it is: projects share by events, whatever the size of their batches."""

from __future__ import annotations

from collections import Counter, deque

from events.bus.turns import Turns


def serve(waiting: dict[int, list[int]], *, events: int, claims: int) -> list[list[tuple[int, int]]]:
    """Claim as the bus does: the smallest turn first, up to `events`; return the batches of each claim."""
    queues = {project: deque(sizes) for project, sizes in waiting.items()}
    turns, served = Turns(), []
    for _ in range(claims):
        claim: list[tuple[int, int]] = []
        had = Counter(turns.ahead)
        while candidates := [project for project, queue in queues.items() if queue]:
            project = min(candidates, key=lambda one: (had[one], one))
            if claim and sum(size for _, size in claim) + queues[project][0] > events:
                break
            size = queues[project].popleft()
            had[project] += size
            claim.append((project, size))
        turns.taken(claim)
        served.append(claim)
    return served


def events_of(claims: list[list[tuple[int, int]]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for claim in claims:
        for project, size in claim:
            found[project] += size
    return found


def test_two_projects_with_much_waiting_get_as_many_events_each() -> None:
    found = events_of(serve({1: [100] * 1000, 2: [7] * 10_000}, events=500, claims=40))
    assert abs(found[1] - found[2]) <= 100


def test_a_batch_larger_than_a_claim_is_paid_for_in_the_next_ones() -> None:
    claims = serve({1: [2000] * 50, 2: [10] * 5000}, events=500, claims=30)
    found = events_of(claims)
    assert abs(found[1] - found[2]) <= 2000


def test_claims_of_one_batch_take_turns() -> None:
    claims = serve({1: [5] * 9, 2: [5] * 9, 3: [5] * 9}, events=1, claims=9)
    assert [claim[0][0] for claim in claims] == [1, 2, 3] * 3


def test_who_did_not_wait_has_no_claim_on_the_past() -> None:
    turns = Turns()
    for _ in range(100):
        turns.taken([(1, 10)] * 50)
    assert turns.ahead.get(1, 0) <= 10
    assert 2 not in turns.ahead


def test_debts_end() -> None:
    turns = Turns()
    turns.taken([(1, 1000)])
    assert turns.ahead == {1: 1000}
    turns.taken([(2, 10)] * 101)
    assert turns.ahead == {2: 10}
