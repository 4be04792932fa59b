"""Which programs the embedded server is made of, and what it asks of TimescaleDB where they have it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded import EmbeddedServer
from config.embedded_account import EmbeddedError
from config.embedded_binaries import Binaries
from config.embedded_tuning import tuning
from tests.support.instance import new_data_dir

DEBIAN = "postgres (PostgreSQL) 17.5 (Debian 17.5-1.pgdg120+1)"


def programs(root: Path, says: str = DEBIAN) -> Binaries:
    """Make a folder that looks like a server's."""
    (root / "bin").mkdir()
    for name, answer in (("initdb", ""), ("postgres", says)):
        program(root / "bin" / name, answer)
    return Binaries(str(root / "bin"))


def program(path: Path, answer: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)


def library(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = new_data_dir()
    yield folder
    shutil.rmtree(folder)


def test_a_folder_without_a_server_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=f"POSTGRES_BIN {tmp_path} does not hold initdb and postgres"):
        _ = Binaries(str(tmp_path)).folder


def test_unset_means_the_wheel_without_timescaledb() -> None:
    binaries = Binaries("")
    assert binaries.major == 18
    assert not binaries.has_timescaledb
    assert not [name for name in tuning(binaries, "timescale") if "timescaledb" in name]


def test_the_version_is_read_as_distributions_write_it(tmp_path: Path) -> None:
    assert programs(tmp_path).major == 17


def test_a_program_that_tells_no_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="does not tell its version: 'hello"):
        _ = programs(tmp_path, says="hello").major


def test_a_program_that_cannot_run_is_refused(tmp_path: Path) -> None:
    binaries = programs(tmp_path)
    (tmp_path / "bin" / "postgres").chmod(0o644)
    with pytest.raises(EmbeddedError, match="postgres cannot be run"):
        _ = binaries.major


@pytest.mark.parametrize("folder", ["lib", "lib/postgresql", "lib64/pgsql"])
def test_the_library_is_found_where_servers_keep_theirs(tmp_path: Path, folder: str) -> None:
    library(tmp_path / folder, "timescaledb.so")
    assert programs(tmp_path).has_timescaledb


def test_the_library_is_found_where_pg_config_says(tmp_path: Path) -> None:
    library(tmp_path / "elsewhere", "timescaledb.so")
    binaries = programs(tmp_path)
    program(tmp_path / "bin" / "pg_config", f"{tmp_path}/elsewhere")
    assert binaries.has_timescaledb


@pytest.mark.parametrize("licence", ["timescale", "apache"])
def test_a_server_with_the_library_loads_it_under_the_licence_asked_for(tmp_path: Path, licence: str) -> None:
    library(tmp_path / "lib", "timescaledb.so", "timescaledb-tsl-2.29.2.so")
    settings = tuning(programs(tmp_path), licence)
    assert settings["shared_preload_libraries"] == "timescaledb"
    assert settings["timescaledb.license"] == licence


def test_a_build_with_the_apache_part_alone_is_run_as_such(tmp_path: Path) -> None:
    library(tmp_path / "lib", "timescaledb.so")
    assert tuning(programs(tmp_path), "timescale")["timescaledb.license"] == "apache"


def test_settings_of_newer_servers_are_kept_from_older_ones(tmp_path: Path) -> None:
    assert "io_method" not in tuning(programs(tmp_path), "timescale")
    assert tuning(Binaries(), "timescale")["io_method"] == "sync"


@pytest.mark.slow
def test_data_made_with_timescaledb_are_not_started_without_it(data_dir: Path) -> None:
    having, lacking = Binaries(), Binaries()
    vars(having)["has_timescaledb"] = True
    EmbeddedServer(data_dir, binaries=having).prepare()
    with pytest.raises(EmbeddedError, match=r"was run with TimescaleDB.*set POSTGRES_BIN") as refused:
        EmbeddedServer(data_dir, binaries=lacking).prepare()
    assert "\n" not in str(refused.value)
