"""Whatever an event says of a user, it is stored or quarantined, and what is kept of him stays small."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from config.lib import clock
from events.reasons import Outcome
from metrics.people.services import MOST_TRAITS
from tests.support.people_model import assert_flat, stored_aliases, stored_traits
from tests.support.pipeline import append_rows, copy_line, event, process_all, rows, store_all
from tests.support.tenants import Tenant

#: What compresses badly: an index entry may have 2,704 bytes, after compression.
NOISE = random.Random(5).randbytes(2000).hex()


def identify(**props: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": "ada", "props": props}


def deep(levels: int) -> Any:
    return json.loads("[" * levels + "]" * levels)


@pytest.mark.parametrize(
    ("props", "outcome"),
    [
        ({"big": "x" * 1_000_000}, Outcome.DEAD),
        ({"big": "x" * 30_000}, Outcome.STORED),
        ({"traits": {"deep": deep(29)}}, Outcome.STORED),
        ({"traits": {"deep": deep(600)}}, Outcome.DEAD),
        ({f"t{n}": n for n in range(10_000)}, Outcome.DEAD),
        ({"traits": {f"t{n}": n for n in range(250)}}, Outcome.STORED),
        ({"nul\u0000": "a\u0000b"}, Outcome.STORED),
        ({NOISE[:180]: NOISE}, Outcome.STORED),
    ],
    ids=["1 MB", "30 kB", "30 deep", "600 deep", "10,000 traits", "250 traits", "NUL", "noise"],
)
def test_a_trait_of_any_kind_is_got_over_with(
    acme: Tenant, globex: Tenant, props: dict[str, Any], outcome: Outcome
) -> None:
    for tenant in (acme, globex):
        assert tenant.send([identify(**props), identify(plan=tenant.slug)]).status_code == 202
    outcomes = process_all()
    assert outcomes[acme.id, outcome] == (2 if outcome is Outcome.STORED else 1)
    assert sum(outcomes.values()) == 4
    # More than MOST_TRAITS names of one claim: who comes first in it is by their names.
    assert len(stored_traits(acme.id)) <= MOST_TRAITS
    answer = acme.get("/api/users/ada")
    assert answer.status_code == 200
    if outcome is Outcome.DEAD:
        assert answer.json()["traits"]["plan"]["value"] == "acme"


def test_ten_thousand_traits_in_many_events_leave_as_many_as_are_kept(acme: Tenant) -> None:
    store_all(
        acme.id,
        [
            event("ada", type="identify", **{f"t{n}": n for n in range(k, k + 100)})
            for k in range(0, 10_000, 100)
        ],
    )
    assert len(stored_traits(acme.id)) == MOST_TRAITS


@pytest.mark.parametrize("type_", ["identify", "alias"])
def test_a_name_that_no_index_can_hold_stops_no_event(acme: Tenant, type_: str) -> None:
    props = json.dumps({NOISE: 1, "traits": {NOISE: 1, "plan": "pro"}, "previousId": NOISE})
    append_rows(
        acme.id, copy_line(acme.id, user="ü" * 255, props=props).replace(b"page_view", type_.encode())
    )
    assert process_all() == {(acme.id, Outcome.STORED): 1}
    assert stored_traits(acme.id) == ({("ü" * 255, "plan"): "pro"} if type_ == "identify" else {})
    assert stored_aliases(acme.id) == {}


@pytest.mark.parametrize(
    "other", ["../../..", "a/b", "%2f", "<script>alert(1)</script>", "' OR 1=1 --", "ü" * 255]
)
def test_any_id_is_joined_as_it_is(acme: Tenant, globex: Tenant, other: str) -> None:
    for tenant in (acme, globex):
        store_all(tenant.id, [event(other), event("ada", type="alias", previousId=other)])
    (found,) = acme.get("/api/users", userId=other).json()["users"]
    assert (found["userId"], found["ids"], found["events"]) == ("ada", ["ada", other], 2)
    assert_flat(acme.id)


def test_a_word_from_the_future_is_no_last_word(acme: Tenant) -> None:
    """The live lane quarantines what is more than MAX_AHEAD_SECONDS ahead: else nobody could ever say another."""
    now = clock.now()
    events = [identify(plan="for ever") | {"ts": (now + timedelta(days=3)).isoformat()}, identify(plan="now")]
    acme.send(events)
    process_all()
    assert stored_traits(acme.id) == {("ada", "plan"): "now"}
    assert rows("SELECT reason FROM dead_letter WHERE project_id = %s", acme.id) == [("outside_window",)]
