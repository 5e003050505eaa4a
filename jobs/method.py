"""Which simulation method Aer picks, and whether it samples, told before the kernel runs.

`method="automatic"` takes the density matrix for noisy circuits only if there are more shots than amplitudes, so a
task with a part of the shots could pick another method than the whole job. And only where Aer simulates each shot on
its own can shots be split without changing an outcome. Both follow the rules of Aer's kernel
(`automatic_simulation_method` in src/controllers/aer_controller.hpp, `run_circuit` and `check_measure_sampling_opt` in
src/simulators/circuit_executor.hpp); where these do not give a certain answer, the answer is None.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.backends.backend_utils import BASIS_GATES

from .anatomy import Anatomy, Operation
from .noise import NoiseFacts
from .options import RunOptions

#: In this order Aer tries them once neither density matrix nor stabilizer was chosen.
_FALLBACKS = ("statevector", "density_matrix", "matrix_product_state", "unitary", "superop")
#: Aer makes these of conditions and control flow; every method that it may choose has them.
_CLASSICAL = frozenset({"bfunc", "jump", "mark", "measure", "roerror", "qerror_loc"})
#: What the kernel can do besides what Aer's Python tables say.
_NOT_IN_THE_TABLES = {
    "density_matrix": frozenset({"set_statevector"}),
    "matrix_product_state": frozenset({"cu1", "set_statevector"}),
    "superop": frozenset({"ecr", "set_unitary"}),
}
#: What they say, and the kernel cannot.
_NOT_IN_THE_KERNEL = {"unitary": frozenset({"reset"})}
_NO_MEASUREMENT = frozenset({"unitary", "superop"})
#: Above this many qubits Aer does not consider the density matrix.
_DENSITY_MATRIX_QUBITS = 30
#: Aer takes an rz for a Clifford gate if its angle is this close to a multiple of pi/2; between the two we cannot say.
_SURELY_CLIFFORD, _SURELY_NOT = 1e-10, 1e-6
#: Each of these before a measurement makes every shot a simulation of its own.
_STOCHASTIC = frozenset({"reset", "kraus", "superop", "jump", "mark"})


class Sampling(enum.Enum):
    """How the outcomes of the shots come about."""

    ONE_STATE = "one state, from which all shots are drawn"
    EACH_SHOT = "each shot on its own"
    UNKNOWN = "not certain"


@dataclass(frozen=True)
class Forecast:
    """What Aer will do with one experiment.

    Attributes:
        method: the simulation method, or None if that is not certain.
        sampling: how the outcomes come about.
        saves: for each save instruction how it gathers the shots' values.
        labels: the names under which they save them.
        num_qubits: qubits of the state.
    """

    method: str | None
    sampling: Sampling
    saves: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    num_qubits: int = 0


def resolve_method(
    circuit: QuantumCircuit, facts: NoiseFacts, options: RunOptions, job_qubits: int | None = None
) -> str | None:
    """The method with which Aer runs an experiment of the whole job's shots.

    Args:
        circuit: the circuit, with its parameters bound.
        facts: what the job's noise model means.
        options: the options of the run.
        job_qubits: the largest number of qubits in the job; that of the circuit if None.

    Returns:
        The method, or None if it cannot be known for certain.
    """
    return forecast(circuit, facts, options, job_qubits).method


def forecast(
    circuit: QuantumCircuit, facts: NoiseFacts, options: RunOptions, job_qubits: int | None = None
) -> Forecast:
    """What Aer will do with an experiment; arguments as of `resolve_method`."""
    anatomy = Anatomy.of(
        circuit,
        truncation=bool(options.aer.get("enable_truncation", True)),
        job_qubits=circuit.num_qubits if job_qubits is None else job_qubits,
    )
    method = _method(anatomy, facts, options)
    saves = tuple(_gathering(operation, method) for operation in anatomy.operations if operation.saves)
    labels = tuple(operation.label for operation in anatomy.operations if operation.saves)
    return Forecast(method, _sampling(anatomy, facts, method, options.aer), saves, labels, anatomy.num_qubits)


def _gathering(save: Operation, method: str | None) -> str:
    """How Aer gathers what is saved; the state of a density matrix it always averages, whatever was asked for."""
    if save.name == "save_state" and method == "density_matrix":
        return save.subtype.replace("single", "average")
    return save.subtype


def _method(anatomy: Anatomy, facts: NoiseFacts, options: RunOptions) -> str | None:
    if options.method != "automatic":
        return options.method if _supports(options.method, anatomy, facts) else None
    names = anatomy.names | facts.names
    if any(not _known(name) for name in names):
        return None
    if (
        facts.has_quantum_errors
        and anatomy.num_qubits < _DENSITY_MATRIX_QUBITS
        and options.shots > 1 << anatomy.num_qubits
        and anatomy.can_sample
        and _supports("density_matrix", anatomy, facts)
    ):
        return "density_matrix"
    clifford = _supports("stabilizer", anatomy, facts)
    if clifford is None:
        return None
    if clifford:
        return "stabilizer"
    for method in _FALLBACKS:
        if _supports(method, anatomy, facts):
            return method
    return None


def _supports(method: str, anatomy: Anatomy, facts: NoiseFacts) -> bool | None:
    """Whether a method can run the circuit and its noise; None if that hangs on the last digits of an angle."""
    if not (anatomy.names | facts.names) <= _instructions(method):
        return False
    if method in ("stabilizer", "extended_stabilizer"):
        angles = [operation.params[0] for operation in anatomy.operations if operation.name == "rz"]
        if any(isinstance(angle, ParameterExpression) and angle.parameters for angle in angles):
            return None
        distances = [abs(turns - round(turns)) for turns in (float(angle) * 2 / math.pi for angle in angles)]
        if any(distance > _SURELY_NOT for distance in distances):
            return False
        if any(distance > _SURELY_CLIFFORD for distance in distances):
            return None
    return True


def _instructions(method: str) -> frozenset[str]:
    classical = _CLASSICAL - {"measure", "roerror"} if method in _NO_MEASUREMENT else _CLASSICAL
    tables = frozenset(BASIS_GATES[method]) | frozenset(AerSimulator._CUSTOM_INSTR[method])
    nothing: frozenset[str] = frozenset()
    return (classical | tables | _NOT_IN_THE_TABLES.get(method, nothing)) - _NOT_IN_THE_KERNEL.get(method, nothing)


def _known(name: str) -> bool:
    """Whether Aer's own tables tell which methods have an instruction; for `store` they do not tell the truth."""
    return name != "store" and name in _instructions("automatic")


