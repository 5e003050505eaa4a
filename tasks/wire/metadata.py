"""The codec of the circuits' metadata, for whoever finds a job again: plain data, whatever it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack

from .errors import DecodingError

#: How deep metadata is kept, and how many values in all.
_METADATA_DEPTH = 32
_METADATA_VALUES = 100_000


def encode_metadata(metadata: Sequence[Any]) -> bytes | None:
    """The circuits' metadata as far as it is plain data, for whoever finds the job again; None if there is none.

    The process that submitted keeps the objects themselves and never reads this.

    Args:
        metadata: one object for each experiment of the job.
    """
    if not any(metadata):
        return None
    copy = _PlainCopy()
    packed: bytes = msgpack.packb([copy.of(value) for value in metadata])
    return packed


def decode_metadata(body: bytes) -> list[Any]:
    """Reads what `encode_metadata` wrote.

    Raises:
        DecodingError: if it cannot be read.
    """
    try:
        rows = msgpack.unpackb(body, strict_map_key=False)
        if not isinstance(rows, list):
            raise TypeError("not a list")
        return rows
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise DecodingError("the metadata of a job's circuits cannot be read") from error


class _PlainCopy:
    """Copies values so that every part is plain data; other objects become their type's name in angle brackets."""

    def __init__(self) -> None:
        self._left = _METADATA_VALUES

    def of(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if value is None or isinstance(value, bool | bytes):
            return value
        if isinstance(value, float):
            return float(value)
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**64 else str(int(value))
        if isinstance(value, str):
            return _text(value)
        # Containers may hold themselves, or one another many times.
        if depth < _METADATA_DEPTH and self._left > 0:
            if isinstance(value, dict):
                return {self._key(key, depth): self.of(item, depth + 1) for key, item in value.items()}
            if isinstance(value, list | tuple):
                return [self.of(item, depth + 1) for item in value]
        return _kind(value)

    def _key(self, key: Any, depth: int) -> str | int:
        if isinstance(key, str | int):
            plain = self.of(key, depth)
            return plain if isinstance(plain, str | int) else str(plain)
        try:
            return _text(str(key))
        except Exception:  # the object's own code
            return _kind(key)


def _text(text: str) -> str:
    """Text without halves of characters, which UTF-8 does not have."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _kind(value: Any) -> str:
    return f"<{type(value).__name__}>"
