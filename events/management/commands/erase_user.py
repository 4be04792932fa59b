"""`manage.py erase_user PROJECT USER_ID`: erases a user's events, sessions, traits and part in rollups, for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.engine import rollups, store
from dlq.selectors import naming
from events import erase
from events.models import Project
from events.selectors import bus_depth
from metrics.people.selectors import person_ids

_SHOWN = 20


class Command(BaseCommand):
    """Say what there is of the user, ask, erase."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Add PROJECT, USER_ID and --yes."""
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("user_id")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase one user; another project's user of that name stays."""
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}")
        user: dict[str, Any] = {"project_id": project.pk, "user_id": options["user_id"]}
        found = erase.footprint(**user)
        self.stdout.write(f"{project.slug}: {found.events} events and {found.sessions} sessions of this user")
        if found.ids > 1:
            self.stdout.write(f"{found.ids} ids are this user's; what is stored under any of them is erased")
        self._warn(**user)
        if not options["yes"] and not _confirmed():
            raise CommandError("nothing was erased")
        try:
            gone = erase.erase_user(**user, store=store(), rollups=rollups())
        except erase.Busy as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"erased: {gone.events} events, {gone.sessions} sessions")

    def _warn(self, *, project_id: int, user_id: str) -> None:
        """Name what an erasure does not reach."""
        waiting = bus_depth().events
        if waiting:
            self.stdout.write(
                f"events waiting in the bus: {waiting}; those of this user will be stored afterwards, "
                "so run `manage.py drain` first"
            )
        letters = naming(project_id=project_id, texts=person_ids(project_id=project_id, user_id=user_id))
        if letters:
            ids = ", ".join(map(str, letters[:_SHOWN])) + (", .." if len(letters) > _SHOWN else "")
            self.stdout.write(f"dead letters that name the user stay: {len(letters)} ({ids})")


def _confirmed() -> bool:
    try:
        return input("This cannot be undone. Type yes to erase: ").strip() == "yes"
    except EOFError:
        return False
