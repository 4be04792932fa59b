"""A WSGI application whose answers take as long as they are asked to, behind our bodies and desk, for granian."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from config.bodies import Bodies
from config.desk import Desk, install


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer after as many seconds as the query says."""
    # That this takes long is what is tested.
    time.sleep(float(environ["QUERY_STRING"] or 0))
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


assert install(Bodies(seconds=1, limit=1 << 20, threads=12, budget=8 << 20), Desk(8))
