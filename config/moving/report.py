"""What a move found at both ends, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.moving.compare import Sum


@dataclass(frozen=True, slots=True)
class Line:
    """A day's events, or another table: what is here, at the source, and there, at the target."""

    name: str
    here: Sum
    there: Sum

    @property
    def ok(self) -> bool:
        """Tell whether both hold the same rows."""
        return self.here == self.there


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to; `busy` names what worked on the source meanwhile: then the copy is of a moment ago.

    `views` are the schemas of the source that BI tools read: they are not copied.
    """

    lines: Sequence[Line]
    busy: Sequence[str]
    views: Sequence[str] = ()

    @property
    def differing(self) -> list[str]:
        """Return the names of the lines that differ."""
        return [line.name for line in self.lines if not line.ok]


def table(lines: Iterable[Line]) -> Iterable[str]:
    """Yield the lines of a table of counts and checksums."""
    yield f"{'':<38}{'rows here':>15}{'rows there':>15}  {'checksum':<16}"
    for line in lines:
        counts = f"{line.here.rows:>15,}{line.there.rows:>15,}"
        yield f"{line.name:<38}{counts}  {_short(line.here)}  {'ok' if line.ok else f'DIFFERS: {_short(line.there)}'}"


def _short(found: Sum) -> str:
    """Return a checksum's last 64 bits."""
    return f"{found.checksum % 2**64:016x}"


def advice(outcome: Outcome) -> str:
    """Return what to do next."""
    if outcome.busy:
        return (
            f"Everything until a moment ago is copied. The source was in use ({', '.join(outcome.busy)}): stop Sluice, "
            "then run the same command again for the rest."
        )
    start = "Everything is copied and verified. Start Sluice on it: DATABASE_URL=<the same URL> make run"
    if not outcome.views:
        return start
    return f"{start}\nViews for BI tools are not copied ({', '.join(outcome.views)}): run `manage.py bi create` there."
