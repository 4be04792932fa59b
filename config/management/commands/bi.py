"""Views and roles for BI tools: Grafana, Metabase, Superset, or whatever else speaks SQL."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import bootstrap, embedded, roles
from config.bi import access, everybodys, schemas
from config.bi.access import Limits
from config.bi.migrating import put_up
from config.bi.schemas import BiError, Schema
from config.lib.postgres import connect
from events.models import Project

_TAKEN = """\
only Sluice's own roles may make large objects and take advisory locks in this database any more; other programs that
use it need grants for that"""
_LEFT = """\
everybody who may log in, this role too, can write large objects without bound, and hold the advisory locks that Sluice
works by. As you may not change that, have a superuser run in this database:
"""
_EMBEDDED = """\
this is no wall: the embedded server asks nobody for a password, so whoever reaches its socket in {} may connect as any
role, as the owner too. Let in there only who may see all projects"""
#: Seconds that making or dropping views may take: whoever reads them is waited for.
_PATIENCE = 120.0


class Command(BaseCommand):
    """Opens a project's data to BI tools, and closes it: create, list, refresh (what an upgrade left down), remove."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a project's views and a role that reads them")
        create.add_argument("project", help="the project's slug")
        create.add_argument("--role", default="", help="the role's name; default: bi_PROJECT")
        create.add_argument("--seconds", type=int, default=60, help="that a statement may take (60)")
        create.add_argument("--connections", type=int, default=10, help="at a time (10)")
        password = create.add_mutually_exclusive_group()
        password.add_argument(
            "--password-file", help="set the password that stands in the first line of a file"
        )
        password.add_argument("--password-stdin", action="store_true", help="set the one that stdin gives")
        actions.add_parser("list", help="say whose views there are, and who reads them")
        actions.add_parser("refresh", help="make all views anew, as this version has them")
        remove = actions.add_parser("remove", help="remove a project's views and their roles")
        remove.add_argument("project", help="the project's slug")
        remove.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of them."""
        try:
            getattr(self, f"_{options['action']}")(options)
        except (BiError, roles.RoleError) as error:
            raise CommandError(str(error)) from None
        except psycopg.errors.UndefinedTable:
            raise CommandError("the tables are not there yet: run `manage.py migrate` first") from None
        except psycopg.Error as error:
            raise CommandError(f"the database refused: {str(error).splitlines()[0]}") from None

    def _create(self, options: dict[str, Any]) -> None:
        project, password = _project(options["project"]), _password(options)
        limits = Limits(_positive(options, "seconds"), _positive(options, "connections"))
        with connect(name="bi", autocommit=True, deadline=_PATIENCE) as connection:
            opened = access.open_project(
                connection,
                project_id=project.pk,
                slug=project.slug,
                role=options["role"],
                password=password,
                limits=limits,
            )
            left = everybodys.script(connection)
        schema = opened.schema
        self.stdout.write(f"{opened.role} reads {', '.join(schema.views)} in the schema {schema.name}")
        if not password:
            self.stdout.write("no password was set: give one by --password-stdin or --password-file")
        self._say_walls(opened.taken, left)

    def _say_walls(self, taken: list[str], left: str) -> None:
        """Say what keeps a role in, and what does not."""
        if taken:
            self.stdout.write(_TAKEN)
        if left:
            self.stdout.write(f"{_LEFT}{left}")
        if bootstrap.is_embedded():
            self.stdout.write(_EMBEDDED.format(embedded.socket_folder(settings.DATA_DIR)))

    def _list(self, options: dict[str, Any]) -> None:
        slugs = dict(Project.objects.values_list("pk", "slug"))
        with connect(name="bi", autocommit=True) as connection:
            for schema in schemas.known(connection.cursor()):
                self.stdout.write(_line(schema, slugs))

    def _refresh(self, options: dict[str, Any]) -> None:
        for name in put_up("default", anyway=True):
            self.stdout.write(f"made anew: {name}")
        with connect(name="bi", autocommit=True) as connection:
            self._say_walls(everybodys.take(connection), everybodys.script(connection))

    def _remove(self, options: dict[str, Any]) -> None:
        project = _project(options["project"])
        with connect(name="bi", autocommit=True) as connection:
            schema = schemas.of_project(connection.cursor(), project.pk)
        if schema is None:
            raise CommandError(f"{project.slug} has no views")
        self.stdout.write(f"the schema {schema.name} and the roles {', '.join(schema.roles) or '(none)'}")
        if not options["yes"] and not _confirmed():
            raise CommandError("nothing was removed")
        with connect(name="bi", autocommit=True, deadline=_PATIENCE) as connection:
            left = access.forget_project(connection, project.pk)
        stay = f", but for {', '.join(left)}: rights elsewhere, or not made by Sluice" if left else ""
        self.stdout.write(f"removed{stay}")


def _project(slug: str) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise CommandError(f"there is no project {slug!r}")
    return project


def _password(options: dict[str, Any]) -> str:
    """Return the password, "" where none is to be set. A command line is no place for one: others can read it."""
    if options["password_stdin"]:
        text = sys.stdin.readline()
    elif path := options["password_file"]:
        try:
            text = Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from None
    else:
        return ""
    if not (password := text.partition("\n")[0].strip("\r")):
        raise CommandError("the password is empty")
    return password


def _positive(options: dict[str, Any], name: str) -> int:
    if not 1 <= options[name] <= 86_400:
        raise CommandError(f"--{name} must be from 1 to 86400")
    return int(options[name])


def _line(schema: Schema, slugs: dict[int, str]) -> str:
    project = slugs.get(schema.project_id, "a project that is gone")
    state = "" if schema.is_current else "; not as this version has them: run `manage.py bi refresh`"
    return f"{project}: views in {schema.name}, read by {', '.join(schema.roles) or 'nobody'}{state}"


def _confirmed() -> bool:
    try:
        return input("BI tools lose their access. Type yes to remove: ").strip() == "yes"
    except EOFError:
        return False
