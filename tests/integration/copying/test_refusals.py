"""Where copy_to stops before it touches anything, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from config.moving import mark as marks
from config.moving.command import copy_to
from config.moving.errors import MoveError
from config.moving.mark import Mark
from tests.integration.copying.ends import (
    Target,
    run,
    source_name,
    url_of,
)
from tests.support import pipeline as driver
from tests.support.tenants import Tenant


def refused(url: str) -> str:
    driver.let_go()
    with pytest.raises(MoveError) as caught:
        copy_to(url, running=False)
    return str(caught.value)


def test_an_installation_of_its_own_is_left_alone(filled: Tenant, target: Target) -> None:
    run(target)
    target.link.execute("COMMENT ON TABLE project IS NULL")
    assert "holds an installation of its own" in refused(target.url)


def test_a_copy_of_another_installation_is_left_alone(filled: Tenant, target: Target) -> None:
    run(target)
    found = marks.read(target.link)
    assert found
    marks.write(target.link, Mark("another", found.left))
    assert "a copy of another installation" in refused(target.url)


USES = {
    "an event": "UPDATE bus_counter SET appended_events = appended_events + 1",
    "a login": "UPDATE auth_user SET last_login = now()",
    "a key": "DELETE FROM api_key",
    "a batch processed": "DELETE FROM inbox",
}


def test_a_copy_that_was_used_since_is_left_alone(filled: Tenant, target: Target) -> None:
    run(target)
    for name, use in USES.items():
        left = marks.read(target.link)
        assert left
        target.link.execute(use)
        assert "was used since it was copied" in refused(target.url), name
        marks.write(target.link, replace(left, left=marks.left_at(target.link)))


def test_the_source_is_not_its_own_target(filled: Tenant) -> None:
    assert "the target is the source" in refused(url_of(source_name()))


def test_a_database_of_something_else_is_left_alone(acme: Tenant, empty: Target) -> None:
    empty.link.execute("CREATE TABLE invoices (id integer)")
    assert "tables that are not Sluice's (invoices)" in refused(empty.url)
    assert empty.rows("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()") == [(1,)]


def test_a_target_of_a_newer_version_is_left_alone(acme: Tenant, target: Target) -> None:
    run(target)
    target.link.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('events', '9999_later', now())"
    )
    assert "newer version: it has the migration events.9999_later" in refused(target.url)


def test_a_target_on_which_sluice_runs_is_left_alone(acme: Tenant, target: Target) -> None:
    with psycopg.connect(target.url, application_name="sluice processor"):
        assert "Sluice runs on the target (sluice processor)" in refused(target.url)


def test_two_copies_at_once_do_not_meet(acme: Tenant, target: Target) -> None:
    target.link.execute("SELECT pg_advisory_lock(7305, 0)")
    assert "another copy_to is at work" in refused(target.url)


def test_another_encoding_is_refused(acme: Tenant, here: psycopg.Connection[Any]) -> None:
    name = f"{here.info.dbname}_ascii"
    here.execute(
        f"CREATE DATABASE \"{name}\" ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    )
    try:
        assert "encoding is SQL_ASCII" in refused(url_of(name))
    finally:
        here.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_role_without_rights_is_told_what_it_needs(acme: Tenant, empty: Target) -> None:
    empty.link.execute("DROP ROLE IF EXISTS copy_guest")
    empty.link.execute("CREATE ROLE copy_guest LOGIN")
    try:
        message = refused(empty.url.replace("//sluice", "//copy_guest"))
    finally:
        empty.link.execute("DROP ROLE copy_guest")
    assert "permission denied for schema public" in message
    assert "has to own the database" in message


URLS = {
    "mysql://u:hidden@h/db": "the target's URL cannot be read",
    "postgres://u:hidden@h/": "names no database",
    "postgres://u:hidden@127.0.0.1:1/db": "the target cannot be reached",
    "postgres://u:hidden@127.0.0.1/db?colour=blue": "the target cannot be reached",
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_leads_nowhere_is_explained_without_its_password(acme: Tenant, url: str) -> None:
    message = refused(url)
    assert URLS[url] in message
    assert "hidden" not in message


def test_a_database_that_is_missing_is_to_be_made(acme: Tenant) -> None:
    assert "make it first: CREATE DATABASE" in refused(url_of("nobody_made_it"))
