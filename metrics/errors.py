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


class NoAnswer(SluiceError):
    """The question has no answer now; it is understood."""

    http_status = 503
    transient = True


class QuestionTooLarge(NoAnswer):
    """The question took longer than an answer may take; a smaller one, or a quieter moment, may do."""

    code = "question_too_large"


class TooBusy(NoAnswer):
    """Too many heavy questions are asked at once. Ask again later."""

    code = "too_busy"


class Going(SluiceError):
    """The project is being removed: nothing new can be made in it."""

    code = "project_going"
    http_status = 409


class NameTaken(SluiceError):
    """The project has something of this name already."""

    code = "name_taken"
    http_status = 409

    def __init__(self, message: str | None = None, *, field: str = "name") -> None:
        said = message or (NameTaken.__doc__ or "")
        super().__init__(said, errors=[{"field": field, "code": self.code, "message": said}])
