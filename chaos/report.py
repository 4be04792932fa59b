"""Tells what a campaign found: on the terminal, and as the generated part of docs/chaos.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from chaos import latency_table
from chaos.faults.base import FAULTS, SETUPS, Fault
from chaos.results import ALTERED, DOUBLED, LOST, TRANSIENT_DEAD, Injection, Outcome

BEGIN, END = "<!-- chaos:begin -->", "<!-- chaos:end -->"
_WIDTH = 118


def summary(outcome: Outcome) -> str:
    """Return the figures in a few lines."""
    lines = ["", *(f"{name:<42} {value}" for name, value in _totals(outcome))]
    lines += [f"  after {one.fault} ({one.number}): {violation}" for one, violation in outcome.violations()]
    lines += [f"  {section.setup}: {section.broken}" for section in outcome.sections if section.broken]
    lines += [f"  {one.name}: {broken}" for one in outcome.outages for broken in one.broken()]
    lines += [f"  {broken}" for broken in outcome.broken]
    lines += [f"  data kept in {section.folder}" for section in outcome.sections if section.folder]
    lines += [f"left out ({why}): {', '.join(names)}" for why, names in _by_reason(outcome.left_out).items()]
    return "\n".join([*lines, "every promise was kept" if outcome.well else "NOT every promise was kept"])


def _by_reason(left_out: dict[str, str]) -> dict[str, list[str]]:
    """Return {reason: names} of {name: reason}."""
    return {
        why: sorted(name for name in left_out if left_out[name] == why)
        for why in sorted(set(left_out.values()))
    }


def prepare(path: Path) -> None:
    """Make sure that a report can be written to `path`, making it where there is none. OSError, ValueError."""
    if not path.exists():
        path.write_text(f"{BEGIN}\n{END}\n")
    path.open("r+").close()
    _parts(path)


def write(outcome: Outcome, path: Path) -> None:
    """Replace what stands between the markers in `path` by the campaign's report."""
    before, after = _parts(path)
    path.write_text(f"{before}{BEGIN}\n{document(outcome)}\n{END}{after}")


def _parts(path: Path) -> tuple[str, str]:
    before, found, rest = path.read_text().partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{path} has no place for the report: {BEGIN} and {END} are missing")
    return before, after


def document(outcome: Outcome) -> str:
    """Return the report in Markdown."""
    parts = [
        _heading(outcome),
        _table(("what", "figure"), _totals(outcome)),
        _by_fault(outcome),
        _by_setup(outcome),
        _broken(outcome),
        _left_out(outcome),
        _outages(outcome),
    ]
    return "\n\n".join(part for part in parts if part)


def _heading(outcome: Outcome) -> str:
    stopped = ", stopped before its end" if outcome.interrupted else ""
    return (
        f"Run of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {outcome.seed}{stopped}: {outcome.seconds / 60:.0f} "
        f"minutes on {os.cpu_count()} cores."
    )


def _totals(outcome: Outcome) -> Iterator[tuple[str, str]]:
    injections = outcome.injections
    yield "faults injected", f"{len(injections)} of {len({one.fault for one in injections})} kinds"
    yield "events acknowledged", f"{outcome.acknowledged:,}"
    yield "- while faults went on", f"{outcome.acknowledged - outcome.filled:,}"
    yield "- after them", f"{outcome.filled:,}"
    yield "lost", f"{outcome.count(LOST):,}"
    yield "doubled", f"{outcome.count(DOUBLED):,}"
    yield "altered, or never sent", f"{outcome.count(ALTERED):,}"
    yield "dead letters from transient faults", f"{outcome.count(TRANSIENT_DEAD):,}"
    yield "other broken promises", str(_others(outcome))
    yield "gateway acknowledges again, longest", _longest(injections, lambda one: one.back)
    yield "fresh event queryable, longest", _longest(injections, lambda one: one.fresh)
    yield "everything drained, longest", _longest(injections, lambda one: one.drained)


def _others(outcome: Outcome) -> int:
    counted = {*LOST, *DOUBLED, *ALTERED, *TRANSIENT_DEAD}
    return sum(violation.kind not in counted for _, violation in outcome.violations())


def _longest(injections: Iterable[Injection], pick: Callable[[Injection], float | None]) -> str:
    """Return the longest time and the fault that took it."""
    timed = [(seconds, one.fault) for one in injections if (seconds := pick(one)) is not None]
    return "{:.1f} s ({})".format(*max(timed)) if timed else "not measured"


def _by_fault(outcome: Outcome) -> str:
    head = (
        "fault", "what", "times", "acknowledges again", "queryable", "drained", "p99 while in force", "bounds",
    )  # fmt: skip
    rows = []
    for name in sorted({one.fault for one in outcome.injections}):
        ours = [one for one in outcome.injections if one.fault == name]
        times = [[one.back for one in ours], [one.fresh for one in ours], [one.drained for one in ours]]
        cells = [
            f"`{name}`",
            FAULTS[name].says,
            str(len(ours)),
            *map(_spread, times),
            _spread([o.p99 for o in ours]),
            _bounds(FAULTS[name]),
        ]
        rows.append(cells)
    said = "Seconds are counted from the healing: median / longest. Bounds: acknowledges again / queryable."
    return f"{said}\n\n" + _table(head, rows)


def _bounds(fault: Fault) -> str:
    """Return the fault's own bounds, with the reason where they are not the usual ones."""
    said = f"{fault.back_within:g} / {fault.fresh_within:g}"
    return f"{said}: {fault.because}" if fault.because else said


def _spread(seconds: Iterable[float | None]) -> str:
    known = [one for one in seconds if one is not None]
    return f"{median(known):.2f} / {max(known):.2f}" if known else "-"


def _by_setup(outcome: Outcome) -> str:
    rows = [
        (f"`{one.setup}`", SETUPS[one.setup].says, str(len(one.injections)), f"{one.acknowledged:,}",
         ", ".join(f"{count:,} x {status or 'no answer'}" for status, count in sorted(one.statuses.items())))
        for one in outcome.sections
    ]  # fmt: skip
    return _table(("instance", "what", "faults", "acknowledged", "answers"), rows)


def _broken(outcome: Outcome) -> str:
    lines = [f"- after `{one.fault}` ({one.number}): {violation}" for one, violation in outcome.violations()]
    lines += [f"- {section.setup}: {section.broken}" for section in outcome.sections if section.broken]
    lines += [f"- {one.name}: {broken}" for one in outcome.outages for broken in one.broken()]
    lines += [f"- {broken}" for broken in outcome.broken]
    return "Broken promises:\n\n" + "\n".join(line[:_WIDTH] for line in lines) if lines else ""


def _left_out(outcome: Outcome) -> str:
    lines = [f"- `{name}`: {why}" for name, why in sorted(outcome.left_out.items())]
    return "Left out:\n\n" + "\n".join(lines) if lines else ""


def _outages(outcome: Outcome) -> str:
    """Return how fast everything was answered while the database was away."""
    if not outcome.outages:
        return ""
    return "### While the database is away\n\n" + latency_table.table(outcome.outages)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
