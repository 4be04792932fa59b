"""What a campaign found: one `Injection` a fault, one `Section` an instance, one `Outcome` of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chaos.checks import Violation
from chaos.latency import Outage

#: Violations that mean loss, and those that mean doubles.
LOST = ("lost",)
DOUBLED = ("doubled",)
ALTERED = ("altered", "never sent")
#: Violations after which the data are as they should be.
UNHARMFUL = ("gateway back late", "fresh event queryable late", "refused", "not injected")
TRANSIENT_DEAD = ("dead without a cause", "dead letters doubled")


@dataclass(slots=True)
class Injection:
    """One fault that was injected. Times are seconds; None where it was not reached."""

    number: int
    fault: str
    held: float = 0.0
    back: float | None = None
    fresh: float | None = None
    drained: float | None = None
    checked: float | None = None
    requests: int = 0
    p99: float | None = None
    longest: float | None = None
    notes: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def broke_data(self) -> bool:
        """Tell whether more than a time was broken: what comes after would be found with it."""
        return any(violation.kind not in UNHARMFUL for violation in self.violations)


@dataclass(slots=True)
class Section:
    """One instance and everything that was done to it."""

    setup: str
    injections: list[Injection] = field(default_factory=list)
    sent: int = 0
    acknowledged: int = 0
    #: How many of the acknowledged came after all faults, to make up the campaign's number.
    filled: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    broken: str = ""
    #: Where the data are, if they were kept to be looked at.
    folder: str = ""


@dataclass(slots=True)
class Outcome:
    """A whole campaign."""

    seed: int
    sections: list[Section] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    #: How fast everything was answered while the database was away, where that was measured.
    outages: list[Outage] = field(default_factory=list)
    #: What was wrong with the campaign as a whole.
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def injections(self) -> list[Injection]:
        """Return every injection."""
        return [one for section in self.sections for one in section.injections]

    @property
    def acknowledged(self) -> int:
        """Return how many distinct events were acknowledged."""
        return sum(section.acknowledged for section in self.sections)

    @property
    def filled(self) -> int:
        """Return how many of them came after all faults of an instance."""
        return sum(section.filled for section in self.sections)

    def violations(self) -> Iterator[tuple[Injection, Violation]]:
        """Yield every broken promise with the fault after which it was seen."""
        for injection in self.injections:
            for violation in injection.violations:
                yield injection, violation

    def count(self, kinds: tuple[str, ...]) -> int:
        """Return the events of these kinds of violation, each instance's greatest count once."""
        return sum(
            max((v.count for one in section.injections for v in one.violations if v.kind == kind), default=0)
            for section in self.sections
            for kind in kinds
        )

    @property
    def well(self) -> bool:
        """Tell whether something was tried and every promise was kept."""
        broken = any(self.violations()) or any(section.broken for section in self.sections) or self.broken
        return bool(self.injections or self.outages) and not broken and all(one.kept for one in self.outages)
