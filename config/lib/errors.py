"""One base for every error that a client or an operator may see."""

from __future__ import annotations

from typing import Any


class SluiceError(Exception):
    """The request could not be answered."""

    code = "error"
    http_status = 500
    #: A transient error may succeed when tried again unchanged; a permanent one never will.
    transient = False

    def __init__(self, message: str | None = None, **extra: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.extra = extra
        super().__init__(self.message)
