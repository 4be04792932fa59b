"""What somebody who asks can be told."""

from __future__ import annotations

from typing import Any

from config.lib.errors import SluiceError


class BadQuestion(SluiceError):
    """The question cannot be understood."""

    code = "bad_question"
    http_status = 400

    def __init__(self, message: str | None = None, *, field: str = "", **extra: Any) -> None:
        if field:
            extra["errors"] = [{"field": field, "code": self.code, "message": message}]
        super().__init__(message, **extra)


class TooManyPoints(BadQuestion):
    """The answer would have too many points."""

    code = "too_many_points"
