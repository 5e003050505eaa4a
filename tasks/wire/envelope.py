"""A sealed body: bytes with a kind, a version and a length, named by their digest.

Whoever opens one checks the digest before anything else, then the kind and the length that the bytes claim, and
only then decompresses, never beyond that length.

Layout: `AERQ` | format version, 1 byte | kind, 1 byte | compression, 1 byte | raw length, 8 bytes | body.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import struct
from dataclasses import dataclass

import zstandard

from .errors import DecodingError, EncodingError

#: Raised by one whenever an older aerq could misread what a newer one wrote.
FORMAT_VERSION = 1

_MAGIC = b"AERQ"
_HEAD = struct.Struct(">4sBBBQ")
_STORED, _ZSTD = 0, 1
#: Below this many bytes compression saves less than it costs.
_COMPRESS_FROM = 256
#: zstd's level 1 is the fastest; circuits shrink to about half at any level.
_LEVEL = 1


class Kind(enum.IntEnum):
    """What a sealed body holds."""

    CIRCUITS = 1
    NOISE_MODEL = 2
    OPTIONS = 3
    BINDS = 4
    METADATA = 5


@dataclass(frozen=True)
class Sealed:
    """Sealed bytes and the digest that names them."""

    digest: str
    data: bytes


def compressor() -> zstandard.ZstdCompressor:
    """What compresses one body after the other, in one thread; to make it takes longer than to compress a circuit."""
    return zstandard.ZstdCompressor(level=_LEVEL)


def seal(
    kind: Kind, body: bytes, *, limit: int, compress: bool = True, with_: zstandard.ZstdCompressor | None = None
) -> Sealed:
    """Seals a body.

    Args:
        kind: what the body holds.
        body: the bytes to seal.
        limit: the largest body in bytes that a receiver will open.
        compress: whether to try compression; pass False for bodies that do not shrink, such as amplitudes.
        with_: what compresses it; see `compressor`.

    Raises:
        EncodingError: if the body is larger than the limit.
    """
    if len(body) > limit:
        raise EncodingError(
            f"a payload of {len(body)} bytes ({kind.name.lower()}) is over the limit of {limit} bytes; "
            "submit fewer experiments a task (max_job_size) or raise AERQ_MAX_PAYLOAD_MB on both sides"
        )
    method, packed = _STORED, body
    if compress and len(body) >= _COMPRESS_FROM:
        smaller = (with_ or compressor()).compress(body)
        if len(smaller) < len(body):
            method, packed = _ZSTD, smaller
    data = _HEAD.pack(_MAGIC, FORMAT_VERSION, kind, method, len(body)) + packed
    return Sealed(hashlib.sha256(data).hexdigest(), data)


def unseal(data: bytes, digest: str | None, kind: Kind, *, limit: int) -> bytes:
    """Opens sealed bytes.

    Args:
        data: the sealed bytes.
        digest: the digest under which they were announced, or None if that was checked before.
        kind: what they must hold.
        limit: the largest body in bytes to accept.

    Raises:
        DecodingError: if digest, format version, kind or length are not as announced.
    """
    if digest is not None and not hmac.compare_digest(hashlib.sha256(data).hexdigest(), digest):
        raise DecodingError("a payload does not match its digest; it was changed or cut on its way")
    if len(data) < _HEAD.size:
        raise DecodingError(f"a payload is cut short: {len(data)} bytes")
    magic, version, found, method, length = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise DecodingError("a payload does not start as aerq's payloads do")
    if version != FORMAT_VERSION:
        raise DecodingError(
            f"a payload has format {version}, this aerq reads format {FORMAT_VERSION}; "
            "run the same version of aerq on both sides"
        )
    if found != kind:
        raise DecodingError(f"a payload holds kind {found}, expected {kind.name.lower()}")
    if length > limit:
        raise DecodingError(f"a payload says it is {length} bytes long, the limit is {limit}")
    body = data[_HEAD.size :]
    if method == _ZSTD:
        body = _decompress(body, length)
    elif method != _STORED:
        raise DecodingError(f"a payload is compressed by an unknown method ({method})")
    if len(body) != length:
        raise DecodingError(f"a payload says it is {length} bytes long and has {len(body)}")
    return body


def _decompress(body: bytes, length: int) -> bytes:
    """Decompresses to exactly `length` bytes, stopping at the first byte beyond."""
    try:
        with zstandard.ZstdDecompressor().stream_reader(body) as reader:
            return reader.read(length + 1)
    except zstandard.ZstdError as error:
        raise DecodingError("a payload cannot be decompressed; it was changed on its way") from error
