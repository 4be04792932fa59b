"""GET /api/lifecycle: by period, how many persons are new, stayed, came back, and went."""

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
from metrics.insights.lifecycle import LifecycleAnswer, ask_lifecycle
from metrics.language.params import Params


class LifecycleView(APIView):
    """Answers one question about the key's project."""

    @extend_schema(
        operation_id="lifecycle",
        parameters=[
            query("period", "day, week or month; default day."),
            query("range", "Periods that it touches: as for metrics; default 30d, 12w or 365d."),
            query("tz", "IANA time zone of the periods; default UTC."),
            query("type", "Only events of this type count as coming.", many=True),
            query("filter", "FIELD:OP:VALUE: only such events count as coming.", many=True),
            query("segment", "Only persons of this segment."),
        ],
        responses=ANSWERS,
    )
    def get(self, request: Request) -> Response:
        """Answer the question in the query string."""
        params: Params = dict(request.GET.lists())
        answer = ask_lifecycle(project_id=project_of(request), params=params)
        return answered(request, as_json(answer), seconds=answer.seconds_to_keep)


def as_json(answer: LifecycleAnswer) -> dict[str, Any]:
    """Return an answer as the wire has it."""
    question, scope = answer.question, answer.question.scope
    return {
        "period": question.period,
        "range": {"from": wire(scope.start, scope.tz), "to": wire(scope.end, scope.tz)},
        "tz": scope.tz.key,
        "periods": [
            {
                "start": wire(one.start, scope.tz),
                "new": one.new,
                "returning": one.returning,
                "resurrecting": one.resurrecting,
                "dormant": one.dormant,
                "inProgress": one.in_progress,
            }
            for one in answer.periods
        ],
        "source": answer.source,
        "historyFrom": wire(answer.history_from) if answer.history_from else None,
        "asOf": wire(answer.as_of),
        "cached": answer.cached,
    }
