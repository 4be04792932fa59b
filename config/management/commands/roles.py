"""Roles for the web processes that may do less than the owner of the tables."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError

from config import roles
from config.lib.postgres import connect


class Command(BaseCommand):
    """Prints the SQL that makes and grants the gateway's and the readers' role, or runs it.

    Run it again after each upgrade: new tables may need grants.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--apply`."""
        parser.add_argument("--apply", action="store_true", help="run it, as the user of DATABASE_URL")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print or run."""
        try:
            with connect(name="roles", autocommit=True) as connection:
                if not options["apply"]:
                    self.stdout.write(roles.script(connection))
                    return
                made = roles.apply(connection)
        except roles.RoleError as error:
            raise CommandError(str(error)) from None
        except psycopg.errors.UndefinedTable:
            raise CommandError("the tables are not there yet: run `manage.py migrate` first") from None
        except psycopg.Error as error:
            raise CommandError(f"the roles cannot be made: {str(error).splitlines()[0]}") from None
        self.stdout.write(f"granted: {', '.join(made)}")
