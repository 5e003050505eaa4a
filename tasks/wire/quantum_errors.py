"""Aer's quantum and readout errors as plain data, and back.

What Aer's kernel sees of an error is its `to_dict()`: ids, gate names, qubits, parameters, labels and probabilities.
All of it comes back with the same bits and in the same order. Names and registers of an error's circuits are not
kept, nothing reads them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Instruction, Reset
from qiskit.circuit.library import PauliGate, UnitaryGate, get_standard_gate_name_mapping
from qiskit.quantum_info import PauliList
from qiskit_aer.noise import PauliError, PauliLindbladError, QuantumError, ReadoutError
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError

from .errors import DecodingError, EncodingError

#: Adds a circuit to what travels and returns its number.
AddCircuit = Callable[[QuantumCircuit], int]
#: Returns the circuit of a number.
GetCircuit = Callable[[int], QuantumCircuit]


def pack_error(error: BaseQuantumError, add_circuit: AddCircuit) -> list[Any]:
    """Turns a quantum error into plain data.

    Args:
        error: a `QuantumError`, `PauliError` or `PauliLindbladError`.
        add_circuit: takes circuits of the error that hold more than the usual noise instructions.

    Returns:
        Plain data for `values.pack`; the same error gives the same data.

    Raises:
        EncodingError: if it is of another class, which would arrive as something else.
    """
    kind = type(error)
    if kind is QuantumError:
        circuits = [_pack_circuit(circuit, add_circuit) for circuit in error.circuits]
        return ["quantum", error.id, error.num_qubits, _pack_probabilities(error.probabilities), circuits]
    if kind is PauliError:
        return ["pauli", error.id, *_pack_paulis(error.paulis), error.probabilities]
    if kind is PauliLindbladError:
        return ["lindblad", error.id, *_pack_paulis(error.generators), error.rates]
    raise EncodingError(
        f"an error of class {kind.__qualname__} cannot travel; convert it to a QuantumError, PauliError or "
        "PauliLindbladError"
    )


def unpack_error(data: list[Any], get_circuit: GetCircuit) -> BaseQuantumError:
    """Turns plain data back into a quantum error.

    Args:
        data: what `pack_error` returned.
        get_circuit: finds the circuits that were added.

    Raises:
        DecodingError: if the data is not of a known error; other errors if its parts do not fit together, which
            the caller turns into a `DecodingError`.
    """
    kind, identity, *rest = data
    error: BaseQuantumError
    if kind == "quantum":
        num_qubits, probabilities, circuits = rest
        # The constructor would drop terms and normalise again, which may change the last bit of a probability.
        error = QuantumError.__new__(QuantumError)
        BaseQuantumError.__init__(error, num_qubits=num_qubits)
        error._circs = [_unpack_circuit(circuit, get_circuit) for circuit in circuits]
        error._probs = list(probabilities)
    elif kind == "pauli":
        error = PauliError(_unpack_paulis(*rest[:4]), rest[4])
    elif kind == "lindblad":
        error = PauliLindbladError(_unpack_paulis(*rest[:4]), rest[4])
    else:
        raise DecodingError("a noise error of an unknown kind arrived; run the same version of aerq on both sides")
    if not isinstance(identity, str):
        raise DecodingError("a noise error arrived without its id")
    error._id = identity
    return error


def pack_readout_error(error: ReadoutError) -> np.ndarray[Any, Any]:
    """Turns a readout error into its matrix of probabilities.

    Args:
        error: the error.

    Raises:
        EncodingError: if it is of a subclass, which would arrive as something else.
    """
    if type(error) is not ReadoutError:
        raise EncodingError(f"a readout error of class {type(error).__qualname__} cannot travel")
    matrix: np.ndarray[Any, Any] = error.probabilities
    return matrix


def unpack_readout_error(matrix: np.ndarray[Any, Any]) -> ReadoutError:
    """Turns a matrix of probabilities back into a readout error.

    Args:
        matrix: what `pack_readout_error` returned.

    Raises:
        DecodingError: if it is not square over the outcomes of some qubits.
    """
    size = int(matrix.shape[0]).bit_length() - 1
    if matrix.shape != (2**size, 2**size):
        raise DecodingError("a readout error arrived whose probabilities are not a matrix over its outcomes")
    # The constructor checks the sums with its default tolerance; this error may have been made with a wider one.
    error = ReadoutError.__new__(ReadoutError)
    error._probabilities = matrix
    error._number_of_qubits = size
    return error


@functools.cache
def _standard_gates() -> Mapping[str, type[Instruction]]:
    """The classes whose name and parameters say everything about an instance, by name."""
    gates = {name: gate.base_class for name, gate in get_standard_gate_name_mapping().items()}
    for name in ("delay", "measure", "global_phase"):
        del gates[name]
    return gates


def _pack_circuit(circuit: QuantumCircuit, add_circuit: AddCircuit) -> Any:
    """A list of instructions, or the number of a circuit that is not so simple."""
    if circuit.num_clbits or circuit.global_phase:
        return add_circuit(circuit)
    qubits = {qubit: index for index, qubit in enumerate(circuit.qubits)}
    rows = []
    for instruction in circuit.data:
        operation = instruction.operation
        if not _is_simple(operation):
            return add_circuit(circuit)
        where = [qubits[qubit] for qubit in instruction.qubits]
        rows.append([operation.name, where, list(operation.params), operation.label])
    return [circuit.num_qubits, rows]


def _is_simple(operation: Instruction) -> bool:
    """Whether an operation is one of those that noise is made of, so that its name, parameters and label say all."""
    kind = getattr(operation, "base_class", type(operation))
    name = operation.name
    if kind is Instruction:
        return name in ("kraus", "superop") and operation.definition is None
    if kind is PauliGate or kind is UnitaryGate:
        return True
    return _standard_gates().get(name) is kind and all(isinstance(value, float | int) for value in operation.params)


def _unpack_circuit(data: Any, get_circuit: GetCircuit) -> QuantumCircuit:
    if isinstance(data, int):
        return get_circuit(data)
    num_qubits, rows = data
    circuit = QuantumCircuit(num_qubits)
    for name, qubits, params, label in rows:
        operation = _operation(name, len(qubits), params, label)
        circuit._append(CircuitInstruction(operation, [circuit.qubits[index] for index in qubits], ()))
    return circuit


def _operation(name: str, num_qubits: int, params: list[Any], label: str | None) -> Instruction:
    if name in ("kraus", "superop"):
        return Instruction(name, num_qubits, 0, params, label=label)
    if name == "pauli":
        return PauliGate(*params) if label is None else _labelled(PauliGate(*params), label)
    if name == "unitary":
        # It was checked where it was made, and a check may fail on what it accepted with a wider tolerance.
        return UnitaryGate(*params, label=label, check_input=False, num_qubits=num_qubits)
    kind = _standard_gates()[name]
    if kind is Reset:
        return Reset() if label is None else _labelled(Reset(), label)
    return kind(*params, label=label)


def _labelled(operation: Instruction, label: str) -> Instruction:
    """An operation whose class takes no label in its constructor, with one."""
    labelled: Instruction = operation.to_mutable()
    labelled.label = label
    return labelled


def _pack_probabilities(probabilities: list[Any]) -> Any:
    """Doubles as one array; a list if they are of mixed types."""
    if all(type(value) is np.float64 for value in probabilities):
        return np.array(probabilities, dtype=np.float64)
    return list(probabilities)


def _pack_paulis(paulis: PauliList) -> list[Any]:
    bits = np.packbits(np.concatenate([paulis.z, paulis.x], axis=1))
    return [len(paulis), paulis.num_qubits, bits.tobytes(), paulis.phase]


def _unpack_paulis(count: int, num_qubits: int, bits: bytes, phase: np.ndarray[Any, Any]) -> PauliList:
    wide = 2 * num_qubits
    flat = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=count * wide).astype(bool)
    table = flat.reshape(count, wide)
    return PauliList.from_symplectic(table[:, :num_qubits], table[:, num_qubits:], phase)
