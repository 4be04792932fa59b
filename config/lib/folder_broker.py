"""Kombu's broker of files, in which a message appears whole: its own opens the file first and writes it then.

A reader takes what it finds, and an empty file ended the worker and lost the message.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Writes a message under a name that no reader looks for, and renames it."""

    def _put(self, queue: Any, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Put a message onto `queue`. Raises ChannelError where the folder cannot take it."""
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        whole = Path(self.data_folder_out, name)
        part = whole.with_name(f"{name}.part")
        try:
            part.write_text(dumps(payload))
            os.rename(part, whole)
        except OSError as error:
            raise ChannelError(f"Cannot add {name} to {self.data_folder_out}: {error}") from error


class Transport(filesystem.Transport):
    """The transport of `filesystem://`."""

    Channel = Channel


def register() -> None:
    """Let `filesystem://` mean this one, in the processes of Celery and in those that send it tasks."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
