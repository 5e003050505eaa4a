"""NumPy arrays and scalars as bytes: what the codec of results needs to know about memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .errors import DecodingError, EncodingError

#: dtype, memory order ("C" or "F") and shape: all that bytes do not say about an array.
Layout = tuple[str, str, tuple[int, ...]]


def array_layout(array: np.ndarray[Any, Any]) -> Layout:
    """How an array lies in memory. What is contiguous in neither order travels, and comes back, in C order.

    Raises:
        EncodingError: if its elements are Python objects or have fields.
    """
    dtype = array.dtype
    if dtype.hasobject or dtype.names is not None:
        raise EncodingError(
            f"an array of dtype {dtype} cannot travel, only plain numbers and strings can; save something else"
        )
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    return dtype.str, order, array.shape


def array_bytes(array: np.ndarray[Any, Any]) -> memoryview:
    """The bytes of an array in its own memory order, without a copy if it is contiguous."""
    if array.dtype.itemsize == 0:  # empty strings have no bytes, and no view as bytes
        return memoryview(b"")
    turned = array.T if array.flags.f_contiguous and not array.flags.c_contiguous else array
    return turned.reshape(-1).view(np.uint8).data


def array_from(layout: Layout, buffer: Any, offset: int = 0) -> np.ndarray[Any, Any]:
    """The array that bytes hold: over the buffer itself if that can be written to, else a copy that can.

    Args:
        layout: what `array_layout` said.
        buffer: `bytes`, `bytearray` or `memoryview`.
        offset: where in the buffer the array starts.

    Raises:
        DecodingError: if the buffer does not hold such an array.
    """
    name, order, shape = layout
    if not isinstance(name, str) or order not in ("C", "F") or not all(type(n) is int and n >= 0 for n in shape):
        raise DecodingError("an array in a result is described in a way that no aerq writes")
    dtype = np.dtype(name)
    if dtype.hasobject or dtype.names is not None:
        raise DecodingError(f"a result holds an array of dtype {dtype}, which never travels")
    if not 0 <= offset <= len(buffer) - dtype.itemsize * math.prod(shape):
        raise DecodingError("an array in a result is longer than the result itself")
    array: np.ndarray[Any, Any] = np.ndarray(tuple(shape), dtype, buffer, offset, order=order)  # type: ignore[arg-type]
    return array if array.flags.writeable else array.copy(order="A")
