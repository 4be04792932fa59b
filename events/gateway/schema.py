"""What the OpenAPI document says about /api/events."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse

EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "minLength": 1, "maxLength": 200},
        "userId": {"type": "string", "minLength": 1, "maxLength": 255},
        "anonymousId": {"type": "string", "minLength": 1, "maxLength": 255},
        "eventId": {"type": "string", "minLength": 1, "maxLength": 200},
        "ts": {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}]},
        "sentAt": {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}]},
        "props": {"type": "object", "additionalProperties": True},
    },
}
BODY = {
    "oneOf": [
        EVENT,
        {"type": "array", "items": EVENT},
        {"type": "object", "properties": {"batch": {"type": "array", "items": EVENT}}, "required": ["batch"]},
    ]
}
ERROR = {
    "type": "object",
    "required": ["code", "message", "detail", "requestId"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "detail": {"type": "string"},
        "requestId": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """Return the documentation of error answers."""
    return {status: OpenApiResponse(ERROR) for status in statuses}


def query(name: str, description: str, **extra: Any) -> OpenApiParameter:
    """Return the documentation of one query parameter."""
    return OpenApiParameter(name, OpenApiTypes.STR, description=description, **extra)


INGEST: dict[str, Any] = {
    "operation_id": "ingest_events",
    "description": 'Accepts one event, an array, {"batch": [..]}, or NDJSON; answers once they are on disk.',
    "request": {"application/json": OpenApiRequest(BODY)},
    "responses": {
        202: OpenApiResponse(
            {
                "type": "object",
                "required": ["accepted", "quarantined", "eventIds"],
                "properties": {
                    "accepted": {"type": "integer"},
                    "quarantined": {"type": "integer"},
                    "eventIds": {"type": "array", "items": {"type": "string", "format": "uuid"}},
                    "errors": {"type": "array", "items": {"type": "object"}},
                },
            }
        ),
        **errors(400, 401, 403, 408, 413, 415, 429, 503),
    },
    "examples": [
        OpenApiExample(
            "one event",
            {"type": "page_view", "userId": "u1", "props": {"path": "/"}},
            request_only=True,
        )
    ],
    "parameters": [
        OpenApiParameter(
            "Idempotency-Key",
            OpenApiTypes.STR,
            location=OpenApiParameter.HEADER,
            description="Makes the ids of events without eventId repeatable.",
        )
    ],
}


class _KeyScheme(OpenApiAuthenticationExtension):
    """Tells the OpenAPI document how keys are sent. drf-spectacular finds its subclasses by their import."""

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return the ways to send a key."""
        return [{"type": "http", "scheme": "bearer"}, {"type": "apiKey", "in": "header", "name": "X-Api-Key"}]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Say that one of the ways is enough."""
        return [{name: []} for name in self.name]


class ReadKeyScheme(_KeyScheme):
    """Read keys, also where a login will do."""

    match_subclasses = True
    target_class = "events.gateway.auth.ReadKeyAuthentication"
    name = ["readKey", "readKeyHeader"]


class WriteKeyScheme(_KeyScheme):
    """Write keys."""

    target_class = "events.gateway.auth.WriteKeyAuthentication"
    name = ["writeKey", "writeKeyHeader"]
