"""Answers to questions over HTTP: how long a client may keep one, and how it asks whether it still holds."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from events.gateway.schema import errors

#: What the address of a question may answer.
ANSWERS: dict[int, Any] = {200: {"type": "object"}, 304: None, **errors(400, 401, 403, 503)}
#: Seconds that a client may keep an answer without asking, at most: an erased user has to be gone from it too.
_MOST_SECONDS = 60
#: Who asks is in these: a browser must not show one project's answer for another's key.
_VARY = "Authorization, X-Api-Key, Cookie"
_encode = msgspec.json.Encoder().encode


def answered(request: Request, body: dict[str, Any], *, seconds: float = 0) -> Response:
    """Return an answer that may be kept for `seconds`; a 304 where a client that only reads has it already.

    `cached` says only where the answer came from: it is part of the tag, and two tags that differ in it alone match.
    """
    tag = _tag(body)
    headers = {
        "Cache-Control": f"private, max-age={min(int(seconds), _MOST_SECONDS)}",
        "ETag": f'"{tag}-kept"' if body.get("cached") else f'"{tag}"',
        "Vary": _VARY,
    }
    if request.method in SAFE_METHODS and (held := _held(request, tag)):
        return Response(status=304, headers=headers | {"ETag": held})
    return Response(body, headers=headers)


def _tag(body: dict[str, Any]) -> str:
    lasting = {name: value for name, value in body.items() if name != "cached"}
    return sha256(_encode(lasting)).hexdigest()[:32]


def _held(request: Request, tag: str) -> str:
    """Return the tag of this answer that the client has; "" where it has none. What a proxy made weak counts too."""
    theirs = {one.strip().removeprefix("W/") for one in request.META.get("HTTP_IF_NONE_MATCH", "").split(",")}
    return next((ours for ours in (f'"{tag}"', f'"{tag}-kept"') if ours in theirs), "")
