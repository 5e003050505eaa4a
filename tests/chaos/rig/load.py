"""The experiments of a row: tiny ones, some of half a second, and noisy ones whose shots are spread over tasks."""

import math
import random
from dataclasses import dataclass

from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error


@dataclass(frozen=True)
class Part:
    """One job, described by numbers, so that another process builds the same.

    Attributes:
        kind: of which circuits: a key of `KINDS`.
        experiments: how many.
        shots: of each experiment.
        seed: the job's seed.
        max_shot_size: shots of one task, or None.
    """

    kind: str
    experiments: int
    shots: int
    seed: int
    max_shot_size: int | None = None

    def circuits(self):
        build = KINDS[self.kind]
        return [
            build(f"{self.kind}-{index}", random.Random(f"{self.seed} {index}")) for index in range(self.experiments)
        ]

    def run_options(self):
        """What Aer is told."""
        options = {"shots": self.shots, "seed_simulator": self.seed}
        if self.kind in NOISY:
            options |= {"noise_model": noise_model(), "method": "statevector"}
        return options

    def options_of_ours(self):
        return {} if self.max_shot_size is None else {"max_shot_size": self.max_shot_size}


def background(seed):
    """The load of every row: more than 200 experiments."""
    return [
        Part("slow", 6, 500, seed),
        Part("tiny", 180, 100, seed),
        Part("noisy", 16, 200, seed, max_shot_size=40),
    ]


def tiny(name, numbers):
    """A few angles; a millisecond."""
    circuit = QuantumCircuit(3, name=name)
    for qubit in range(3):
        circuit.ry(numbers.uniform(0, math.pi), qubit)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    return circuit


def layers(name, numbers, qubits, depth):
    circuit = QuantumCircuit(qubits, name=name)
    for _ in range(depth):
        circuit.h(range(qubits))
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
        circuit.ry(numbers.uniform(0, math.pi), 0)
    circuit.measure_all()
    return circuit


def slow(name, numbers):
    """Half a second with 500 noisy shots."""
    return layers(name, numbers, 10, 10)


def noisy(name, numbers):
    """A few hundredths of a second with 200 noisy shots."""
    return layers(name, numbers, 5, 4)


def long(name, numbers):
    """About six seconds with 500 noisy shots."""
    return layers(name, numbers, 12, 30)


def noise_model():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["h"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
    return model


#: By name; a worker does not hurry with `held` (`watched.FATES`).
KINDS = {"tiny": tiny, "slow": slow, "noisy": noisy, "long": long, "held": tiny}
#: Those whose shots are each simulated with errors of their own.
NOISY = {"slow", "noisy", "long"}


def wide(name):
    """A statevector of 512 MiB."""
    circuit = QuantumCircuit(25, name=name)
    circuit.h(range(25))
    circuit.measure_all()
    return circuit


def fated(fate):
    """A circuit that ends its process in a way that `watched.FATES` knows."""
    return tiny(f"{fate}-0", random.Random(fate))
