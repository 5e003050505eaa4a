"""A noisy Monte Carlo in chunks of shots: how often a repetition code fails, for growing numbers of qubits.

Each circuit's shots are cut into tasks of `max_shot_size`, which run side by side; put together again, they are the
counts of one local run with the same seed, bit for bit.

python examples/noisy_monte_carlo.py
AERQ_BROKER_URL=redis://:password@host:6379/0 python examples/noisy_monte_carlo.py --shots 1000000 --chunk 20000
"""

import argparse
import math

from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, pauli_error

from aerq.jobs import AerqSimulator

FLIP = 0.04


def memory(distance: int, rounds: int) -> QuantumCircuit:
    """A repetition code that holds a 0; in each round every qubit may flip and all parities are measured."""
    circuit = QuantumCircuit(2 * distance - 1, name=f"distance {distance}")
    data, checks = range(distance), range(distance, 2 * distance - 1)
    for _ in range(rounds):
        circuit.id(data)  # where the noise is
        for check in checks:
            circuit.cx(check - distance, check)
            circuit.cx(check - distance + 1, check)
            circuit.reset(check)
    circuit.measure_all()
    return circuit


def flips() -> NoiseModel:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(pauli_error([("X", FLIP), ("I", 1 - FLIP)]), ["id"])
    return noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=2000, help="shots of each circuit (2000)")
    parser.add_argument("--chunk", type=int, default=250, help="shots of each task (250)")
    arguments = parser.parse_args()
    distances = (1, 3, 5)
    backend = AerqSimulator(method="statevector", noise_model=flips())
    circuits = [memory(distance, rounds=2) for distance in distances]
    job = backend.run(
        circuits,
        shots=arguments.shots,
        max_shot_size=arguments.chunk,
        seed_simulator=11,
        # Aer's seeds of neighbouring circuits are 2113 shots apart; beyond that each gets a seed of its own
        independent_streams=arguments.shots > 2113,
    )
    job.progress(timeout=300)  # a bar on a terminal
    result = job.result()
    print("distance  qubits  wrong after two rounds (95 % interval)")
    for distance, circuit in zip(distances, circuits, strict=True):
        counts = result.get_counts(circuit)
        # the data qubits are the last of the bit string; most of them decide
        wrong = sum(n for bits, n in counts.items() if 2 * bits[-distance:].count("1") > distance)
        rate = wrong / arguments.shots
        half = 1.96 * math.sqrt(rate * (1 - rate) / arguments.shots)
        print(f"{distance:8}  {circuit.num_qubits:6}  {rate:.4f} ± {half:.4f}")
    metrics = job.metrics()
    where = ", ".join(metrics["workers"])
    print(f"{len(metrics['tasks'])} tasks, {metrics['seconds_kernel']:.2f} s in kernels on {where}")


if __name__ == "__main__":
    main()
