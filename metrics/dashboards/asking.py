"""Questions of pages: a refusal is something to show, a fault of ours is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from config.lib.errors import SluiceError


def answered(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the context that `ask` makes, or `problem`: why the engine has no answer. Raises what is no refusal."""
    try:
        return ask()
    except SluiceError as error:
        if error.http_status >= 500 and not error.transient:
            raise
        return {"problem": error.message}
