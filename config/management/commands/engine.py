"""`manage.py engine`: which database runs below, what it can do, what it holds, and what ran by itself."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import OperationalError
from django.template.defaultfilters import filesizeformat

from config.engine_report import Report, as_json, read_report
from events.jobs import Job

_HEADINGS = ("JOB", "EVERY", "LAST RUN", "TOOK", "STATE", "RUNS", "FAILURES", "NEXT RUN", "IT SAID")


class Command(BaseCommand):
    """Print the engine's level, versions, capabilities, stored partitions, and each policy and scheduled job."""

    help = __doc__
    # It is what one asks when a check fails.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--json`."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read and print; exit 1 where the server does not fit what was recorded."""
        try:
            report = read_report()
        except (psycopg.OperationalError, OperationalError) as error:
            raise CommandError(f"the database does not answer: {str(error).splitlines()[0]}") from None
        if options["json"]:
            self.stdout.write(json.dumps(as_json(report), cls=DjangoJSONEncoder, indent=2))
        else:
            self.stdout.write("\n".join([*_facts(report), *_jobs(report.jobs)]))
        if report.problem:
            raise CommandError(f"{report.problem}: {report.hint}")


def _facts(report: Report) -> Iterator[str]:
    recorded, found = report.recorded, report.found
    facts = [
        ("level", recorded.level.value if recorded else "not recorded"),
        ("PostgreSQL", report.server),
        ("TimescaleDB", found.version or ("not created" if found.available else "not installed")),
        ("licence", (found.licence or "-") if found.version else "-"),
        ("recorded", f"{recorded.version or 'no TimescaleDB'}, {_time(recorded.at)}" if recorded else "-"),
        *((name, "yes" if can else "no") for name, can in report.capabilities.items()),
        *_stock(report),
    ]
    return (f"{name:<22} {value}" for name, value in facts)


def _stock(report: Report) -> Iterator[tuple[str, str]]:
    if (stock := report.stock) is None:
        return
    yield "partitions", str(stock.partitions)
    yield "rows", f"about {stock.rows:,}"
    yield "size", _size(stock.bytes)
    yield "in columns", f"{stock.compressed} of {stock.partitions}"
    if stock.ratio:
        yield "smaller by", f"{stock.ratio:.1f}x"


def _jobs(jobs: Sequence[Job]) -> list[str]:
    return ["", *_aligned([_HEADINGS, *map(_row, jobs)])] if jobs else []


def _row(job: Job) -> tuple[str, ...]:
    return (
        f"{job.name} {job.relation}".strip(),
        str(job.every) if job.every else "on request",
        _time(job.last_run_at),
        f"{job.seconds:.2f} s" if job.seconds is not None else "-",
        job.state.value,
        str(job.runs),
        str(job.failures),
        _time(job.next_run_at),
        job.last_failure or job.message,
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines in which every column begins at one place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else "-"


def _size(number: int) -> str:
    return str(filesizeformat(number)).replace("\xa0", " ")
