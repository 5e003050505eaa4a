"""Refuses jobs that the kernel of Aer 0.18 fails to load, or that abort its process.

Aer's Python accepts them, so nothing says so before the kernel runs; a worker would lose its process to each of them.
Each rule follows Aer's source where it goes wrong, and each is tested against local Aer.
"""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit_aer.aererror import AerError

from ..tasks.plain import count_operations
from .anatomy import Anatomy
from .binds import circuit_label
from .errors import QobjValidationError
from .noise import circuits_bring_noise
from .options import RunOptions

#: Beginnings of the names of instructions that must be on all qubits.
_WHOLE_STATE = ("save_state", "save_unitary", "save_superop", "save_matrix_product_state", "save_amplitudes", "set_")


def check_widths(circuits: Sequence[QuantumCircuit], options: RunOptions) -> None:
    """Untruncated, every circuit gets the qubits of the widest, and what needs the whole state aborts the kernel."""
    if options.aer.get("enable_truncation", True):
        return
    widest = max(circuit.num_qubits for circuit in circuits)
    for index, circuit in enumerate(circuits):
        whole = [name for name in count_operations(circuit) if name.startswith(_WHOLE_STATE)]
        if whole and circuit.num_qubits < widest:
            raise QobjValidationError(
                f"{circuit_label(index, circuit)} has {whole[0]!r} on {circuit.num_qubits} qubits, but with "
                f"enable_truncation=False Aer gives it the {widest} of the widest circuit: run it apart from that"
            )


def check_control_flow(circuits: Sequence[QuantumCircuit], options: RunOptions) -> None:
    """Refuses control flow that Aer fails to load, and the whole batch with it, or that aborts its kernel."""
    truncation = bool(options.aer.get("enable_truncation", True))
    noise_model = options.noise_model
    for index, circuit in enumerate(circuits):
        if not circuit.has_control_flow_op() and count_operations(circuit).keys().isdisjoint({"jump", "mark", "store"}):
            continue
        # Aer looks at a circuit with parameters as it is before it binds and cuts it.
        for cut in {truncation, truncation and not circuit.num_parameters}:
            anatomy = _anatomy(index, circuit, truncation=cut)
            if anatomy.problem:
                raise QobjValidationError(
                    f"{circuit_label(index, circuit)} has {anatomy.problem}; Aer 0.18 fails to load it"
                )
        noisy = (noise_model is not None and not noise_model.is_ideal()) or circuits_bring_noise(circuits, noise_model)
        if noisy and anatomy.reads_unmeasured:
            raise QobjValidationError(
                f"{circuit_label(index, circuit)} has an expression over classical bits that nothing measures, with "
                "which noise aborts the kernel of Aer 0.18: put measured bits last, or leave the expression out"
            )


def _anatomy(index: int, circuit: QuantumCircuit, *, truncation: bool) -> Anatomy:
    """The anatomy of a circuit, if Aer's compiler takes it."""
    try:
        return Anatomy.of(circuit, truncation=truncation, job_qubits=circuit.num_qubits)
    except AerError as error:
        raise QobjValidationError(
            f"{circuit_label(index, circuit)} cannot be compiled by Aer: {error.message}"
        ) from error


def check_multiplexers(circuits: Sequence[QuantumCircuit], options: RunOptions) -> None:
    """Refuses multiplexers that write beside the memory of Aer's state.

    Truncation gives the qubits that are left new numbers, and forgets those that a multiplexer keeps apart as target
    and controls (`Circuit::set_params` in Aer's src/framework/circuit.hpp changes `qubits`, and not `regs`).
    """
    if not options.aer.get("enable_truncation", True):
        return
    for index, circuit in enumerate(circuits):
        if not circuit.has_control_flow_op() and "multiplexer" not in count_operations(circuit):
            continue
        anatomy = _anatomy(index, circuit, truncation=True)
        places = sorted({qubit for operation in anatomy.operations for qubit in operation.qubits})
        for operation in anatomy.operations:
            if operation.name == "multiplexer" and any(places.index(qubit) != qubit for qubit in operation.qubits):
                raise QobjValidationError(
                    f"{circuit_label(index, circuit)} has a 'multiplexer' behind a qubit on which no result depends, "
                    "with which Aer 0.18 writes beside its memory: run it with enable_truncation=False, or take the "
                    "gates of its definition"
                )


def check_phases(circuits: Sequence[QuantumCircuit], options: RunOptions) -> None:
    """Refuses parameters in a global phase where Aer binds at runtime: it takes the phase for operation -1."""
    if not options.aer.get("runtime_parameter_bind_enable"):
        return
    for index, circuit in enumerate(circuits):
        if isinstance(circuit.global_phase, ParameterExpression) and circuit.global_phase.parameters:
            raise QobjValidationError(
                f"{circuit_label(index, circuit)} has a parameter in its global phase, which Aer cannot bind "
                "with runtime_parameter_bind_enable"
            )
