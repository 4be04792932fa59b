"""`manage.py copy_to URL`: moves Sluice into another database, such as a TimescaleDB server."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.embedded_account import EmbeddedError
from config.lib.reachable import Unreachable
from config.moving import source
from config.moving.command import copy_to
from config.moving.errors import GO_ON, MoveError
from config.moving.report import Outcome, advice, table


class Command(BaseCommand):
    """Copy what differs, and compare. While Sluice runs, the copy is of a moment: stop it and copy the rest."""

    help = __doc__
    # The embedded database, which some checks ask, may not run.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add URL."""
        parser.add_argument(
            "url", metavar="URL", help="postgres://USER:PASSWORD@HOST:PORT/NAME, an empty database"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Copy, then show what is at both ends."""
        try:
            with source.at_hand() as running:
                outcome = copy_to(options["url"], running=running)
        except (MoveError, EmbeddedError, Unreachable) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError(f"stopped; {GO_ON}", returncode=130) from None
        self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        for line in table(outcome.lines):
            self.stdout.write(line)
        if outcome.differing:
            raise CommandError(f"these differ: {', '.join(outcome.differing)}; please report it")
        self.stdout.write(self.style.SUCCESS(advice(outcome)))
