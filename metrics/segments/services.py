"""Saves segments: by whom may do so is the caller's to know. Answers that were kept are old when one changes."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from django.db import IntegrityError, connection, transaction

from config.lib import sqlfile
from config.lib.errors import SluiceError
from config.lib.postgres import breaks
from events import audit
from events.models import Project
from metrics.errors import BadQuestion, Going, NameTaken
from metrics.models import Segment as Saved
from metrics.segments.lists import MOST_USERS
from metrics.segments.rules import Rule, wire
from metrics.versions import bump

logger = logging.getLogger("sluice.segments")
SQL = sqlfile.load(__file__, "segments.sql")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
#: Addresses of their own stand beside the names.
_RESERVED = {"preview"}
MOST = 1000


class NotFound(Exception):
    """The project has no such segment."""


class TooManySegments(SluiceError):
    """A project may have at most 1,000 segments: delete one first."""

    code = "too_many_segments"
    http_status = 409


def create_segment(
    *, project_id: int, name: str, by: str, rules: Rule | None = None, users: Sequence[str] = ()
) -> Saved:
    """Save a segment of those who meet `rules`; without rules, of `users`.

    Raises NameTaken, TooManySegments, BadQuestion or Going.
    """
    check_name(name)
    kind = Saved.Kind.STATIC if rules is None else Saved.Kind.RULES
    saved = Saved(project_id=project_id, name=name, kind=kind, created_by=by)
    saved.rules = wire(rules) if rules else None
    try:
        with _changing(project_id) as cursor:
            # Two at once must not both be the last that there is room for. A removal waits, or is waited for.
            if Project.objects.select_for_update(no_key=True).only("removing").get(pk=project_id).removing:
                raise Going
            if Saved.objects.filter(project_id=project_id).count() >= MOST:
                raise TooManySegments
            saved.save(force_insert=True)
            if rules is None:
                _add(cursor, saved, users)
    except IntegrityError as error:
        if not breaks(error, "segment_once"):
            raise
        raise NameTaken(f"There is a segment named {name} already.") from None
    logger.info("%s made the segment %s of project %s", by, name, project_id)
    return saved


def change_rules(*, project_id: int, name: str, rules: Rule, by: str) -> Saved:
    """Give a segment other rules. Raises NotFound; BadQuestion where it is a list."""
    with _changing(project_id):
        saved = _locked(project_id, name, Saved.Kind.RULES)
        saved.rules = wire(rules)
        saved.save(update_fields=["rules", "updated_at"])
    logger.info("%s changed the rules of the segment %s of project %s", by, name, project_id)
    return saved


def list_users(*, project_id: int, name: str, users: Sequence[str], anew: bool, by: str) -> int:
    """Put users on a list, `anew` instead of those on it; return how many are on it then.

    Raises NotFound; BadQuestion where it has rules, or where they would be too many.
    """
    with _changing(project_id) as cursor:
        saved = _locked(project_id, name, Saved.Kind.STATIC)
        if anew:
            cursor.execute(SQL["clear"], {"segment_id": saved.pk})
        count = _add(cursor, saved, users)
        saved.save(update_fields=["updated_at"])
    done = "replaced" if anew else "added to"
    logger.info("%s %s the list of the segment %s of project %s: %s ids", by, done, name, project_id, count)
    return count


def delete_segment(*, project_id: int, name: str, by: str) -> None:
    """Delete a segment. Questions that name it are refused from then on. Raises NotFound."""
    with _changing(project_id):
        deleted, _ = Saved.objects.filter(project_id=project_id, name=name).delete()
        if not deleted:
            raise NotFound
        audit.record(by=by, action="segment.remove", project_id=project_id, target=name)


@contextmanager
def _changing(project_id: int) -> Iterator[psycopg.Cursor[Any]]:
    with transaction.atomic(), connection.cursor() as wrapper:
        cursor = cast("psycopg.Cursor[Any]", wrapper.cursor)
        yield cursor
        bump(cursor, project_id)


def _locked(project_id: int, name: str, kind: str) -> Saved:
    """Return a segment that nobody else changes before this transaction ends."""
    saved = Saved.objects.select_for_update().filter(project_id=project_id, name=name).first()
    if saved is None:
        raise NotFound
    if saved.kind != kind:
        is_list = saved.kind == Saved.Kind.STATIC
        raise BadQuestion("This segment is a list of users." if is_list else "This segment goes by rules.")
    return saved


def _add(cursor: psycopg.Cursor[Any], saved: Saved, users: Sequence[str]) -> int:
    cursor.execute(SQL["add"], {"segment_id": saved.pk, "users": list(users)})
    ((count,),) = cursor.execute(SQL["count"], {"segment_id": saved.pk}).fetchall()
    if count > MOST_USERS:
        raise BadQuestion(f"A list takes at most {MOST_USERS} users; this would be {count}.", field="users")
    return int(count)


def check_name(name: object) -> None:
    """Raise BadQuestion where `name` cannot be that of a segment."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _RESERVED:
        message = "`name` has 1 to 63 of a-z, 0-9, _ and -, a letter first; `preview` is taken."
        raise BadQuestion(message, field="name")
