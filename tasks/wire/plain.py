"""The codec of plain circuits: their instructions as they are, in msgpack.

Layout: `[format, circuits, matrices]`. The circuits are packed once more: a list of `[name, qubits, clbits, global
phase, quantum registers, classical registers, instructions]`, a register `[name, size]`, an instruction `[name, qubits,
numbers or clbits, label]`. The matrices of the unitaries follow one another, each the complex doubles of its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import msgpack
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, QuantumRegister
from qiskit.circuit.library import get_standard_gate_name_mapping

from ..plain import NotPlainError, Operation, PlainCircuit, plain_of
from .errors import DecodingError
from .kinds import STANDARD_GATES

#: The codec of all other circuits has 1 in this place.
_FORMAT = 2
#: Of a longer circuit QPY is read as fast.
MOST_OPERATIONS = 1000
#: An instruction can have seven bytes here and three hundred in memory. So of more, each circuit counted as some, or in
#: more bytes, all circuits of the payload travel as QPY.
_MOST_IN_ALL, _MOST_BYTES, _PER_CIRCUIT = 200_000, 8 * 1024 * 1024, 8
#: No circuit of more is plain; a few bytes could ask for a bit of memory each.
_MOST_BITS = 1 << 16
#: How many qubits and numbers each gate has, and its name once for all instructions.
_GATES = {
    name: (gate.num_qubits, len(gate.params), name)
    for name, gate in get_standard_gate_name_mapping().items()
    if name in STANDARD_GATES
}
#: A complex double, and its bytes.
_COMPLEX, _ENTRY = "D", 16


def encode_plain(circuits: Sequence[QuantumCircuit]) -> bytes | None:
    """Encodes circuits, if all of them are plain and not too long; None if they are not.

    Args:
        circuits: the circuits, which are not changed. What is no instruction, register or global phase stays behind:
            metadata, and the layout that the transpiler noted.
    """
    rows, matrices, size = [], list[bytes](), 0
    for circuit in circuits:
        row = _row(circuit, matrices)
        if row is None:
            return None
        rows.append(row)
        size += size_of(len(row[-1]))
        if size > _MOST_IN_ALL:
            return None
    try:
        packed = msgpack.packb(rows)
    except UnicodeEncodeError:  # names that nothing but a Python string can hold
        return None
    if len(packed) > _MOST_BYTES:
        return None
    whole: bytes = msgpack.packb([_FORMAT, packed, b"".join(matrices)])
    return whole


def size_of(operations: int) -> int:
    """What a circuit of so many instructions counts for, in instructions."""
    return operations + _PER_CIRCUIT


def is_plain(data: bytes) -> bool:
    """Whether encoded circuits are in this codec's format, or not."""
    return data[1:2] == bytes([_FORMAT])


def decode_plain(data: bytes) -> list[PlainCircuit]:
    """Decodes plain circuits.

    Args:
        data: what `encode_plain` returned. Its digest must have been checked.

    Raises:
        DecodingError: if the bytes are not plain circuits.
    """
    try:
        version, packed, matrices = msgpack.unpackb(data)
        if version != _FORMAT or len(packed) > _MOST_BYTES:
            raise ValueError("they are of another format, or too many")
        rows = msgpack.unpackb(packed)
        if sum(size_of(len(row[-1])) for row in rows) > _MOST_IN_ALL:
            raise ValueError("they are too many")
        left = _Matrices(matrices)
        circuits = [_circuit(left, *row) for row in rows]
        left.end()
        return circuits
    except (ValueError, TypeError, LookupError, msgpack.UnpackException) as error:
        raise DecodingError(f"circuits cannot be read ({type(error).__name__}: {error})") from error


