"""`manage.py bi`: what it makes, what it refuses in one line, and that nothing is left of a project that goes."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config import bootstrap, engine, roles
from config.bi import everybodys, schemas, views
from config.bi.migrating import put_up, take_down
from config.lib.postgres import connect
from events.models import Project
from events.purge import purge_project
from tests.support.bi import as_reader, close, role_exists, there
from tests.support.pipeline import event, rows, store_all
from tests.support.tenants import Tenant


@pytest.fixture
def role() -> str:
    """A name that no other test on this server has."""
    return f"test_bi_{secrets.token_hex(4)}"


@pytest.fixture(autouse=True)
def _clean(acme: Tenant, globex: Tenant, role: str) -> Iterator[None]:
    yield
    for schema in there():
        close(schema.project_id, *schema.roles)
    close(0, role)


def bi(*arguments: str) -> str:
    out = io.StringIO()
    call_command("bi", *arguments, stdout=out)
    return out.getvalue()


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_it_makes_a_role_that_reads_the_project(
    acme: Tenant, globex: Tenant, role: str, tmp_path: Path
) -> None:
    store_all(acme.id, [event("ada")])
    store_all(globex.id, [event("eve"), event("eve")])
    secret = tmp_path / "password"
    secret.write_text("a secret: 100 %\nnot this\n")
    said = bi("create", "acme", "--role", role, "--password-file", str(secret))
    assert said.startswith(f"{role} reads events, sessions, users, rollups in the schema bi_acme\n")
    with as_reader(role, "a secret: 100 %") as link:
        assert link.execute("SELECT user_id FROM events").fetchall() == [("ada",)]
    assert rows("SELECT rolpassword LIKE 'SCRAM-%%' FROM pg_authid WHERE rolname = %s", role) == [(True,)]


def test_without_a_password_it_says_so_and_sets_none(role: str) -> None:
    assert "no password was set" in bi("create", "acme", "--role", role)
    assert rows("SELECT rolpassword FROM pg_authid WHERE rolname = %s", role) == [(None,)]


def test_it_may_be_run_again_and_for_a_second_role(role: str) -> None:
    second = f"{role}_too"
    for name in (role, role, second):
        bi("create", "acme", "--role", name, "--seconds", "5", "--connections", "2")
    assert [(one.name, one.roles) for one in there()] == [("bi_acme", (role, second))]
    with as_reader(role) as link:
        assert link.execute("SHOW statement_timeout").fetchone() == ("5s",)
    assert bi("list") == f"acme: views in bi_acme, read by {role}, {second}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "nobody"), "there is no project 'nobody'"),
        (("create", "acme", "--role", 'x"; --'), "small letters, digits"),
        (("create", "acme", "--role", "pg_monitor"), "small letters, digits"),
        (("create", "acme", "--role", roles.GATEWAY), "is a role of the web processes"),
        (("create", "acme", "--seconds", "0"), "must be from 1"),
        (("create", "acme", "--password-file", "/nonexistent"), "cannot be read"),
        (("create", "acme", "--password-file", "/dev/null"), "the password is empty"),
        (("remove", "acme", "--yes"), "acme has no views"),
        (("remove", "nobody", "--yes"), "there is no project"),
    ],
)
def test_what_it_refuses(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        bi(*arguments)
    assert there() == []


def test_the_owner_and_a_role_that_may_more_are_refused(role: str) -> None:
    owner = connection.settings_dict["USER"]
    with pytest.raises(CommandError, match=f"{owner} owns the tables: name another one with --role"):
        bi("create", "acme", "--role", owner)
    run(f"CREATE ROLE {role} CREATEDB")
    with pytest.raises(CommandError, match=f"{role} has CREATEDB"):
        bi("create", "acme", "--role", role)
    assert there() == []


def test_a_role_reads_one_project_only(role: str) -> None:
    bi("create", "acme", "--role", role)
    with pytest.raises(CommandError, match=f"{role} reads the views in bi_acme, of another project"):
        bi("create", "globex", "--role", role)


def test_removing_asks_first(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bi("create", "acme", "--role", role)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="nothing was removed"):
        bi("remove", "acme")
    assert [one.name for one in there()] == ["bi_acme"]
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert bi("remove", "acme").endswith("removed\n")
    assert (there(), role_exists(role)) == ([], False)


def test_a_role_with_rights_elsewhere_stays_without_those_here(role: str) -> None:
    bi("create", "acme", "--role", role)
    run(f"CREATE SCHEMA elsewhere_{role}; GRANT USAGE ON SCHEMA elsewhere_{role} TO {role}")
    try:
        left = f"removed, but for {role}: rights elsewhere, or not made by Sluice\n"
        assert bi("remove", "acme", "--yes").endswith(left)
        assert there() == []
    finally:
        run(f"DROP SCHEMA elsewhere_{role}")


def test_a_role_that_sluice_did_not_make_is_not_adopted(role: str) -> None:
    run(f"CREATE ROLE {role} LOGIN PASSWORD 'theirs' CONNECTION LIMIT 7")
    theirs = rows("SELECT rolpassword, rolconnlimit FROM pg_authid WHERE rolname = %s", role)
    with pytest.raises(CommandError, match=f"{role} is there already, and Sluice did not make it"):
        bi("create", "acme", "--role", role)
    assert rows("SELECT rolpassword, rolconnlimit FROM pg_authid WHERE rolname = %s", role) == theirs
    assert there() == []


def test_a_role_of_another_database_is_not_adopted_but_may_be_given_away(role: str) -> None:
    bi("create", "acme", "--role", role)
    ((mark,),) = rows("SELECT shobj_description(%s::regrole, 'pg_authid')", role)
    run(f"COMMENT ON ROLE {role} IS '{mark} of another'")
    with pytest.raises(CommandError, match=f"COMMENT ON ROLE {role} IS '{mark}'$"):
        bi("create", "acme", "--role", role)
    run(f"COMMENT ON ROLE {role} IS '{mark}'")
    assert f"{role} reads" in bi("create", "acme", "--role", role)


def test_removing_leaves_roles_that_sluice_did_not_make(role: str) -> None:
    guest = f"{role}_guest"
    bi("create", "acme", "--role", role)
    database = connection.settings_dict["NAME"]
    run(f"CREATE ROLE {guest}; GRANT USAGE ON SCHEMA bi_acme TO {guest}")
    run(f'GRANT CONNECT ON DATABASE "{database}" TO {guest}')
    try:
        assert bi("remove", "acme", "--yes").endswith(
            f"but for {guest}: rights elsewhere, or not made by Sluice\n"
        )
        assert (role_exists(role), role_exists(guest)) == (False, True)
        rights = "SELECT EXISTS (SELECT FROM pg_database, aclexplode(datacl) WHERE grantee = %s::regrole)"
        assert rows(rights, guest) == [(True,)]
    finally:
        run(f"DROP OWNED BY {guest}; DROP ROLE {guest}")


def test_what_everybody_might_lock_and_write_by_is_taken_and_said(role: str) -> None:
    run("GRANT EXECUTE ON FUNCTION lo_create(oid), pg_advisory_lock(bigint) TO PUBLIC")
    assert "only Sluice's own roles may make large objects" in bi("create", "acme", "--role", role)
    assert "only Sluice's own roles" not in bi("refresh")


def test_who_may_not_take_it_is_told_what_a_superuser_must_run(role: str) -> None:
    run(f"GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC; CREATE ROLE {role}")
    with connect(name="test bi", autocommit=True) as link:
        link.execute(f"SET ROLE {role}")
        assert everybodys.take(link) == []
        text = everybodys.script(link)
        link.execute("RESET ROLE")
        assert f'GRANT EXECUTE ON FUNCTION lo_create(oid) TO "{role}" WITH GRANT OPTION' in text
        link.execute(text)
        assert everybodys.script(link) == ""
        link.execute(f"DROP OWNED BY {role}")


def test_what_is_left_open_is_said(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC")
    monkeypatch.setattr(everybodys, "take", lambda link: [])
    said = bi("create", "acme", "--role", role)
    assert "have a superuser run in this database" in said
    assert "REVOKE EXECUTE ON FUNCTION lo_create(oid) FROM PUBLIC" in said


@pytest.mark.parametrize("embedded", [True, False])
def test_on_the_embedded_server_it_says_that_a_role_is_no_wall(
    role: str, embedded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "is_embedded", lambda: embedded)
    said = bi("create", "acme", "--role", role)
    assert ("may connect as any\nrole, as the owner too" in said) == embedded


def test_a_project_that_is_removed_takes_its_views_and_role_along(acme: Tenant, role: str) -> None:
    other = f"{role}_too"
    bi("create", "acme", "--role", role)
    bi("create", "globex", "--role", other)
    store_all(acme.id, [event("ada")])
    purge_project(acme.id, store=engine.store(), rollups=engine.rollups())
    assert [(one.name, one.roles) for one in there()] == [("bi_globex", (other,))]
    assert not role_exists(role)


def test_slugs_that_make_one_name_get_two_schemas(role: str) -> None:
    names = {}
    for number, slug in enumerate(["shop-de", "shop_de", "SHOP-de", "x" * 62, "x" * 61 + "-"]):
        project = Project.objects.create(slug=slug)
        bi("create", slug, "--role", f"{role}_{number}")
        names[slug] = next(one.name for one in there() if one.project_id == project.pk)
    assert len(set(names.values())) == 5
    assert names["shop-de"] == "bi_shop_de"
    assert all(len(name) <= 63 for name in names.values())


def test_a_schema_of_somebody_elses_is_left_alone(acme: Tenant, role: str) -> None:
    run("CREATE SCHEMA bi_acme")
    try:
        bi("create", "acme", "--role", role)
        assert [one.name for one in there()] == [f"bi_acme_{acme.id}"]
    finally:
        run("DROP SCHEMA bi_acme")


def test_views_that_are_missing_or_of_another_version_are_made_anew(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bi("create", "acme", "--role", role)
    take_down("default")
    assert "run `manage.py bi refresh`" in bi("list")
    assert put_up("default") == ["bi_acme"]
    assert put_up("default") == []
    monkeypatch.setattr(views, "fingerprint", lambda project_id: "another")
    assert bi("refresh").startswith("made anew: bi_acme\n")
    with as_reader(role) as link:
        assert link.execute("SELECT count(*) FROM users").fetchone() == (0,)


def test_views_that_somebody_built_on_are_left_and_said(role: str, caplog: pytest.LogCaptureFixture) -> None:
    bi("create", "acme", "--role", role)
    run("CREATE VIEW built_on AS SELECT * FROM bi_acme.events")
    try:
        take_down("default")
        assert "the views in bi_acme cannot be taken down" in caplog.text
        assert there()[0].views == tuple(sorted(views.VIEWS))
    finally:
        run("DROP VIEW built_on")


def test_before_the_first_migrate_there_are_none(acme: Tenant) -> None:
    with connection.cursor() as cursor:
        assert schemas.known(cursor.cursor) == []
    assert put_up("default") == []


def test_a_role_cannot_be_made_by_who_may_not(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.errors.InsufficientPrivilege("permission denied to create role\nDETAIL: ..")

    monkeypatch.setattr(roles, "bare", refuse)
    with pytest.raises(CommandError, match=r"the database refused: permission denied to create role$"):
        bi("create", "acme", "--role", role)
    assert there() == []
