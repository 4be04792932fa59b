"""What somebody who writes a tracking plan can be told."""

from __future__ import annotations

from config.lib.errors import SluiceError


class BadPlan(SluiceError):
    """This cannot be part of a tracking plan."""

    code = "bad_plan"
    http_status = 400

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, errors=[{"field": field, "code": self.code, "message": message}])
        self.field = field
