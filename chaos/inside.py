"""Runs inside an instance's environment and does what only the product can: make projects, tell when it is drained.

One line of JSON in, `[name, arguments]`; one out, `[true, answer]` or `[false, error]`. It lives as long as the
instance, because starting Django for every question would take longer than the question; it ends with its input.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from datetime import date
from typing import Any

import django
from django.conf import settings

# A pool's dead connections would be this helper's trouble, not the product's.
settings.DATABASES["default"]["OPTIONS"].pop("pool", None)
django.setup()

from django.core.management import CommandError, call_command  # noqa: E402
from django.db import connections  # noqa: E402

from config.engine import bus, rollups, store  # noqa: E402
from events import maintenance, operations  # noqa: E402
from events.contracts import Batch, Lane  # noqa: E402
from events.models import ApiKey  # noqa: E402
from events.services import create_key, create_project  # noqa: E402


def tenant(slug: str) -> dict[str, Any]:
    """Make a project and its keys."""
    project = create_project(slug=slug)
    write, read = (create_key(project=project, kind=kind) for kind in (ApiKey.Kind.WRITE, ApiKey.Kind.READ))
    return {"id": project.pk, "write": write, "read": read}


def drain(timeout: float) -> str:
    """Wait until everything accepted is queryable; return nothing, or what is still waiting."""
    try:
        call_command("drain", timeout=timeout, stdout=io.StringIO())
    except CommandError as error:
        return str(error)
    return ""


def append(project: int, lane: str, events: int, rows: str) -> None:
    """Put one batch of COPY lines (base64) on the bus, past the gateway's rules."""
    bus().append(Batch(project, Lane(lane), events, base64.b64decode(rows)))


def run(command: str, *arguments: str) -> str:
    """Run a command of manage.py and return what it printed."""
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def apply_retention(days: int) -> int:
    """Drop the raw events of days older than `days`; return how many days."""
    return len(maintenance.apply_retention(store=store(), rollups=rollups(), days=days))


def compress(day: str) -> str:
    """Turn a day into columns, where the engine can; return what came of it."""
    return operations.compress(store=store(), day=date.fromisoformat(day))


_KNOWN = {one.__name__: one for one in (tenant, drain, append, run, apply_retention, compress)}


def main() -> None:
    """Answer until the input ends."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = [True, _KNOWN[name](*arguments)]
        except BaseException as error:
            answer = [False, f"{type(error).__name__}: {error}"]
        finally:
            connections.close_all()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
