"""Sealed bodies: digests before parsing, limits before work."""

import hashlib

import pytest
import zstandard

from aerq.tasks.wire.envelope import Kind, seal, unseal
from aerq.tasks.wire.errors import DecodingError, EncodingError

LIMIT = 10_000


@pytest.mark.parametrize("body", [b"", b"short", b"long " * 1000])
def test_a_body_comes_back(body):
    sealed = seal(Kind.CIRCUITS, body, limit=LIMIT)
    assert unseal(sealed.data, sealed.digest, Kind.CIRCUITS, limit=LIMIT) == body
    assert sealed.digest == hashlib.sha256(sealed.data).hexdigest()


def test_equal_bodies_have_equal_digests():
    assert seal(Kind.BINDS, b"x" * 999, limit=LIMIT) == seal(Kind.BINDS, b"x" * 999, limit=LIMIT)


def test_repetition_is_compressed():
    assert len(seal(Kind.CIRCUITS, b"abc" * 3000, limit=LIMIT).data) < 200


def test_a_body_over_the_limit_is_not_sent():
    with pytest.raises(EncodingError, match="over the limit"):
        seal(Kind.CIRCUITS, b"x" * (LIMIT + 1), limit=LIMIT)


def test_a_changed_byte_is_noticed_before_anything_is_read():
    sealed = seal(Kind.CIRCUITS, b"body" * 100, limit=LIMIT)
    for place in range(0, len(sealed.data), 7):
        data = bytearray(sealed.data)
        data[place] ^= 1
        with pytest.raises(DecodingError, match="does not match its digest"):
            unseal(bytes(data), sealed.digest, Kind.CIRCUITS, limit=LIMIT)


def head(version=1, kind=Kind.CIRCUITS, method=1, length=10, magic=b"AERQ"):
    return magic + bytes([version, kind, method]) + length.to_bytes(8, "big")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"AERQ", "cut short"),
        (head(magic=b"NOPE"), "does not start"),
        (head(version=9), "has format 9, this aerq reads format 1"),
        (head(kind=Kind.BINDS), "expected circuits"),
        (head(length=LIMIT + 1), "the limit is"),
        (head(method=7), "unknown method"),
        (head(method=1) + b"not zstd", "cannot be decompressed"),
        (head(method=0) + b"short", "says it is 10 bytes long and has 5"),
    ],
)
def test_what_is_not_as_announced_is_refused(data, said):
    with pytest.raises(DecodingError, match=said):
        unseal(data, hashlib.sha256(data).hexdigest(), Kind.CIRCUITS, limit=LIMIT)


def test_a_bomb_stops_at_the_length_it_claims():
    bomb = head(length=100) + zstandard.compress(b"\0" * 50_000_000)
    with pytest.raises(DecodingError, match="says it is 100 bytes long and has 101"):
        unseal(bomb, None, Kind.CIRCUITS, limit=LIMIT)
