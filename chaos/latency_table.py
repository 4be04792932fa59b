"""The report of `chaos.latency` as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chaos.visitors import INGEST, Timing

if TYPE_CHECKING:
    from chaos.latency import Outage


def table(outages: Sequence[Outage]) -> str:
    """Return the result as Markdown: a summary of the outages, and every address's times."""
    return "\n".join([*_summary(outages), "", *_details(outages)])


def _summary(outages: Sequence[Outage]) -> Iterator[str]:
    yield "| database | requests | ingest p50 / p99 / max, ms | all others p50 / p99 / max, ms | slowest p99 | memory |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for outage in outages:
        ingest = outage.timings.get(INGEST, Timing())
        others = Timing([s for name, one in outage.timings.items() if name != INGEST for s in one.seconds])
        p99, slowest = max(((one.at(0.99), name) for name, one in outage.timings.items()), default=(0.0, "-"))
        count = sum(len(one.seconds) for one in outage.timings.values())
        yield (
            f"| {outage.name} | {count} | {_three(ingest)} | {_three(others)} | "
            f"`{slowest}` {p99 * 1000:.0f} ms | {outage.growth_mib:+.0f} MiB |"
        )


def _details(outages: Sequence[Outage]) -> Iterator[str]:
    """Yield p99 of each address by outage, in milliseconds."""
    yield "| p99, ms (statuses) | " + " | ".join(outage.name for outage in outages) + " |"
    yield "| --- |" + " --- |" * len(outages)
    for name in sorted({name for outage in outages for name in outage.timings}):
        cells = (_cell(outage.timings.get(name)) for outage in outages)
        yield f"| `{name}` | " + " | ".join(cells) + " |"


def _cell(timing: Timing | None) -> str:
    if timing is None:
        return "-"
    statuses = " ".join(str(status) if status else "none" for status in sorted(timing.statuses))
    return f"{timing.at(0.99) * 1000:.0f} ({statuses})"


def _three(timing: Timing) -> str:
    return " / ".join(f"{timing.at(share) * 1000:.0f}" for share in (0.5, 0.99, 1.0))
