"""The broker of files: what a reader finds is a whole message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest
from kombu import Connection, Consumer, Queue

from config.lib import folder_broker


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Any]:
    folder = str(tmp_path)
    options = {
        "data_folder_in": folder,
        "data_folder_out": folder,
        "control_folder": str(tmp_path / "control"),
    }
    with Connection(transport=folder_broker.Transport, transport_options=options) as opened:
        yield opened


def test_filesystem_urls_mean_it() -> None:
    from config.celery import app

    assert app.connection_for_write().transport_cls in ("filesystem", folder_broker.Transport)
    with Connection("filesystem://") as opened:
        assert isinstance(opened.transport, folder_broker.Transport)


def test_what_was_put_is_taken_once(link: Any) -> None:
    queue = link.SimpleQueue("tasks")
    queue.put({"n": 1})
    message = queue.get(timeout=1)
    message.ack()
    assert message.payload == {"n": 1}
    with pytest.raises(queue.Empty):
        queue.get(block=False)


def test_no_reader_finds_a_message_that_is_not_whole(
    link: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = link.default_channel
    Queue("tasks", channel=channel).declare()
    found: list[str] = []

    def looked_at(source: Path, target: Path) -> None:
        """Look as a reader would at the moment before the message has its name."""
        with pytest.raises(Empty):
            channel._get("tasks")
        found.extend(path.name for path in tmp_path.glob("*.msg"))
        os.rename(source, target)

    monkeypatch.setattr(folder_broker, "os", SimpleNamespace(rename=looked_at))
    with Consumer(channel, Queue("tasks")):
        channel._put("tasks", {"body": "whole"})
    assert found == []
    assert channel._get("tasks") == {"body": "whole"}
