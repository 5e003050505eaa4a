"""Chance with a seed: what every generator here draws from. The same seed gives the same draws in every process."""

import math
import random

import numpy as np

#: Angles among which there are those that Aer looks at twice: Clifford ones, and ones very close to them.
ANGLES = (0.0, math.pi, math.pi / 2, -math.pi / 2, math.pi / 4, 1e-9, math.pi / 2 + 1e-12, 7 * math.pi / 2, 1e6)


class Draw:
    """Draws for one case.

    Args:
        seed: the case's seed.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)

    def maybe(self, probability):
        return self.random.random() < probability

    def one(self, *choices):
        return self.random.choice(choices)

    def of(self, choices):
        return self.random.choice(list(choices))

    def some(self, choices, least=0, most=None):
        """Several different ones, in a drawn order."""
        choices = list(choices)
        most = len(choices) if most is None else min(most, len(choices))
        return self.random.sample(choices, self.random.randint(min(least, most), most))

    def between(self, low, high):
        return self.random.randint(low, high)

    def angle(self):
        return self.of(ANGLES) if self.maybe(0.4) else self.random.uniform(-4, 4)

    def probability(self, most=0.3):
        return self.random.uniform(0.01, most)

    def complex_normal(self, *shape):
        return self.numbers.normal(size=shape) + 1j * self.numbers.normal(size=shape)

    def unitary(self, qubits):
        """A Haar-random unitary, by QR."""
        q, r = np.linalg.qr(self.complex_normal(2**qubits, 2**qubits))
        return q * (np.diag(r) / np.abs(np.diag(r)))

    def state(self, qubits):
        vector = self.complex_normal(2**qubits)
        return vector / np.linalg.norm(vector)

    def density(self, qubits):
        matrix = self.complex_normal(2**qubits, 2**qubits)
        matrix = matrix @ matrix.conj().T
        return matrix / np.trace(matrix)

    def kraus(self, qubits, terms=2):
        """Operators of a random channel, by a random isometry."""
        size = 2**qubits
        isometry, _ = np.linalg.qr(self.complex_normal(size * terms, size))
        return [isometry[term * size : (term + 1) * size] for term in range(terms)]

    def pauli(self, qubits):
        return "".join(self.random.choice("IXYZ") for _ in range(qubits))
