"""Circuits in the form that Aer's C++ takes: `qiskit_aer.backends.aer_compiler.assemble_circuits`, faster.

Aer makes a Python object of each instruction three times, which for a short circuit takes longer than all else that is
done for it in Python. A plain circuit needs none (`aerq.tasks.plain`); any other is left to Aer. The calls that build
the circuit are Aer's, in its order.
"""

from __future__ import annotations

from collections.abc import Iterable

from qiskit.circuit import QuantumCircuit
from qiskit_aer.backends.aer_compiler import assemble_circuit
from qiskit_aer.backends.backend_utils import CircuitHeader
from qiskit_aer.backends.controller_wrappers import AerCircuit

from .plain import NotPlainError, PlainCircuit, plain_of

#: To Aer: no condition.
_NO_REGISTER = -1

#: A circuit for Aer's C++, and for each of Qiskit's instructions the index of the last of Aer's that came of it.
Assembled = tuple[AerCircuit, list[int]]


def assemble(circuits: Iterable[QuantumCircuit | PlainCircuit]) -> tuple[list[AerCircuit], list[list[int]]]:
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


def _assemble(circuit: QuantumCircuit | PlainCircuit) -> Assembled:
    plain = circuit if isinstance(circuit, PlainCircuit) else plain_of(circuit)
    if plain is not None:
        try:
            return _assemble_plain(plain)
        except NotPlainError:
            pass
    built, index_map = assemble_circuit(circuit)
    return built, index_map


def _assemble_plain(circuit: PlainCircuit) -> Assembled:
    built = AerCircuit()
    built.set_header(
        CircuitHeader(
            n_qubits=circuit.num_qubits,
            qreg_sizes=circuit.qregs,
            memory_slots=circuit.num_clbits,
            creg_sizes=circuit.cregs,
            name=circuit.name,
            global_phase=circuit.global_phase,
        )
    )
    built.num_qubits = circuit.num_qubits
    built.num_memory = circuit.num_clbits
    built.global_phase_angle = circuit.global_phase
    gate, unitary, measure = built.gate, built.unitary, built.measure
    index_map = []
    last = -1
    for name, qubits, given, label in circuit.operations:
        if name != "barrier":
            last += 1
            if name == "measure":
                measure(qubits, given, [])
            elif name == "unitary":
                unitary(qubits, given, _NO_REGISTER, None, label or "unitary")
            elif name == "reset":
                built.reset(qubits, _NO_REGISTER)
            else:
                gate(name, qubits, given, [], _NO_REGISTER, None, label or name)
        index_map.append(last)
    return built, index_map
