"""Lets a process of this host have what the others leave of the processors."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: By how much: a tenth of what another process gets where both want a core, so that it is slow and not stuck.
NICE = 10


def be_nice(pid: int) -> None:
    """Make a process of ours nice, as far as this system can; it stays so until it ends."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + NICE)
    # Where Linux groups processes by session, niceness counts within a group, and each backend is a group of its own.
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
