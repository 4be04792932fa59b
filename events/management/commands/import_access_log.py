"""`manage.py import_access_log FILE`: loads an Apache or nginx access log (plain or gzip) through the pipeline."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from config.engine import bus
from events import importer
from events.models import Project


class Command(BaseCommand):
    """Import a log. May be stopped and run again: it goes on where it was, and nothing is stored twice."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Add FILE and --project."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--project", default="default", help="the project's slug")
        parser.add_argument(
            "--again",
            action="store_true",
            help="import a file whose earlier import is out of the dedup window",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Show progress in lines; say what was sent."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"{path} is not a file")
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}")
        try:
            self._import(project, path, again=options["again"])
        except importer.Forgotten as error:
            raise CommandError(f"{error} Its events would be counted twice; --again does so.") from None
        except (OSError, EOFError, zlib.error) as error:
            raise CommandError(f"{path}: {error}") from None

    def _import(self, project: Project, path: Path, *, again: bool) -> None:
        sha256, total = importer.measure(path)
        job = importer.start(project=project, path=path, sha256=sha256, again=again)
        events = unread = 0
        with tqdm(total=total, initial=job.lines_done, unit="line") as bar:
            for batch in importer.run(job=job, path=path, bus=bus()):
                events, unread = events + batch.events, unread + len(batch.rejects)
                bar.update(job.lines_done - bar.n)
        self.stdout.write(
            f"{events} events sent to project {project.slug}, {unread} lines to its dead letters; "
            "`manage.py drain` waits until they are stored"
        )
