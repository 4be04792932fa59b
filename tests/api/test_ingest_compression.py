"""Content-Encoding: what is inflated, and how far."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from tests.support.pipeline import rows
from tests.support.tenants import Tenant

BODY = json.dumps([{"type": "a", "userId": "u", "props": {"n": n}} for n in range(50)]).encode()


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACK: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without header": ("deflate", bare_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "identity": ("identity", bytes),
    "GZIP": ("GZIP", gzip.compress),
}
PACKERS = [name for name in PACK if name != "identity"]


def send(tenant: Tenant, name: str, body: bytes) -> int:
    return int(tenant.send(body, HTTP_CONTENT_ENCODING=PACK[name][0]).status_code)


@pytest.mark.parametrize("name", PACK)
def test_a_compressed_body_is_read(acme: Tenant, name: str) -> None:
    assert send(acme, name, PACK[name][1](BODY)) == 202
    assert rows("SELECT events FROM inbox") == [(50,)]


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_is_too_large(acme: Tenant, name: str) -> None:
    bomb = PACK[name][1](b" " * (64 << 20))
    assert len(bomb) < 1 << 20
    assert send(acme, name, bomb) == 413


@pytest.mark.parametrize("name", PACKERS)
def test_up_to_the_limit_it_is_no_bomb(acme: Tenant, name: str) -> None:
    assert send(acme, name, PACK[name][1](BODY + b" " * ((5 << 20) - len(BODY)))) == 202


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("damage", ["cut", "garbage", "plain", "empty"])
def test_what_does_not_decompress_is_refused(acme: Tenant, name: str, damage: str) -> None:
    packed = PACK[name][1](BODY)
    broken = {"cut": packed[:-9], "garbage": b"\x00\xff" * 40, "plain": BODY, "empty": b""}[damage]
    assert send(acme, name, broken) == 400
    assert rows("SELECT count(*) FROM inbox") == [(0,)]


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
def test_a_second_stream_behind_the_first_is_not_silently_dropped(acme: Tenant, name: str) -> None:
    pack = PACK[name][1]
    assert send(acme, name, pack(b'{"type":"a","userId":"u"}') + pack(b'{"type":"b","userId":"u"}')) == 400


def test_a_wrong_checksum_is_refused(acme: Tenant) -> None:
    packed = bytearray(gzip.compress(BODY))
    packed[-6] ^= 0xFF
    assert send(acme, "gzip", bytes(packed)) == 400


@pytest.mark.parametrize("encoding", ["lzma", "gzip, gzip", "compress", "*"])
def test_other_encodings_are_not_supported(acme: Tenant, encoding: str) -> None:
    assert acme.send(BODY, HTTP_CONTENT_ENCODING=encoding).status_code == 415
