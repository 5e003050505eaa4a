"""Circuits as QPY, in one pinned version of the format and without their metadata.

QPY alone does not carry a circuit for Aer unchanged; `circuits` adds what it loses.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from qiskit import QuantumCircuit, qpy

from .errors import DecodingError, EncodingError

#: Pinned, so that a worker with an older Qiskit than the client's says so instead of guessing.
QPY_VERSION = 18


class _NoMetadata(json.JSONEncoder):
    """Writes an empty object for any metadata, which so is neither read nor copied, whatever it holds."""

    def encode(self, o: Any) -> str:
        return "{}"


def dump(circuits: Sequence[QuantumCircuit]) -> bytes:
    """Writes circuits as one QPY file.

    Args:
        circuits: the circuits; they are not changed.

    Raises:
        EncodingError: if QPY cannot write one of them.
    """
    file = io.BytesIO()
    try:
        qpy.dump(list(circuits), file, metadata_serializer=_NoMetadata, version=QPY_VERSION)
    except BaseException as error:
        if _is_fatal(error):
            raise
        raise EncodingError(f"Qiskit's file format cannot hold it ({_reason(error)})") from error
    return file.getvalue()


def load(data: bytes) -> list[QuantumCircuit]:
    """Reads a QPY file.

    Args:
        data: its bytes, whose digest must have been checked: the reader can crash the process on hostile ones.

    Raises:
        DecodingError: if it cannot be read.
    """
    try:
        circuits: list[QuantumCircuit] = qpy.load(io.BytesIO(data))
    except BaseException as error:
        if _is_fatal(error):
            raise
        raise DecodingError(f"circuits cannot be read ({_reason(error)})") from error
    return circuits


def _is_fatal(error: BaseException) -> bool:
    """Whether an error is about this process, not about the circuit.

    Qiskit's Rust code panics on some input; a panic is a `BaseException` of a class that cannot be imported.
    """
    if isinstance(error, MemoryError):
        return True
    return not isinstance(error, Exception) and type(error).__name__ != "PanicException"


def _reason(error: BaseException) -> str:
    """The first line of an error's text, at a length that fits into a sentence."""
    text = str(error).strip().strip("'\"") or type(error).__name__
    return text.splitlines()[0][:200]
