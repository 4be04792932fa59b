"""The continuous aggregates: the rollups of `definitions`, and finer ones that only those are computed from."""

from __future__ import annotations

from datetime import timedelta

from metrics.rollups.definitions import EVENTS, EVENTS_1M, USERS, USERS_1H, VALUES, VALUES_1H, Rollup

USERS_10M = Rollup("rollup_users_10m", timedelta(minutes=10), "minute", "users")
VALUES_10M = Rollup("rollup_values_10m", timedelta(minutes=10), "minute", "values")
ALL_USERS = (*USERS, USERS_10M)
#: Finest first: each is computed from the one before it of its kind.
IN_ORDER = (*reversed(EVENTS), *reversed(ALL_USERS), VALUES_10M, *reversed(VALUES))
#: Computed from the raw events. Where those were dropped, a refresh of these would delete what they say.
DIRECT = (EVENTS_1M, USERS_10M, VALUES_10M)
#: What a rollup of `definitions` is computed from, where that is not one of them.
FINER = {USERS_1H: USERS_10M, VALUES_1H: VALUES_10M}
