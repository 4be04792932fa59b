"""A real access log in DuckDB: its lines are taken apart there."""

from __future__ import annotations

import gzip
import hashlib
import os
import uuid
from pathlib import Path

from config import engine
from config.lib import sqlfile
from events import importer
from events.models import Project
from tests.oracle.duck import Duck
from tests.support.instance import ROOT
from tests.support.pipeline import process_all, rebuild_sessions

SQL = sqlfile.load(__file__, "log.sql")
PATH = Path(os.environ.get("SLUICE_DATA") or ROOT.parent / "shared" / "data" / "access_log_2015-05.gz")
#: Of the ids that an import gives: at the same moment they say what comes first.
_NAMESPACE = uuid.UUID("8f4f1ad6-0f0f-5a2e-9f40-3c1d0c9a6f5e")


def send(duck: Duck, path: Path) -> None:
    """Take the lines of a log, as an import of it sends them."""
    content = gzip.decompress(path.read_bytes())
    digest = hashlib.sha256(content).hexdigest()
    lines = content.decode("utf-8", "replace").splitlines()
    numbers = range(1, len(lines) + 1)
    event_ids = [str(uuid.uuid5(_NAMESPACE, f"{digest}:{number}")) for number in numbers]
    duck.rows(SQL["lines"], numbers=list(numbers), event_ids=event_ids, texts=lines)
    duck.rows(SQL["sent"])


def import_into(project_id: int) -> None:
    """Import the log as the command does."""
    project = Project.objects.get(pk=project_id)
    sha256, _ = importer.measure(PATH)
    job = importer.start(project=project, path=PATH, sha256=sha256)
    for _ in importer.run(job=job, path=PATH, bus=engine.bus()):
        pass
    process_all()
    rebuild_sessions()
