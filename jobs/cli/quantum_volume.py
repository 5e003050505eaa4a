"""The quantum-volume experiment: its circuits, and what their heavy outputs say.

Source: Cross, Bishop, Sheldon, Nation, Gambetta, "Validating quantum computers using randomized model circuits",
Phys. Rev. A 100, 032328 (2019), arXiv:1811.12926.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import quantum_volume
from qiskit.quantum_info import Statevector

#: A device passes a width if its heavy-output probability is above this with the confidence of `SIGMAS`.
THRESHOLD = 2 / 3
#: One-sided, two standard deviations are 97.7 %.
SIGMAS = 2.0


@dataclass(frozen=True)
class WidthResult:
    """What the circuits of one width gave.

    Attributes:
        width: qubits, and layers, of each circuit.
        circuits: how many circuits.
        probability: the mean heavy-output probability.
        interval: its two-sigma confidence interval, lower and upper end.
        passed: whether the lower end is above 2/3.
    """

    width: int
    circuits: int
    probability: float
    interval: tuple[float, float]
    passed: bool


def model_circuits(width: int, count: int, seed: int) -> list[QuantumCircuit]:
    """Square random circuits of one width, without measurements.

    Args:
        width: qubits and layers.
        count: how many.
        seed: circuit *k* is drawn with `seed + k`.
    """
    circuits = []
    for number in range(count):
        circuit = quantum_volume(width, width, seed=seed + number)
        circuit.name = f"qv_{width}_{number}"
        circuits.append(circuit)
    return circuits


def heavy_outputs(circuit: QuantumCircuit) -> set[int]:
    """The outcomes that are more probable than the median, from the ideal state."""
    probabilities = Statevector(circuit).probabilities()
    return {int(outcome) for outcome in np.flatnonzero(probabilities > np.median(probabilities))}


def heavy_fraction(counts: Mapping[str, int], heavy: set[int]) -> float:
    """The share of the shots that gave a heavy output.

    Args:
        counts: shots by bit string.
        heavy: the heavy outcomes.
    """
    shots = sum(counts.values())
    return sum(number for bits, number in counts.items() if int(bits.replace(" ", ""), 2) in heavy) / shots


def evaluate(width: int, fractions: Sequence[float]) -> WidthResult:
    """The heavy-output probability of a width with its confidence interval.

    The spread is that of the circuits, `sqrt(h (1 - h) / n)` for n circuits, which is what the paper uses: it is an
    upper bound, because each circuit has many shots. A probability stays between 0 and 1.
    """
    mean = float(np.mean(fractions))
    spread = SIGMAS * math.sqrt(mean * (1 - mean) / len(fractions))
    low, high = max(0.0, mean - spread), min(1.0, mean + spread)
    return WidthResult(width, len(fractions), mean, (low, high), low > THRESHOLD)
