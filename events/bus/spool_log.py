"""The log (`-wal`) that a dead process left beside its file, looked at before SQLite does.

SQLite ends its recovery at the first frame that is wrong and says nothing: what was acknowledged behind it would be
gone with the log. So the log is kept until it is known that SQLite has read all of it.
The format: https://sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from events.bus.spool_names import KEPT_LOG, LOG, sync_file, sync_folder

_HEADER = struct.Struct(">IIII8sII")
_FRAME = struct.Struct(">II8s8x")
_MAGIC, _BIG_ENDIAN = 0x377F0682, 1
#: What SQLite gives a file of ours; only of use where the log's own header cannot be read.
_PAGE_BYTES = 4096


def keep(path: Path) -> int:
    """Keep a copy of the log of the file `path`, durably; return how many frames SQLite should find in it.

    A copy that lies there already is of one who was killed before he knew, and the log of that moment: it is put
    back. SQLite may have begun to move it into the file; doing so again makes no difference.
    """
    log, kept = _log_of(path), _copy_of(path)
    if kept.exists():
        shutil.copyfile(kept, log)
        sync_file(log)
    frames = committed(log)
    if frames and not kept.exists():
        draft = kept.with_name(kept.name + "-new")
        shutil.copyfile(log, draft)
        sync_file(draft)
        draft.rename(kept)
        sync_folder(path.parent)
    return frames


def drop_copy(path: Path) -> None:
    """Remove the copy, for SQLite has read the whole log: durably, or a later start would put it back."""
    if _copy_of(path).exists():
        _copy_of(path).unlink()
        sync_folder(path.parent)


def committed(log: Path) -> int:
    """Return how many frames the log has up to the last that ends a commit, whatever is wrong with those before it.

    Frames after that one are of a write that nobody acknowledged. Frames with other salts are of an earlier round.
    """
    try:
        with log.open("rb") as file:
            return _committed(file)
    except FileNotFoundError:
        return 0


def _committed(file: BinaryIO) -> int:
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return 0
    page, salts = _HEADER.unpack(head)[2], _HEADER.unpack(head)[4]
    frames = list(_frames(file, page if _is_sound(head) else _PAGE_BYTES))
    if frames and not _is_sound(head):
        # SQLite would drop all of it. The first frame is always of the latest round.
        salts = frames[0][1]
    return max((number for number, (ends, salt) in enumerate(frames, 1) if ends and salt == salts), default=0)


def _frames(file: BinaryIO, page: int) -> Iterator[tuple[bool, bytes]]:
    """Yield of each whole frame whether it ends a commit, and its salts."""
    size = os.fstat(file.fileno()).st_size
    for start in range(_HEADER.size, size - _FRAME.size - page + 1, _FRAME.size + page):
        file.seek(start)
        _, pages_after_commit, salts = _FRAME.unpack(file.read(_FRAME.size))
        yield pages_after_commit != 0, salts


def _is_sound(head: bytes) -> bool:
    """Tell whether the header's checksum is right."""
    magic, _, page, _, _, first, second = _HEADER.unpack(head)
    if magic & ~_BIG_ENDIAN != _MAGIC or not 512 <= page <= 65_536:
        return False
    words = struct.unpack(">6I" if magic & _BIG_ENDIAN else "<6I", head[:24])
    one = two = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & 0xFFFFFFFF
        two = (two + odd + one) & 0xFFFFFFFF
    return (one, two) == (first, second)


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + LOG)


def _copy_of(path: Path) -> Path:
    return path.with_name(path.name + KEPT_LOG)
