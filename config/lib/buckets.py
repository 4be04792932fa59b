"""Bucketing by time through the ORM, on every engine."""

from __future__ import annotations

from django.db.models import TextField, Value
from timescale.db.models.expressions import TimeBucket


class ZonedTimeBucket(TimeBucket):
    """django-timescaledb's `TimeBucket` as the clocks of a time zone show it: days begin at that zone's midnight.

    `width` is an interval as Postgres reads it ("15 minutes", "7 days", "1 month"), `zone` a name of the time zone
    database. A name that Postgres does not know raises DataError when the query runs.
    """

    def __init__(self, expression: str, width: str, zone: str) -> None:
        super().__init__(expression, width)
        self.set_source_expressions([*self.get_source_expressions(), Value(zone, output_field=TextField())])
