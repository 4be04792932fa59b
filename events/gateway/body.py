"""Reads a request's body: bounded, whatever it announces, decompressed and decoded."""

from __future__ import annotations

from django.http import HttpRequest

from config.lib.errors import SluiceError
from events.errors import BadRequest, TooLarge
from events.gateway.decode import Decoded, decode
from events.gateway.inflate import inflate
from events.gateway.limits import Limits

_JSON = ("application/json", "text/plain", "")
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
_CHARSETS = ("utf-8", "utf8", "us-ascii", "")


class UnsupportedType(SluiceError):
    """Send application/json or application/x-ndjson, in UTF-8."""

    code = "unsupported_media_type"
    http_status = 415


def read_events(request: HttpRequest, limits: Limits) -> Decoded:
    """Return the request's events, decoded. Raises UnsupportedType, TooLarge, InvalidEncoding or InvalidJson."""
    lines = _is_lines(request.META.get("CONTENT_TYPE", ""))
    body = _read(request, limits.request_bytes)
    if encoding := request.META.get("HTTP_CONTENT_ENCODING", ""):
        body = inflate(body, encoding, limits.inflated_bytes)
    return decode(body, lines=lines, max_events=limits.events)


def _is_lines(content_type: str) -> bool:
    """Tell NDJSON from JSON. text/plain is JSON: that is what beacons send."""
    media_type, _, rest = content_type.partition(";")
    media_type = media_type.strip().lower()
    charset = rest.lower().partition("charset=")[2].partition(";")[0].strip().strip('"')
    if charset not in _CHARSETS or media_type not in _JSON + _LINES:
        raise UnsupportedType()
    return media_type in _LINES


def _read(request: HttpRequest, limit: int) -> bytes:
    announced = request.META.get("CONTENT_LENGTH")
    if not announced:
        return _read_chunked(request, limit)
    length = int(announced) if announced.isascii() and announced.isdigit() else -1
    if length > limit:
        raise TooLarge(f"A request may have at most {limit} bytes.")
    body = request.META["wsgi.input"].read(length) if length > 0 else b""
    if len(body) != length:
        raise BadRequest("The body is shorter than its Content-Length.")
    return body


def _read_chunked(request: HttpRequest, limit: int) -> bytes:
    """Read a body of unknown length, which Django itself would take for an empty one."""
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return b""
    body = request.META["wsgi.input"].read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"A request may have at most {limit} bytes.")
    return bytes(body)
