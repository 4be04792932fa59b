"""One fault: injected under load, healed, its recovery measured, everything drained and checked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

from chaos.checks import Checker, Violation
from chaos.faults.base import SETUPS, Fault, NotInjected, Scene
from chaos.plan import Planned
from chaos.probe import Probe
from chaos.results import Injection
from chaos.spool import damaged, waiting
from chaos.waiting import TooLong

#: Beyond its bound a recovery is waited for this long: slow is another finding than never.
_GRACE = 60.0
#: What a pause and a drain may take. The backlog of 60 s must be drained in 60 s.
_PAUSE, _DRAIN = 90.0, 60.0
#: What the last clients of a fault may take to be acknowledged, once it is healed.
_LAST_SENDERS = 60.0


class Trial:
    """Injects faults into one scene, one after another."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._projects = [tenant.id for tenant in scene.instance.tenants]
        self._refused = 0
        self._checks = 0

    def inject(self, planned: Planned) -> Injection:
        """Inject one fault and return what came of it. The load is running before and after."""
        found = Injection(planned.number, planned.fault.name)
        rng = Random(planned.seed)
        self._scene.rng, self._scene.notes, self._scene.senders = rng, found.notes, []
        began = time.monotonic()
        try:
            self._hurt(found, planned.fault, rng)
            healed = time.monotonic()
            self._measure_answers(found, began, healed)
            self._recover(found, planned.fault, rng, healed)
            self._join_senders()
            self._settle(found, healed)
        except TooLong as error:
            found.violations.append(Violation("stuck", 1, str(error)))
        self._scene.load.resume()
        return found

    def _hurt(self, found: Injection, fault: Fault, rng: Random) -> None:
        """Inject the fault, hold it, heal it. A fault that fails by itself is a finding; the campaign goes on."""
        try:
            with fault.inject(self._scene):
                time.sleep(fault.seconds(rng, short=self._scene.short))
        except TooLong:
            raise
        except NotInjected as error:
            found.violations.append(Violation("not injected", 1, str(error)))
        except Exception as error:
            found.violations.append(Violation("not injected", 1, f"{type(error).__name__}: {error}"))

    def final(self) -> list[Violation]:
        """Drain and check once more, every session included, and leave the load paused."""
        try:
            self._drain()
            return [*self._check(everything=True)]
        except TooLong as error:
            return [Violation("stuck", 1, str(error))]

    def _recover(self, found: Injection, fault: Fault, rng: Random, healed: float) -> None:
        """Measure the way back, and hold it against the fault's bounds."""
        probe = Probe(self._scene.instance, self._scene.oracle, rng)
        try:
            patience = _GRACE + max(fault.back_within, fault.fresh_within)
            found.back, found.fresh = probe.measure(healed, patience=patience)
        finally:
            probe.close()
        for name, took, bound in (
            ("gateway back late", found.back, fault.back_within),
            ("fresh event queryable late", found.fresh, fault.fresh_within),
        ):
            if took > bound:
                found.violations.append(Violation(name, 1, f"after {took:.1f} s, the bound is {bound:g} s"))

    def _measure_answers(self, found: Injection, began: float, healed: float) -> None:
        """Note how long requests were waited for that were sent while the fault was in force."""
        answers = [one for one in list(self._scene.load.answers) if began <= one.began <= healed]
        found.held, found.requests = healed - began, len(answers)
        if took := sorted(one.seconds for one in answers if one.status):
            found.p99, found.longest = took[int(len(took) * 0.99)], took[-1]

    def _join_senders(self) -> None:
        """Wait for what the fault itself has sent: only then is everything acknowledged. TooLong when it is not."""
        until = time.monotonic() + _LAST_SENDERS
        for sender in self._scene.senders:
            sender.join(max(0.0, until - time.monotonic()))
        if stuck := sum(sender.is_alive() for sender in self._scene.senders):
            raise TooLong(
                f"{stuck} clients of the fault were not acknowledged within {_LAST_SENDERS:g} s of its end"
            )

    def _settle(self, found: Injection, healed: float) -> None:
        """Pause, drain, check."""
        self._drain()
        found.drained = time.monotonic() - healed
        found.violations += self._check(everything=False)
        found.checked = time.monotonic() - healed - found.drained
        self._scene.instance.wait_whole()

    def _drain(self) -> None:
        """Return as soon as everything sent is acknowledged and processed. TooLong when that does not come."""
        self._scene.load.pause(_PAUSE)
        if left := self._scene.instance.insider.ask("drain", _DRAIN):
            raise TooLong(left)

    def _check(self, *, everything: bool) -> Iterator[Violation]:
        """Hold every promise against what is stored."""
        scene = self._scene
        self._checks += 1
        with scene.instance.server.connect() as connection:
            checker = Checker(connection, scene.oracle, self._projects)
            checker.load()
            yield from checker.events()
            yield from checker.rollups()
            yield from checker.sessions(None if everything else self._checks)
            yield from checker.books(waiting(scene.instance))
        if left := SETUPS[scene.instance.setup].left(scene.instance.folder):
            yield Violation("left in the bus after drain", left, "ready messages")
        yield from damaged(scene.instance)
        yield from self._refusals()

    def _refusals(self) -> Iterator[Violation]:
        """The load is well-formed: an answer other than 202, 429 and 503 is wrong whatever happens."""
        refused = self._scene.load.refused[self._refused :]
        self._refused += len(refused)
        if refused:
            yield Violation("refused", len(refused), "; ".join(refused[:3]))
