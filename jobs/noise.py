"""What a noise model means for the whole job: the facts Aer decides by, and the model that every task must have."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, PauliError, PauliLindbladError

from ..tasks.plain import count_operations
from .errors import QobjValidationError

#: Errors that are no mixture of gates; with them Aer applies channels to the state.
_CHANNELS = frozenset({"kraus", "superop"})


@dataclass(frozen=True)
class NoiseFacts:
    """What Aer's choice of method and sampling depends on.

    Attributes:
        names: names of all instructions in the errors, `roerror` among them if outcomes are misread.
        everywhere: labels of the operations that have an error on all qubits.
        somewhere: labels and qubits of the operations that have an error of their own.
        has_quantum_errors: whether there is any error but misread outcomes.
    """

    names: frozenset[str] = frozenset()
    everywhere: frozenset[str] = frozenset()
    somewhere: frozenset[tuple[str, tuple[int, ...]]] = frozenset()
    has_quantum_errors: bool = False

    @property
    def has_channels(self) -> bool:
        """Whether any error is more than a mixture of gates."""
        return not _CHANNELS.isdisjoint(self.names)

    def touches(self, label: str, qubits: tuple[int, ...]) -> bool:
        """Whether an operation has an error."""
        return label in self.everywhere or (label, qubits) in self.somewhere

    @classmethod
    def of(cls, model: NoiseModel | None) -> NoiseFacts:
        """Reads a noise model; None is no noise."""
        if model is None:
            return cls()
        everywhere = model._default_quantum_errors
        somewhere = model._local_quantum_errors
        names: set[str] = set()
        for error in (*everywhere.values(), *(error for table in somewhere.values() for error in table.values())):
            names.update(_names(error))
        if model._default_readout_error is not None or model._local_readout_errors:
            names.add("roerror")
        return cls(
            frozenset(names),
            frozenset(everywhere),
            frozenset((label, tuple(qubits)) for label, table in somewhere.items() for qubits in table),
            bool(everywhere) or any(somewhere.values()),
        )


def job_noise_model(circuits: Sequence[QuantumCircuit], model: NoiseModel | None) -> NoiseModel | None:
    """The noise model that each task must have so that it simulates as the whole job would.

    Aer moves the quantum errors that stand in circuits, and those that noise passes put at delays, into one noise
    model for all circuits of a run. That they exist at all changes how every circuit of the run is simulated: its
    method, and whether its shots are sampled. So a task needs them even if its own circuits have none; one error of
    each kind is enough for that.

    Args:
        circuits: all circuits of the job.
        model: the run's noise model.

    Returns:
        The same noise model if no circuit has such errors, else a copy with them.
    """
    distinct = list({id(circuit): circuit for circuit in circuits}.values())
    if not circuits_bring_noise(distinct, model):
        return model
    # Aer's compiler copies the metadata, and the user's may hold what cannot be copied.
    bare = [copy.copy(circuit) for circuit in distinct]
    for circuit in bare:
        circuit.metadata = {}
    _, compiled = AerSimulator()._compile(bare, noise_model=model)
    known = {} if model is None else model._default_quantum_errors
    kinds: dict[frozenset[str], tuple[str, Any]] = {}
    for label, error in compiled._default_quantum_errors.items():
        if label not in known:
            kinds.setdefault(frozenset(_names(error)), (label, error))
    merged = NoiseModel() if model is None else copy.deepcopy(model)
    for label, error in kinds.values():
        merged.add_all_qubit_quantum_error(error, label)
    return merged


def check_rates(model: NoiseModel | None) -> None:
    """Refuses errors with negative rates or probabilities, which Aer refuses when it compiles.

    Raises:
        QobjValidationError: if the noise model has one.
    """
    if model is None:
        return
    everywhere = model._default_quantum_errors.items()
    somewhere = ((label, error) for label, table in model._local_quantum_errors.items() for error in table.values())
    for label, error in itertools.chain(everywhere, somewhere):
        # Aer's own look has a tolerance, which fitted models need.
        if isinstance(error, PauliError | PauliLindbladError) and not error.is_cptp():
            kind = "rates" if isinstance(error, PauliLindbladError) else "probabilities"
            raise QobjValidationError(f"the noise model has an error of {label!r} with negative {kind}")


def circuits_bring_noise(circuits: Sequence[QuantumCircuit], model: NoiseModel | None) -> bool:
    """Whether quantum errors stand in a circuit, or noise passes may put them at its delays."""
    passes = model is not None and bool(model._custom_noise_passes)
    return any(_brings_noise(circuit, passes) for circuit in circuits)


def _brings_noise(circuit: QuantumCircuit, passes: bool) -> bool:
    names = count_operations(circuit)
    if "quantum_channel" in names or (passes and "delay" in names):
        return True
    if not circuit.has_control_flow_op():
        return False
    blocks = (block for instruction in circuit.data for block in getattr(instruction.operation, "blocks", ()))
    return any(_brings_noise(block, passes) for block in blocks)


def _names(error: Any) -> Iterable[str]:
    """Names of the instructions in an error, of whatever class."""
    return (instruction["name"] for circuit in error.to_dict()["instructions"] for instruction in circuit)
