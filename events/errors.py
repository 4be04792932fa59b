"""What a client of the ingest path can be told."""

from __future__ import annotations

from config.lib.errors import SluiceError
from events.reasons import Reason


class BadRequest(SluiceError):
    """The body is not what this endpoint takes."""

    code = "bad_request"
    http_status = 400


class InvalidJson(BadRequest):
    """The body is not valid JSON."""

    code = "invalid_json"


class InvalidEncoding(BadRequest):
    """The body does not decompress."""

    code = "invalid_encoding"


class NothingAcceptable(BadRequest):
    """No event of the request can be accepted; nothing was stored."""

    code = "invalid_event"


class TooLarge(SluiceError):
    """The request is larger than the limit."""

    code = "too_large"
    http_status = 413


class UnsupportedEncoding(SluiceError):
    """The Content-Encoding is not one of gzip, deflate, br and zstd."""

    code = "unsupported_encoding"
    http_status = 415


class Rejected(SluiceError):
    """One event breaks a rule."""

    code = "invalid_event"
    http_status = 400

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field
