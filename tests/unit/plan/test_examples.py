"""Stored events are judged anew as they were sent."""

from __future__ import annotations

import json

from events.plan.selectors import as_sent


def test_a_number_that_the_store_wrote_out_is_short_again() -> None:
    stored = json.dumps({"a": [10**300, -(10**300)], "b": -(2**63), "c": 2**64 - 1})
    found = as_sent(stored)
    assert found == {"a": [1e300, -1e300], "b": -(2**63), "c": 2**64 - 1}
    assert [type(one) for one in found["a"]] == [float, float]
    assert type(found["c"]) is int
