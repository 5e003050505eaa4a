"""Plain values as bytes, exactly: numbers keep every bit, arrays their dtype, shape and order.

msgpack alone would turn tuples into lists, drop numpy's types and refuse complex numbers. What is listed here travels
as what it is; anything else is refused. Nothing that arrives can run code.
"""

from __future__ import annotations

import struct
from typing import Any, Literal

import msgpack
import numpy as np

from .errors import DecodingError, EncodingError

_TUPLE, _COMPLEX, _ARRAY, _SCALAR, _BIG_INT = 1, 2, 3, 4, 5
_COMPLEX_PARTS = struct.Struct("<dd")
#: Kinds of dtype that hold plain data: bool, signed and unsigned integers, floats, complex numbers, bytes, text.
_KINDS = frozenset("biufcSU")


def pack(value: Any) -> bytes:
    """Packs a value built of None, booleans, numbers, text, bytes, lists, tuples, dicts, numpy scalars and arrays.

    Args:
        value: what to pack; the same value gives the same bytes.

    Raises:
        EncodingError: if a part of it is of another type, naming that type, or is too deep or too large.
    """
    try:
        packed: bytes = msgpack.packb(value, default=_extend, strict_types=True)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        if isinstance(error, EncodingError):
            raise
        raise EncodingError(f"a value cannot be written as plain data ({error})") from error
    return packed


def unpack(data: bytes) -> Any:
    """Reads what `pack` wrote.

    Args:
        data: the bytes.

    Raises:
        DecodingError: if they are not such bytes.
    """
    try:
        return msgpack.unpackb(data, ext_hook=_restore, strict_map_key=False)
    except (ValueError, TypeError, OverflowError, RecursionError, struct.error, msgpack.UnpackException) as error:
        raise DecodingError("packed values cannot be read; they were changed or cut on their way") from error


def _extend(value: Any) -> msgpack.ExtType:
    """Packs what msgpack does not know, or would turn into something else."""
    kind = type(value)
    if kind is tuple:
        return msgpack.ExtType(_TUPLE, pack(list(value)))
    if kind is complex:
        return msgpack.ExtType(_COMPLEX, _COMPLEX_PARTS.pack(value.real, value.imag))
    if kind is int:
        return msgpack.ExtType(_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        order: Literal["F", "C"] = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        head = [value.dtype.str, list(value.shape), order]
        return msgpack.ExtType(_ARRAY, pack(head) + value.tobytes(order=order))
    if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
        return msgpack.ExtType(_SCALAR, pack(value.dtype.str) + value.tobytes())
    if isinstance(value, np.ndarray | np.generic):
        raise EncodingError(f"an array of dtype {value.dtype} cannot travel")
    raise EncodingError(f"an object of type {kind.__qualname__} cannot travel")


def _restore(code: int, data: bytes) -> Any:
    if code == _TUPLE:
        return tuple(unpack(data))
    if code == _COMPLEX:
        return complex(*_COMPLEX_PARTS.unpack(data))
    if code == _BIG_INT:
        return int.from_bytes(data, "big", signed=True)
    if code in (_ARRAY, _SCALAR):
        unpacker = msgpack.Unpacker(max_buffer_size=max(len(data), 1))
        unpacker.feed(data)
        head = unpacker.unpack()
        start = unpacker.tell()
        if code == _SCALAR:
            return np.frombuffer(data, _dtype(head), count=1, offset=start)[0]
        name, shape, order = head
        # A copy, because an array over the message's bytes would be read-only and the kernel may want to write.
        return np.frombuffer(data, _dtype(name), offset=start).reshape(shape, order=order).copy(order=order)
    raise ValueError(f"unknown extension {code}")


def _dtype(name: str) -> np.dtype[Any]:
    dtype = np.dtype(name)
    if dtype.kind not in _KINDS:
        raise ValueError("not a dtype of plain data")
    return dtype
