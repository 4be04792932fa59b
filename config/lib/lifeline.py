"""Ties a process to the one that started it, so that a killed parent leaves nobody behind.

Linux only (`PR_SET_PDEATHSIG`); elsewhere nothing happens, and whoever was left behind is stopped at the next start.
"""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded here and not in the call: between fork and exec nothing may take a lock.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def tie(sign: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send `sign` to this process when its parent ends, however that happens."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(sign))
