"""Decompresses request bodies, counting while inflating, so that a bomb never reaches memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard

from events.errors import InvalidEncoding, TooLarge, UnsupportedEncoding

_CHUNK = 64 << 10
#: zstd gives all that a piece of input inflates to: 128 KiB for each 4 bytes at worst, so pieces are small.
_SLICE = 128


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """Return `body` decoded from `encoding` (a Content-Encoding value); at most `limit` bytes come out.

    Raises UnsupportedEncoding (415), InvalidEncoding (400) or TooLarge (413).
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    try:
        chunks = _DECODERS[encoding](body)
    except KeyError:
        raise UnsupportedEncoding() from None
    return _collect(chunks, limit)


def _collect(chunks: Iterator[bytes], limit: int) -> bytes:
    out = bytearray()
    try:
        for chunk in chunks:
            out += chunk
            if len(out) > limit:
                raise TooLarge(f"The body inflates to more than {limit} bytes.")
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
        raise InvalidEncoding(f"The body does not decompress: {error}.") from None
    return bytes(out)


def _zlib(body: bytes, window: int) -> Iterator[bytes]:
    stream = zlib.decompressobj(window)
    data = body
    while data and not stream.eof:
        yield stream.decompress(data, _CHUNK)
        data = stream.unconsumed_tail
    if not stream.eof:
        raise EOFError("it ends too early")
    if stream.unused_data:
        raise EOFError("something follows the compressed data")


def _gzip(body: bytes) -> Iterator[bytes]:
    return _zlib(body, 16 + zlib.MAX_WBITS)


def _deflate(body: bytes) -> Iterator[bytes]:
    # RFC 9110 says zlib format; some clients send the bare stream. A zlib header is a multiple of 31.
    wrapped = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _zlib(body, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


def _brotli(body: bytes) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    data = body
    while not stream.is_finished():
        chunk = stream.process(data, output_buffer_limit=_CHUNK)
        data = b""
        if not chunk and stream.can_accept_more_data():
            raise EOFError("it ends too early")
        yield chunk


def _zstd(body: bytes) -> Iterator[bytes]:
    # The window is bounded: a frame may announce one of gigabytes.
    stream = zstandard.ZstdDecompressor(max_window_size=8 << 20).decompressobj()
    for start in range(0, len(body), _SLICE):
        yield stream.decompress(body[start : start + _SLICE])
        if stream.eof and (stream.unused_data or start + _SLICE < len(body)):
            raise EOFError("something follows the compressed data")
    if not stream.eof:
        raise EOFError("it ends too early")


_DECODERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
