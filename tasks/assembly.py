"""Circuits in the form that Aer's C++ takes: `qiskit_aer.backends.aer_compiler.assemble_circuits`, faster.

Aer makes a Python object of each instruction three times, which for a short circuit takes longer than all else that is
done for it in Python. Where an instruction is one of Qiskit's own gates, or a unitary, what Aer needs can be read
without; a circuit with anything else is left to Aer. The calls that build the circuit are Aer's, in its order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit_aer.backends.aer_compiler import assemble_circuit
from qiskit_aer.backends.backend_utils import CircuitHeader
from qiskit_aer.backends.controller_wrappers import AerCircuit

from .wire.kinds import STANDARD_GATES

#: Instructions that need no closer look.
_NAMES = STANDARD_GATES | {"unitary", "measure", "barrier", "reset"}
#: To Aer: no condition.
_NO_REGISTER = -1

#: A circuit for Aer's C++, and for each of Qiskit's instructions the index of the last of Aer's that came of it.
Assembled = tuple[AerCircuit, list[int]]


def assemble(circuits: Iterable[QuantumCircuit]) -> tuple[list[AerCircuit], list[list[int]]]:
    """Aer's `assemble_circuits`, without basis gates.

    Args:
        circuits: circuits without control flow.

    Returns:
        The circuits for Aer's C++, and for each the indexes that bindings need.

    Raises:
        AerError: if Aer does not know an instruction.
    """
    assembled = [_assemble(circuit) for circuit in circuits]
    return [circuit for circuit, _ in assembled], [index_map for _, index_map in assembled]


def _assemble(circuit: QuantumCircuit) -> Assembled:
    plain = circuit.count_ops().keys() <= _NAMES and not circuit.num_identifiers
    found = _assemble_plain(circuit) if plain else None
    return assemble_circuit(circuit) if found is None else found


def _assemble_plain(circuit: QuantumCircuit) -> Assembled | None:
    """A circuit whose instructions have names that need no closer look; None if one is not what its name says."""
    built = _begun(circuit)
    qubit_places = {qubit: place for place, qubit in enumerate(circuit.qubits)}
    clbit_places = {clbit: place for place, clbit in enumerate(circuit.clbits)}
    gate, unitary, measure = built.gate, built.unitary, built.measure
    index_map = []
    last = -1
    for instruction in circuit._data:
        name = instruction.name
        if name == "barrier":
            index_map.append(last)
            continue
        qubits = [qubit_places[qubit] for qubit in instruction.qubits]
        if name == "measure":
            measure(qubits, [clbit_places[clbit] for clbit in instruction.clbits], [])
        elif name == "unitary":
            matrix = instruction.matrix
            if matrix is None:
                return None
            unitary(qubits, matrix, _NO_REGISTER, None, instruction.label or "unitary")
        elif name == "reset":
            built.reset(qubits, _NO_REGISTER)
        elif instruction.is_standard_gate():
            params = [0.0 if _is_open(value) else value for value in instruction.params]
            gate(name, qubits, params, [], _NO_REGISTER, None, instruction.label or name)
        else:
            return None
        last += 1
        index_map.append(last)
    return built, index_map


def _begun(circuit: QuantumCircuit) -> AerCircuit:
    """A circuit for Aer with everything but its instructions."""
    phase = 0.0 if _is_open(circuit.global_phase) else float(circuit.global_phase)
    built = AerCircuit()
    built.set_header(
        CircuitHeader(
            n_qubits=circuit.num_qubits,
            qreg_sizes=[[register.name, register.size] for register in circuit.qregs],
            memory_slots=circuit.num_clbits,
            creg_sizes=[[register.name, register.size] for register in circuit.cregs],
            name=circuit.name,
            global_phase=phase,
        )
    )
    built.num_qubits = circuit.num_qubits
    built.num_memory = circuit.num_clbits
    built.global_phase_angle = phase
    return built


def _is_open(value: Any) -> bool:
    """Whether a value waits for its parameters; Aer puts them in later."""
    return isinstance(value, ParameterExpression) and len(value.parameters) > 0
