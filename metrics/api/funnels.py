"""GET and POST /api/funnels: how many persons went how far, step by step."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.gateway.auth import project_of
from events.gateway.schema import errors, query
from metrics.api.answers import ANSWERS, answered
from metrics.api.parsers import StrictJson
from metrics.api.times import wire
from metrics.errors import BadQuestion
from metrics.insights.funnel import Funnel, FunnelAnswer, Reached, ask_funnel
from metrics.language.params import Params

_STEP = {
    "oneOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "type": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
                "filters": {"type": "array", "items": {"type": "string"}},
            },
        },
    ]
}
_BODY = {
    "type": "object",
    "properties": {
        "steps": {"type": "array", "items": _STEP, "minItems": 2, "maxItems": 10},
        "filter": {"type": "array", "items": {"type": "string"}},
        "limit": {"type": "integer"},
        **{name: {"type": "string"} for name in ("window", "range", "tz", "segment", "breakdown", "order")},
    },
}


class FunnelsView(APIView):
    """Answers one question about the key's project; asking changes nothing, so a read key may POST too."""

    parser_classes = [StrictJson]

    @extend_schema(
        operation_id="funnel",
        parameters=[
            query("steps", 'JSON: 2 to 10 steps, each a type or {"type", "filters", "name"}.'),
            query("step", "Short for `steps`: one event type a step, in order.", many=True),
            query("window", "From the first step to the last: like 30m, 24h, 14d; at most 90d; default 14d."),
            query("order", "Only `ordered`: each step after the one before."),
            query("breakdown", "type or props.NAME of the event with which a person enters."),
            query("limit", "Values of the breakdown shown, 1 to 100, default 10; the rest as `other`."),
            query("range", "When persons enter: as for metrics; default 7d."),
            query("tz", "IANA time zone in which `range` is read; default UTC."),
            query("filter", "FIELD:OP:VALUE, on the events of all steps.", many=True),
            query("segment", "Only persons of this segment."),
        ],
        responses=ANSWERS,
    )
    def get(self, request: Request) -> Response:
        """Answer the question in the query string."""
        return _answer(request, dict(request.GET.lists()))

    @extend_schema(
        operation_id="ask_funnel",
        request={"application/json": _BODY},
        responses={200: {"type": "object"}, **errors(400, 401, 403, 408, 413, 415, 503)},
    )
    def post(self, request: Request) -> Response:
        """Answer the question in the body: the same parameters as a JSON object."""
        return _answer(request, _params(request.data))


def _params(body: Any) -> Params:
    """Return a body as the query string would have it. Raises BadQuestion."""
    if not isinstance(body, dict):
        raise BadQuestion("The body must be a JSON object.")
    return {name: _texts(name, value) for name, value in body.items() if value is not None}


def _texts(name: str, value: Any) -> list[str]:
    if name == "steps" and not isinstance(value, str):
        return [json.dumps(value)]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) or type(one) is int for one in values):
        raise BadQuestion("This must be a text, or a list of texts where it may be repeated.", field=name)
    return [str(one) for one in values]


def _answer(request: Request, params: Params) -> Response:
    answer = ask_funnel(project_id=project_of(request), params=params)
    return answered(request, as_json(answer), seconds=answer.seconds_to_keep)


def as_json(answer: FunnelAnswer) -> dict[str, Any]:
    """Return an answer as the wire has it."""
    scope, breakdown = answer.question.scope, answer.question.breakdown
    groups = [{"group": {breakdown: one.value}, "rest": one.rest, **_funnel(one)} for one in answer.groups]
    return {
        "range": {"from": wire(scope.start, scope.tz), "to": wire(scope.end, scope.tz)},
        "tz": scope.tz.key,
        "windowSeconds": int(answer.question.window.total_seconds()),
        "order": "ordered",
        **_funnel(answer.whole),
        **({"groups": groups} if breakdown else {}),
        "source": answer.source,
        "historyFrom": wire(answer.history_from) if answer.history_from else None,
        "asOf": wire(answer.as_of),
        "cached": answer.cached,
    }


def _funnel(funnel: Funnel) -> dict[str, Any]:
    first, last = funnel.steps[0], funnel.steps[-1]
    return {
        "entered": first.persons,
        "converted": last.persons,
        "conversion": last.share_of_first,
        "secondsToConvert": asdict(last.seconds) if last.seconds else None,
        "steps": [_step(one) for one in funnel.steps],
    }


def _step(step: Reached) -> dict[str, Any]:
    return {
        "name": step.name,
        "persons": step.persons,
        "conversionFromFirst": step.share_of_first,
        "conversionFromPrevious": step.share_of_previous,
        "dropOff": step.lost,
        "secondsFromFirst": asdict(step.seconds) if step.seconds else None,
    }
