"""What the campaign says while it runs: one line a fault."""

from __future__ import annotations

import time

from chaos.results import Injection, Outcome


class Progress:
    """Prints lines with the time since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line."""
        passed = int(time.monotonic() - self._began)
        print(f"{passed // 60:3d}:{passed % 60:02d}  {text}", flush=True)

    def injected(self, found: Injection, outcome: Outcome) -> None:
        """Print what came of a fault."""
        times = f"held {found.held:4.1f}  back {_s(found.back)}  fresh {_s(found.fresh)}  drained {_s(found.drained)}"
        times += f"  checked {_s(found.checked)}"
        asked = f"{found.requests:4d} requests, p99 {_s(found.p99)}"
        words = "; ".join([*found.notes, *(f"BROKEN {one}" for one in found.violations)])
        self.say(
            f"{found.number:3d}  {found.fault:<22} {times}  {asked}  {outcome.acknowledged:,} events  {words}"
        )


def _s(seconds: float | None) -> str:
    return "    -" if seconds is None else f"{seconds:5.2f}"
