"""What one task carries: consecutive experiments, or a range of one experiment's shots.

The name is the seeds' (`AerJob.qobj()`); Qiskit's own Qobj went with Qiskit 2. A `Qobj` is plain data: it can be
pickled by a user's own process pool, encoded for the wire, and run by `aerq.tasks.kernel` anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qiskit.circuit import Parameter, QuantumCircuit

from .message import Message
from .plain import PlainCircuit

#: Aer seeds circuit *i* of a batch with `seed + 2113 * i` (src/controllers/aer_controller.hpp).
SEED_STRIDE = 2113


@dataclass(frozen=True)
class QobjConfig:
    """How the experiments of a Qobj are run.

    Attributes:
        shots: shots of every experiment in this Qobj.
        seed_simulator: the seed Aer gets; experiment *i* of the Qobj runs with `seed_simulator + 2113 * i`.
        options: Aer's other run options by name, only those that are not None; never the noise model.
        noise_model: the `NoiseModel`, or None.
        memory_slots: the largest number of classical bits in the whole job. Aer reports it in each experiment's
            metadata, so every task must use the job's number to return what a local run returns.
        n_qubits: the largest number of qubits in the whole job.
    """

    shots: int
    seed_simulator: int
    options: Mapping[str, Any] = field(default_factory=dict)
    noise_model: Any = None
    memory_slots: int = 0
    n_qubits: int = 0


@dataclass(frozen=True)
class QobjExperiment:
    """One circuit of a Qobj, with the bindings that this Qobj runs.

    Attributes:
        circuit: the circuit, with its parameters unbound if `binds` is given. A slot may get it as a plain one.
        binds: values by parameter, all lists of one length, or None for a circuit without bindings. With `binds`,
            each position is one experiment of the job.
        global_phase: the value a parameterised global phase has when the first binding starts. Aer sets the phase of
            a binding only after it has copied the circuit (controller_execute.hpp), so binding *j* runs with the
            phase of binding *j - 1*, and binding 0 with 0; a task in the middle of a sweep has to start from there.
        circuit_index: the circuit's place in the list given to `run()`. Aer shows it in results that failed.
    """

    circuit: QuantumCircuit | PlainCircuit
    binds: Mapping[Parameter, list[float]] | None = None
    global_phase: float = 0.0
    circuit_index: int = 0

    @property
    def quantum_circuit(self) -> QuantumCircuit:
        """The circuit as Qiskit's."""
        return self.circuit.quantum_circuit() if isinstance(self.circuit, PlainCircuit) else self.circuit

    def __len__(self) -> int:
        """How many experiments of the job this is."""
        if not self.binds:
            return 1
        return len(next(iter(self.binds.values())))


@dataclass(frozen=True)
class QobjHeader:
    """Where the Qobj's experiments stand in their job.

    Attributes:
        first_experiment: index in the job of the first experiment.
        shot_offset: index of the first shot, where one experiment's shots are spread over several tasks.
        backend_name: name of the backend that the user ran on.
        backend_version: its version.
        notes: what the result's metadata says of how the job was split: sentences, each with the indexes in the job of
            the experiments that it is about.
        memory_mb: MiB that the largest of the Qobj's experiments is estimated to need; 0 if that is not known.
        seconds: the estimated time of all its experiments on one thread; 0 if that cannot be told.
    """

    first_experiment: int = 0
    shot_offset: int = 0
    backend_name: str = "aer_simulator"
    backend_version: str = ""
    notes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    memory_mb: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Qobj:
    """One task's share of a job.

    Attributes:
        qobj_id: the job's id.
        header: where the experiments stand in the job.
        config: how they are run.
        experiments: the circuits, in order.
    """

    qobj_id: str
    header: QobjHeader
    config: QobjConfig
    experiments: tuple[QobjExperiment, ...]

    def with_quantum_circuits(self) -> Qobj:
        """The same with all circuits as Qiskit's."""
        experiments = tuple(replace(experiment, circuit=experiment.quantum_circuit) for experiment in self.experiments)
        return replace(self, experiments=experiments)

    def __len__(self) -> int:
        """How many experiments of the job this Qobj runs."""
        return sum(len(experiment) for experiment in self.experiments)


@dataclass(frozen=True)
class Share:
    """Which part of a job a task runs, without the circuits: all that is needed to put outputs together again.

    Attributes:
        first: index in the job of the first experiment.
        count: how many experiments.
        offset: index of the first shot.
        shots: shots of each experiment.
        seed: seed of the first experiment at this offset.
    """

    first: int
    count: int
    offset: int
    shots: int
    seed: int

    @classmethod
    def of(cls, qobj: Qobj) -> Share:
        """The part of the job that a Qobj runs."""
        header, config = qobj.header, qobj.config
        return cls(header.first_experiment, len(qobj), header.shot_offset, config.shots, config.seed_simulator)

    @classmethod
    def of_message(cls, message: Message) -> Share:
        """The part of the job that a message names."""
        return cls(message.first, message.count, message.offset, message.shots, message.seed)
