"""The circuits that all contestants run, and how they are run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qiskit import transpile
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import quantum_volume
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

SEED = 7
#: So many are different; a longer list holds them again and again, so that the memory measured is not theirs.
_DIFFERENT = 1000


@dataclass(frozen=True)
class Workload:
    """What is run, by local Aer in one call of `run()`.

    Attributes:
        name: what it is called in the report.
        circuits: the circuits.
        options: options of `run()`; the noise model among them.
        binds: values of the parameters, or None.
    """

    name: str
    circuits: list[QuantumCircuit]
    options: dict[str, Any] = field(default_factory=dict)
    binds: list[dict[Parameter, list[float]]] | None = None

    def one_by_one(self) -> list[tuple[QuantumCircuit, dict[str, Any]]]:
        """Each experiment alone, with the seed that it has in the whole run."""
        bound = self.circuits
        if self.binds is not None:
            (circuit,), (values,) = self.circuits, self.binds
            count = len(next(iter(values.values())))
            bound = [
                circuit.assign_parameters({key: column[i] for key, column in values.items()}) for i in range(count)
            ]
        seed = self.options["seed_simulator"]
        return [(circuit, {**self.options, "seed_simulator": seed + 2113 * i}) for i, circuit in enumerate(bound)]


def circuits(count: int, qubits: int, first: int = 0) -> list[QuantumCircuit]:
    """Measured quantum-volume circuits, drawn with the seeds from `first` on."""
    found = []
    for seed in range(first, first + min(count, _DIFFERENT)):
        circuit = quantum_volume(qubits, qubits, seed=seed)
        circuit.measure_all()
        found.append(circuit)
    ready = transpile(found, AerSimulator(), num_processes=1)
    return [ready[number % _DIFFERENT] for number in range(count)]


def tiny(count: int, first: int = 0) -> Workload:
    """Circuits that run for about a millisecond."""
    return Workload(f"tiny: {count} x 5 qubits", circuits(count, 5, first), {"shots": 1024, "seed_simulator": SEED})


def medium(count: int) -> Workload:
    """Noisy circuits of which each shot is simulated on its own."""
    options = {"shots": 20, "seed_simulator": SEED, "method": "statevector", "noise_model": noise()}
    return Workload(f"medium: {count} x 12 qubits, noisy", [layers(12, 4, seed) for seed in range(count)], options)


def heavy(count: int) -> Workload:
    """Circuits that run for about a second."""
    return Workload(f"heavy: {count} x 20 qubits", circuits(count, 20), {"shots": 1024, "seed_simulator": SEED})


def sweep(count: int) -> Workload:
    """One circuit with many sets of values."""
    parameters = [Parameter(f"t{number}") for number in range(10)]
    circuit = QuantumCircuit(5)
    for number, parameter in enumerate(parameters):
        circuit.ry(parameter, number % 5)
        circuit.cx(number % 5, (number + 1) % 5)
    circuit.measure_all()
    generator = np.random.default_rng(SEED)
    binds = {parameter: generator.uniform(0, 6, count).tolist() for parameter in parameters}
    options = {"shots": 1024, "seed_simulator": SEED}
    return Workload(f"sweep: 1 circuit x {count} bindings", [circuit], options, [binds])


def split(shots: int) -> Workload:
    """One noisy circuit with many shots, of which each is simulated on its own."""
    options = {"shots": shots, "seed_simulator": SEED, "method": "statevector", "noise_model": noise()}
    return Workload(f"split: 1 circuit x {shots} shots, noisy", [layers(5, 4, SEED)], options)


def statevector(qubits: int) -> QuantumCircuit:
    """A circuit whose result is a large array."""
    circuit = layers(qubits, 1, SEED, measured=False)
    circuit.save_statevector()
    return circuit


def layers(qubits: int, depth: int, seed: int, *, measured: bool = True) -> QuantumCircuit:
    """Layers of rotations and CNOTs."""
    generator = np.random.default_rng(seed)
    circuit = QuantumCircuit(qubits, name=f"layers{seed}")
    for _ in range(depth):
        for qubit in range(qubits):
            circuit.rx(float(generator.uniform(0, 6)), qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    if measured:
        circuit.measure_all()
    return circuit


def noise() -> NoiseModel:
    """Depolarizing errors after each gate."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.001, 1), ["rx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cx"])
    return model
