"""The codec of results: Aer's raw output to bytes and back, each value with its type, dtype, shape and bits.

A result is a tree of dictionaries and lists in msgpack. What msgpack has no word for travels as one of the extension
types below; large arrays stay out of the tree and follow it, so that they are copied once on either side.

Layout: head | tree, compressed if that makes it smaller | large arrays, each at a multiple of 64 bytes.
Head: `AERR`, format version, whether the tree is compressed, CRC-32 of all that follows the head, length of the tree
as stored, and as packed.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import numpy as np
import zstandard

from .arrays import array_bytes, array_from, array_layout
from .envelope import FORMAT_VERSION
from .errors import DecodingError, EncodingError

_MAGIC = b"AERR"
_HEAD = struct.Struct("<4sBBxxIxxxxQQ")
_COMPLEX = struct.Struct("<2d")
#: Arrays from this many bytes on stay out of the tree.
_LARGE = 4096
_ALIGNMENT = 64
#: Below this many bytes compressing the tree takes longer than sending what it saves.
_COMPRESS_FROM = 2048
#: From this many strings on, a `memory` list is joined into one.
_MANY = 16
_SEPARATOR = "\n"
#: Names in Aer's headers are the user's, and Python's strings may hold what UTF-8 refuses.
_UNICODE = "surrogatepass"


class _Ext(enum.IntEnum):
    """Extension types of msgpack."""

    ARRAY = 1
    LARGE_ARRAY = 2
    SCALAR = 3
    COMPLEX = 4
    TUPLE = 5
    INTEGER = 6
    STRINGS = 7


def encode_output(output: Mapping[str, Any]) -> bytes:
    """Encodes Aer's raw output.

    Args:
        output: what `AerBackend._execute_circuits_job(..., format_result=False)` gives.

    Raises:
        EncodingError: if it holds something that cannot travel unchanged, such as an array of objects.
    """
    writer = _Writer()
    try:
        tree = writer.pack(_with_joined_memory(output))
    except (ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, EncodingError):
            raise
        raise EncodingError("a result is nested too deeply or too long to travel; save less per task") from error
    compressed = False
    length = len(tree)
    if length >= _COMPRESS_FROM:
        smaller = zstandard.ZstdCompressor(level=1).compress(tree)
        if len(smaller) < length:
            compressed, tree = True, smaller
    pieces: list[bytes | memoryview] = [tree]
    if writer.large:
        pieces += [bytes(-(_HEAD.size + len(tree)) % _ALIGNMENT), *writer.large]
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    return b"".join([_HEAD.pack(_MAGIC, FORMAT_VERSION, compressed, checksum, len(tree), length), *pieces])


def decode_output(data: bytes | bytearray | memoryview, *, limit: int | None = None) -> dict[str, Any]:
    """Decodes Aer's raw output.

    Args:
        data: what `encode_output` gave. Large arrays of the output lie in this very memory if it can be written to
            (a `bytearray`, as `join_parts` makes), else in copies.
        limit: the largest result in bytes to accept, or None for any.

    Raises:
        DecodingError: if the bytes were changed or cut, were written by another version, or are over the limit.
    """
    view = memoryview(data)
    if len(view) < _HEAD.size:
        raise DecodingError(f"a result is cut short: {len(view)} bytes")
    magic, version, compressed, checksum, stored, length = _HEAD.unpack_from(view)
    if magic != _MAGIC:
        raise DecodingError("a result does not start as aerq's results do")
    if version != FORMAT_VERSION:
        raise DecodingError(
            f"a result has format {version}, this aerq reads format {FORMAT_VERSION}; "
            "run the same version of aerq on both sides"
        )
    if limit is not None and max(len(view), length) > limit:
        raise DecodingError(f"a result of {max(len(view), length)} bytes is over the limit of {limit} bytes")
    end = _HEAD.size + stored
    if end > len(view) or zlib.crc32(view[_HEAD.size :]) != checksum:
        raise DecodingError("a result was changed or cut on its way")
    tree: bytes | memoryview = view[_HEAD.size : end]
    try:
        if compressed:
            if zstandard.frame_content_size(tree) != length:
                raise DecodingError("a result is not as long as it says")
            tree = zstandard.ZstdDecompressor().decompress(tree)
        if len(tree) != length:
            raise DecodingError("a result is not as long as it says")
        output = _Reader(view[end + -end % _ALIGNMENT :]).unpack(tree)
    except (ValueError, TypeError, OverflowError, RecursionError, struct.error, msgpack.UnpackException) as error:
        if isinstance(error, DecodingError):
            raise
        raise DecodingError("a result cannot be read, although it arrived as it was sent") from error
    except zstandard.ZstdError as error:
        raise DecodingError("a result cannot be decompressed") from error
    if not isinstance(output, dict):
        raise DecodingError("a result is not a dictionary")
    return output


def split_parts(data: bytes, part_bytes: int) -> list[memoryview]:
    """Cuts an encoded result into parts, without copying it: stores limit the length of one value.

    Args:
        data: the encoded result.
        part_bytes: the length of each part but the last.
    """
    view = memoryview(data)
    return [view[start : start + part_bytes] for start in range(0, len(view), part_bytes)] or [view]


def join_parts(parts: Sequence[bytes | memoryview]) -> bytes | bytearray | memoryview:
    """Puts parts together: one part as it is, several in memory of their own in which `decode_output` leaves arrays."""
    return parts[0] if len(parts) == 1 else bytearray().join(parts)


def _with_joined_memory(output: Mapping[str, Any]) -> dict[str, Any]:
    """The output with each `memory` list as one string: a thousand short strings are slow to pack one by one."""
    copy = dict(output)
    results = copy.get("results")
    if type(results) is list:
        copy["results"] = [_joined_in(result) for result in results]
    return copy


def _joined_in(result: Any) -> Any:
    data = result.get("data") if type(result) is dict else None
    memory = data.get("memory") if type(data) is dict else None
    if data is None or type(memory) is not list or len(memory) < _MANY or set(map(type, memory)) != {str}:
        return result
    joined = _SEPARATOR.join(memory)
    if joined.count(_SEPARATOR) != len(memory) - 1:  # a user's own label may be "memory"
        return result
    return {**result, "data": {**data, "memory": msgpack.ExtType(_Ext.STRINGS, joined.encode("utf-8", _UNICODE))}}


class _Writer:
    """Packs one tree and collects the large arrays that stay out of it."""

    def __init__(self) -> None:
        self.large: list[bytes | memoryview] = []
        self._size = 0

    def pack(self, value: Any) -> bytes:
        packed: bytes = msgpack.packb(value, default=self._other, strict_types=True, unicode_errors=_UNICODE)
        return packed

    def _other(self, value: Any) -> msgpack.ExtType:
        """The extension type of what msgpack does not know; with `strict_types` that includes all subclasses."""
        kind = type(value)
        if kind is np.ndarray:
            return self._array(value)
        if kind is tuple:
            return msgpack.ExtType(_Ext.TUPLE, self.pack(list(value)))
        if kind is complex:
            return msgpack.ExtType(_Ext.COMPLEX, _COMPLEX.pack(value.real, value.imag))
        if kind is int:  # beyond 64 bits
            return msgpack.ExtType(_Ext.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))
        if isinstance(value, np.generic):
            array = np.asarray(value)
            return msgpack.ExtType(_Ext.SCALAR, self.pack([array_layout(array)[0], array.tobytes()]))
        raise EncodingError(
            f"a value of type {kind.__name__} in a result cannot travel; only plain data and arrays can"
        )

    def _array(self, array: np.ndarray[Any, Any]) -> msgpack.ExtType:
        dtype, order, shape = array_layout(array)
        data = array_bytes(array)
        if len(data) < _LARGE:
            return msgpack.ExtType(_Ext.ARRAY, self.pack([dtype, order, list(shape), bytes(data)]))
        header = self.pack([dtype, order, list(shape), self._size])
        padding = -len(data) % _ALIGNMENT
        self.large += [data, bytes(padding)]
        self._size += len(data) + padding
        return msgpack.ExtType(_Ext.LARGE_ARRAY, header)


class _Reader:
    """Unpacks one tree, with the large arrays that follow it."""

    def __init__(self, large: memoryview) -> None:
        self._large = large

    def unpack(self, data: bytes | memoryview) -> Any:
        return msgpack.unpackb(data, ext_hook=self._ext, strict_map_key=False, unicode_errors=_UNICODE)

    def _ext(self, code: int, data: bytes) -> Any:
        match code:
            case _Ext.ARRAY:
                dtype, order, shape, content = self.unpack(data)
                return array_from((dtype, order, shape), bytearray(content))
            case _Ext.LARGE_ARRAY:
                dtype, order, shape, offset = self.unpack(data)
                return array_from((dtype, order, shape), self._large, offset)
            case _Ext.STRINGS:
                return str(data, "utf-8", _UNICODE).split(_SEPARATOR)
            case _Ext.TUPLE:
                return tuple(self.unpack(data))
            case _Ext.COMPLEX:
                return complex(*_COMPLEX.unpack(data))
            case _Ext.SCALAR:
                dtype, content = self.unpack(data)
                return array_from((dtype, "C", ()), content)[()]
            case _Ext.INTEGER:
                return int.from_bytes(data, "little", signed=True)
        raise DecodingError(f"a result holds a value of an unknown kind ({code})")
