"""Addresses of the embedded PostgreSQL, URLs of others, and who the server runs as."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from config import embedded, embedded_account
from config.embedded_binaries import Binaries
from tests.support.database import TestServer
from tests.support.instance import new_data_dir
from tests.support.waiting import wait_until

URLS = [
    "postgres://u:p%40s%2Fs@h:5433/db?sslmode=require&connect_timeout=3",
    "postgresql:///db?host=%2Ftmp%2Fx",
    "postgres://u@/db?host=/tmp",
    "postgres://%2Ftmp%2Fx/db",
    "postgres://h1:1,h2:2/db",
    "postgres://u:p@[::1]:5/db",
    "postgres://u@h/db?options=-c%20work_mem%3D1MB",
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_read_as_libpq_reads_it(url: str) -> None:
    entry = embedded.django_database(url)
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    ours = {libpq: entry[django] for libpq, django in names.items() if entry[django]} | entry["OPTIONS"]
    assert ours == conninfo_to_dict(url)


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/db", "postgres://u:secret@h", "postgres://u:secret@h:x/db", "u:secret"]
)
def test_a_wrong_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL") as caught:
        embedded.django_database(url)
    assert "secret" not in str(caught.value)


def test_the_address_is_known_without_touching_anything(tmp_path: Path) -> None:
    url = embedded.database_url(tmp_path / "nowhere")
    assert embedded.django_database(url)["HOST"] == str(tmp_path / "nowhere" / "run")
    assert not (tmp_path / "nowhere").exists()


def test_a_long_path_moves_the_socket_to_the_temporary_folder() -> None:
    deep = Path("/srv") / ("x" * 120)
    folder = embedded.socket_folder(deep)
    assert len(f"{folder}/.s.PGSQL.5432") < 100
    assert folder != embedded.socket_folder(deep / "other")


@pytest.mark.slow
def test_a_killed_server_starts_again_with_its_data() -> None:
    data_dir, installed = new_data_dir(), Binaries(settings.POSTGRES_BIN).major
    server = TestServer(data_dir)
    server.start()
    try:
        url = embedded.database_url(data_dir, "postgres")
        with psycopg.connect(url) as link:
            link.execute("CREATE TABLE kept (n int)")
            row = link.execute("SELECT version(), current_user").fetchone()
        assert row and row[0].startswith(f"PostgreSQL {installed}") and row[1] == "sluice"

        server.kill()
        (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{data_dir}/postgres\n")
        server.start()
        with psycopg.connect(url) as link:
            link.execute("SELECT n FROM kept")
    finally:
        server.stop(remove=True)


@pytest.mark.slow
def test_a_server_left_behind_is_replaced() -> None:
    data_dir = new_data_dir()
    left, new = TestServer(data_dir), TestServer(data_dir)
    left.start()
    try:
        new.start()
        wait_until(lambda: left.ended, what="the end of the left-over server")
    finally:
        new.stop(remove=True)


@pytest.mark.slow
def test_only_the_servers_user_can_enter_its_folders() -> None:
    data_dir = new_data_dir()
    server = TestServer(data_dir)
    server.start()
    try:
        for folder in (data_dir / "postgres", embedded.socket_folder(data_dir)):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert (folder.stat().st_uid == 0) is False or os.geteuid() != 0
    finally:
        server.stop(remove=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_leaves_closed_folders_closed_and_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "data").mkdir()
    runner = embedded_account.runner(Binaries().folder, closed / "data" / "postgres")
    assert runner.uid != 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    said = capsys.readouterr().err
    assert "cannot enter" in said and "DATABASE_URL" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_is_refused_where_no_right_to_pass_can_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(embedded_account, "_PASSING_RIGHT", "")
    with pytest.raises(embedded_account.EmbeddedError, match=r"cannot enter .*set DATABASE_URL"):
        embedded_account.runner(Binaries().folder, closed / "postgres")
