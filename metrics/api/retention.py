"""GET /api/retention: of those who came in a period, how many come back."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.gateway.auth import project_of
from events.gateway.schema import query
from metrics.api.answers import ANSWERS, answered
from metrics.api.times import wire
from metrics.insights.retention import Cohort, RetentionAnswer, ask_retention


class RetentionView(APIView):
    """Answers one question about the key's project."""

    @extend_schema(
        operation_id="retention",
        parameters=[
            query("first", 'What begins: a type, or JSON {"type", "filters"}; default any event.'),
            query("return", "What counts as coming back: as `first`; default any event."),
            query("period", "day, week (from Monday) or month; default week."),
            query("cohort", "first_in_range, first_ever or recurring; default first_in_range."),
            query("range", "As for metrics, widened to whole periods; default the last eight weeks."),
            query("tz", "IANA time zone of the periods; default UTC."),
            query("filter", "FIELD:OP:VALUE, on all events.", many=True),
            query("segment", "Only persons of this segment."),
        ],
        responses=ANSWERS,
    )
    def get(self, request: Request) -> Response:
        """Answer the question in the query string."""
        answer = ask_retention(project_id=project_of(request), params=dict(request.GET.lists()))
        return answered(request, as_json(answer), seconds=answer.seconds_to_keep)


def as_json(answer: RetentionAnswer) -> dict[str, Any]:
    """Return an answer as the wire has it."""
    question, tz = answer.question, answer.question.scope.tz
    return {
        "range": {"from": wire(question.edges[0], tz), "to": wire(question.edges[-1], tz)},
        "tz": tz.key,
        "period": question.period,
        "cohort": question.cohort,
        "cohorts": [_cohort(one, tz) for one in answer.cohorts],
        "source": answer.source,
        "historyFrom": wire(answer.history_from) if answer.history_from else None,
        "asOf": wire(answer.as_of),
        "cached": answer.cached,
    }


def _cohort(cohort: Cohort, tz: Any) -> dict[str, Any]:
    return {
        "start": wire(cohort.start, tz),
        "size": cohort.size,
        "values": cohort.values,
        "complete": cohort.complete,
    }