def _sampling(anatomy: Anatomy, facts: NoiseFacts, method: str | None, aer: Mapping[str, Any]) -> Sampling:
    if method is None or not anatomy.operations:
        return Sampling.UNKNOWN
    if aer.get("shot_branching_enable"):
        return Sampling.UNKNOWN  # shots share states until they part
    if method in ("unitary", "superop", "extended_stabilizer"):
        return Sampling.UNKNOWN
    if method == "density_matrix":
        # Errors only add operations, so what cannot be sampled without them cannot with them.
        if not anatomy.can_sample:
            return Sampling.EACH_SHOT
        return Sampling.UNKNOWN if facts.has_quantum_errors else Sampling.ONE_STATE
    if facts.has_quantum_errors and not facts.has_channels:
        return Sampling.EACH_SHOT  # a noisy circuit is drawn for each shot
    if (
        not anatomy.can_sample
        or not anatomy.can_sample_initialize
        or not _STOCHASTIC.isdisjoint(anatomy.names)
        or (facts.has_quantum_errors and any(facts.touches(op.label, op.qubits) for op in anatomy.operations))
    ):
        return Sampling.EACH_SHOT
    if facts.has_quantum_errors or (facts.names and anatomy.has_idle_marks):
        return Sampling.UNKNOWN
    return Sampling.ONE_STATE
