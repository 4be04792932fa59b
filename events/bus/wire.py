"""How a batch is written where bytes are all there is: in the spool and in a broker's message.

A CRC-32 stands in front, so that a damaged batch is told from a sound one before anything is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import msgspec

from config.lib.errors import SluiceError
from events.contracts import Batch, Reject

_CHECKSUM_BYTES = 4
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Batch).decode
_unpack_rejects = msgspec.msgpack.Decoder(tuple[Reject, ...]).decode


class Damaged(SluiceError):
    """The batch cannot be read: its bytes are not those that were written."""

    code = "damaged_batch"


def pack(batch: Batch) -> bytes:
    """Return the batch as bytes."""
    body = _pack(batch)
    return crc32(body).to_bytes(_CHECKSUM_BYTES, "big") + body


def unpack(data: bytes) -> Batch:
    """Return the batch that `pack` wrote. Raises Damaged."""
    body = data[_CHECKSUM_BYTES:]
    if crc32(body).to_bytes(_CHECKSUM_BYTES, "big") != data[:_CHECKSUM_BYTES]:
        raise Damaged()
    try:
        return _unpack(body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Damaged(f"The batch cannot be read: {error}") from None


def pack_rejects(rejects: Sequence[Reject]) -> bytes:
    """Return a batch's rejects as bytes, for where its rows stand beside them."""
    return _pack(rejects)


def unpack_rejects(data: bytes) -> tuple[Reject, ...]:
    """Return what `pack_rejects` wrote. Raises msgspec.MsgspecError or ValueError."""
    return _unpack_rejects(data)
