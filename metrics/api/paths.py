"""GET /api/paths: what follows an event within its session, or precedes it."""

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
from metrics.insights.paths import PathAnswer, ask_paths


class PathsView(APIView):
    """Answers one question about the key's project."""

    @extend_schema(
        operation_id="paths",
        parameters=[
            query("from", 'What follows it: a type, or JSON {"type": .., "filters": [..]}. This or `to`.'),
            query("to", "What precedes it. This or `from`."),
            query("node", "What a step shows: type or props.NAME; default type."),
            query("steps", "Steps from the event on, 1 to 6; default 3."),
            query("top", "Nodes shown of a step, 1 to 50; default 10; the rest as `other`."),
            query("collapse", "0 keeps steps that repeat the node before; default 1."),
            query("range", "As for metrics; default 7d."),
            query("tz", "IANA time zone in which `range` is read; default UTC."),
            query("filter", "FIELD:OP:VALUE: which events are steps.", many=True),
            query("segment", "Only persons of this segment."),
        ],
        responses=ANSWERS,
    )
    def get(self, request: Request) -> Response:
        """Answer the question in the query string."""
        answer = ask_paths(project_id=project_of(request), params=dict(request.GET.lists()))
        return answered(request, as_json(answer), seconds=answer.seconds_to_keep)


def as_json(answer: PathAnswer) -> dict[str, Any]:
    """Return an answer as the wire has it."""
    question, scope = answer.question, answer.question.scope
    return {
        "to" if question.backwards else "from": question.match.wire(),
        "node": question.node,
        "range": {"from": wire(scope.start, scope.tz), "to": wire(scope.end, scope.tz)},
        "tz": scope.tz.key,
        "anchors": answer.anchors,
        "steps": [
            [{"node": one.node, "count": one.count, "ended": one.ended} for one in nodes]
            for nodes in answer.steps
        ],
        "links": [
            {"step": one.step, "from": one.source, "to": one.target, "count": one.count}
            for one in answer.links
        ],
        "ended": list(answer.ended),
        "source": answer.source,
        "historyFrom": wire(answer.history_from) if answer.history_from else None,
        "asOf": wire(answer.as_of),
        "cached": answer.cached,
    }
