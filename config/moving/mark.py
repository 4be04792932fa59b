"""The note that a copy leaves at its target: of whom it is one, and that nobody has used it since.

It is why a copy may be run again, and why it never overwrites anything but a copy: an installation that lives at the
target has other keys, other batches or other books than those that were left there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from psycopg import sql

from config.lib import sqlfile
from config.moving.compare import Link, columns, total, whole
from config.moving.tables import MADE_BY_MIGRATE, WHOLE

SQL = sqlfile.load(__file__, "mark.sql")


@dataclass(frozen=True, slots=True)
class Mark:
    """`copy_of` names the source; `left` is the checksum of what was left; `day` is a day whose rollups are due."""

    copy_of: str
    left: str
    day: str | None = None

    @property
    def due(self) -> datetime | None:
        """Return the start of the day whose rollups are still to be computed."""
        return datetime.fromisoformat(self.day) if self.day else None

    def with_due(self, day: datetime | None) -> Mark:
        """Return it with another day."""
        return replace(self, day=day.isoformat() if day else None)


def read(target: Link) -> Mark | None:
    """Return the target's mark, None where no copy was ever begun."""
    row = target.execute(SQL["read"]).fetchone()
    try:
        return Mark(**json.loads(row[0])) if row and row[0] else None
    except (ValueError, TypeError):
        return None


def write(target: Link, mark: Mark) -> Mark:
    """Leave the mark, in the target's transaction."""
    target.execute(sql.SQL(SQL["write"]).format(text=sql.Literal(json.dumps(asdict(mark)))))
    return mark


def left_at(target: Link) -> str:
    """Return the checksum of everything at the target that only a copy, or whoever uses it, would change."""
    known = columns(target, set(WHOLE) - MADE_BY_MIGRATE)
    return str(total(whole(target, table, names) for table, names in known.items()).checksum)


def identity(link: Link) -> str:
    """Return what tells the installation from others. Raises IndexError before the first migration."""
    return str(link.execute(SQL["identity"]).fetchall()[0][0])
