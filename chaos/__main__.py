"""`python -m chaos`: runs a campaign of faults and tells what became of every promise."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from chaos import catalogue, control, latency, plan, report
from chaos.campaign import Campaign, Options
from chaos.faults.base import FAULTS
from chaos.faults.disk import clear_leftovers
from chaos.progress import Progress
from chaos.results import Outcome

#: The short campaign: seconds for what is planned, and the bound after which nothing new is begun.
_SHORT_SECONDS, _SHORT_LIMIT = 190.0, 220.0
_RATE = 300.0
#: The long one: at least so many faults and acknowledged events.
_COUNT, _EVENTS = 200, 1_000_000
_REPORT = Path(__file__).resolve().parent.parent / "docs" / "chaos.md"
assert catalogue


def main() -> int:
    """Run what the command line asks for. 0: every promise was kept; 1: one was broken; 2: it was stopped."""
    wishes = _with_defaults(_arguments())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop_once)
    if wishes.control:
        return control.run(wishes.control, seed=wishes.seed)
    progress = Progress()
    for folder in clear_leftovers():
        progress.say(
            f"{folder}: unmounted, a campaign that was killed had left it; its other data stay there"
        )
    if wishes.latency:
        return _finish(_with_latency(Outcome(wishes.seed), progress), wishes.report)
    outcome = _campaign(wishes, progress)
    if _is_long(wishes) and outcome.injections:
        # On paper first: hours of faults must not be lost with the measurement.
        report.write(outcome, wishes.report)
        _with_latency(outcome, progress)
    return _finish(outcome, wishes.report)


def _campaign(wishes: argparse.Namespace, progress: Progress) -> Outcome:
    faults, left_out = plan.possible(wishes.faults, short=wishes.short)
    if wishes.short and not wishes.faults:
        planned, not_drawn = plan.short(faults, seconds=_SHORT_SECONDS, seed=wishes.seed)
    else:
        planned, not_drawn = plan.long(faults, count=wishes.count, seed=wishes.seed), {}
    progress.say(f"seed {wishes.seed} (repeat with SEED={wishes.seed}), {len(planned)} faults")
    campaign = Campaign(_options(wishes), progress)
    campaign.outcome.left_out |= left_out | not_drawn
    return campaign.run(planned)


def _with_latency(outcome: Outcome, progress: Progress) -> Outcome:
    """Measure answers and memory while the database is away, unless the campaign was stopped."""
    if not outcome.interrupted:
        progress.say("measuring answers and memory while the database is away")
        try:
            outcome.outages = latency.measure()
        except KeyboardInterrupt:
            outcome.interrupted = True
        except Exception as error:
            progress.say(traceback.format_exc())
            outcome.broken.append(f"no measurement of outages: {type(error).__name__}: {error}")
    return outcome


def _stop_once(number: int, frame: FrameType | None) -> None:
    """End cleanly; who asks again must not keep the parts from being stopped."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: None)
    raise KeyboardInterrupt


def _finish(outcome: Outcome, path: Path | None) -> int:
    if not outcome.injections and not outcome.outages:
        print("ended before anything was checked", flush=True)
        return 2 if outcome.interrupted else 1
    print(report.summary(outcome), flush=True)
    if path:
        report.write(outcome, path)
        print(f"the report is in {path}")
    return 2 if outcome.interrupted else int(not outcome.well)


def _with_defaults(wishes: argparse.Namespace) -> argparse.Namespace:
    """Let the campaign that is neither short nor of chosen faults be the long one that docs/chaos.md reports."""
    if _is_long(wishes):
        wishes.count = wishes.count or _COUNT
        wishes.events = wishes.events or _EVENTS
        wishes.report = wishes.report or _REPORT
    return wishes


def _is_long(wishes: argparse.Namespace) -> bool:
    return not (wishes.short or wishes.faults or wishes.control or wishes.latency)


def _options(wishes: argparse.Namespace) -> Options:
    return Options(
        seed=wishes.seed,
        short=wishes.short,
        rate=wishes.rate or _RATE,
        events=wishes.events,
        limit=_SHORT_LIMIT if wishes.short and not wishes.faults else float("inf"),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="under five minutes, each fault at most once")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="repeats a sequence of faults"
    )
    parser.add_argument("--faults", type=_names, default=[], help="only these, comma-separated")
    parser.add_argument("--count", type=_positive, default=0, help="so many faults")
    parser.add_argument("--events", type=_positive, default=0, help="at least so many acknowledged events")
    parser.add_argument("--rate", type=_positive, default=0, help="events a second")
    parser.add_argument("--report", type=_document, help="write the generated part of this document")
    parser.add_argument(
        "--latency", action="store_true", help="no faults: only measure answers during outages"
    )
    parser.add_argument(
        "--control", choices=sorted(control.CONTROLS), help="break a promise: it must be noticed"
    )
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _document(text: str) -> Path:
    """Hours of faults must not end with a path that cannot be written."""
    path = Path(text)
    try:
        report.prepare(path)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"no report can be written there: {error}") from None
    return path


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in FAULTS]:
        raise argparse.ArgumentTypeError(
            f"no fault is called {', '.join(unknown)}; there are {', '.join(sorted(FAULTS))}"
        )
    return names


if __name__ == "__main__":
    sys.exit(main())