def _row(circuit: Any, matrices: list[bytes]) -> list[Any] | None:
    if not isinstance(circuit, QuantumCircuit) or not isinstance(circuit.name, str) or circuit.num_parameters:
        return None
    if circuit.num_qubits > _MOST_BITS or circuit.num_clbits > _MOST_BITS:
        return None
    if not _in_order(circuit.qubits, circuit.qregs, QuantumRegister):
        return None
    if not _in_order(circuit.clbits, circuit.cregs, ClassicalRegister):
        return None
    plain = plain_of(circuit)
    if plain is None or plain.num_operations > MOST_OPERATIONS or not isfinite(plain.global_phase):
        return None
    operations = []
    try:
        for operation in plain.operations:
            name, qubits, given, label = operation
            if name == "unitary":
                matrix = given.tobytes()
                if given.dtype.char != _COMPLEX or len(matrix) != _ENTRY << 2 * len(qubits):
                    return None
                matrices.append(matrix)
                operation = name, qubits, None, label
            elif name in _GATES:
                for value in given:
                    if type(value) is not float or not isfinite(value):
                        return None
            elif label is not None or (name != "barrier" and len(qubits) != 1) or (given and len(given) != 1):
                return None
            operations.append(operation)
    except NotPlainError:
        return None
    phase, qregs, cregs = plain.global_phase, plain.qregs, plain.cregs
    return [plain.name, plain.num_qubits, plain.num_clbits, phase, qregs, cregs, operations]


def _in_order(bits: Sequence[Any], registers: Sequence[Any], kind: type) -> bool:
    """Whether registers of a kind hold the first of these bits in order, and the others stand alone."""
    held = [bit for register in registers for bit in register[:]]
    return bits[: len(held)] == held and all(type(register) is kind for register in registers)


class _Matrices:
    """The matrices of unitaries, one after the other.

    They lie in memory that can be written to: Aer takes any other for the transpose (src/framework/pybind_casts.hpp).
    """

    def __init__(self, packed: bytes) -> None:
        self._memory = bytearray(packed)
        self._place = 0

    def take(self, width: int) -> np.ndarray[Any, Any]:
        place = self._place
        self._place += _ENTRY << 2 * width
        return np.ndarray((1 << width, 1 << width), _COMPLEX, self._memory, place)

    def end(self) -> None:
        if self._place != len(self._memory):
            raise ValueError("there are more matrices than unitaries")


def _circuit(
    matrices: _Matrices,
    name: str,
    num_qubits: int,
    num_clbits: int,
    phase: float,
    qregs: list[Any],
    cregs: list[Any],
    rows: list[Any],
) -> PlainCircuit:
    if type(name) is not str or type(phase) is not float or not isfinite(phase):
        raise ValueError("a name or a global phase is none")
    for registers, number in ((qregs, num_qubits), (cregs, num_clbits)):
        if type(number) is not int or not 0 <= number <= _MOST_BITS:
            raise ValueError("a number of bits is none, or too large")
        if any(type(text) is not str or type(size) is not int or size < 0 for text, size in registers):
            raise ValueError("a register is none")
        if sum(size for _, size in registers) > number:
            raise ValueError("the registers hold more bits than the circuit")
    if len({text for text, _ in (*qregs, *cregs)}) != len(qregs) + len(cregs):
        raise ValueError("two registers have one name")
    operations = [_operation(matrices, num_qubits, num_clbits, *row) for row in rows]
    if not {int}.issuperset(type(qubit) for _, qubits, _, _ in operations for qubit in qubits):
        raise ValueError("a qubit is no number")
    return PlainCircuit(name, num_qubits, num_clbits, phase, qregs, cregs, len(operations), operations)


def _operation(
    matrices: _Matrices, num_qubits: int, num_clbits: int, name: str, qubits: list[int], given: Any, label: str | None
) -> Operation:
    """One instruction, on bits that the circuit has: Aer's C++ does not look, and would write beside its memory."""
    width = len(qubits)
    if (width and not 0 <= min(qubits) <= max(qubits) < num_qubits) or len(set(qubits)) != width:
        raise ValueError("an instruction is on qubits that the circuit does not have")
    if label is not None and type(label) is not str:
        raise ValueError("a label is none")
    if name == "unitary":
        return "unitary", qubits, matrices.take(width), label
    if name == "measure":
        if width != 1 or list(map(type, given)) != [int] or not 0 <= given[0] < num_clbits:
            raise ValueError("a measurement is not of one qubit into one of the circuit's bits")
        return "measure", qubits, given, None
    if name == "barrier":
        return "barrier", qubits, None, None
    if name == "reset" and width == 1:
        return "reset", qubits, None, None
    gate_width, numbers, gate = _GATES[name]
    if gate_width != width or len(given) != numbers:
        raise ValueError("a gate has not the qubits and numbers that it needs")
    if any(type(value) is not float or not isfinite(value) for value in given):
        raise ValueError("a gate has a number that is none")
    return gate, qubits, given, label
