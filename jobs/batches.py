"""Which circuits may stand together in one batch of Aer's, and in which order.

With Kraus errors and `method="automatic"`, Aer 0.18 prepares the noise model twice: as operators for statevectors and
matrix product states, as superoperators for density matrices. If the superoperators come second, it adds them to
themselves, and the density matrices of the batch are wrong: a fair coin always shows 0. The first circuit of each sort
decides what comes second, so a batch is right if a density matrix comes first, and a circuit alone is always right.

A local run is one batch. Where it is wrong, tasks of a few circuits would give other numbers than it does, so such a
job runs as one task, gives the numbers of a local run, and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from qiskit.circuit import QuantumCircuit

from .binds import circuit_label
from .shots import ShotPlanner

logger = logging.getLogger(__name__)

_WRONG = (
    "Aer 0.18 computes this experiment wrongly, here as in a local run: with Kraus errors and method='automatic' it "
    "gets a density matrix after a circuit that got none; put circuits with few qubits first, run them apart, or "
    "choose the method"
)
_TOGETHER = (
    "ran in one task with all others, because with Kraus errors and method='automatic' Aer's results depend on which "
    "circuits come before; choose the method to split the job"
)
_SUPEROPERATORS = frozenset({"density_matrix", "superop"})
Piece = TypeVar("Piece")


class Batches:
    """The order of the circuits of one job.

    Args:
        circuits: the circuits.
        planner: knows their methods.
    """

    def __init__(self, circuits: Sequence[QuantumCircuit], planner: ShotPlanner) -> None:
        self._circuits = circuits
        self._planner = planner
        self._matters = planner.chooses_methods_for_channels()

    def notes_of_one_task(self) -> list[str]:
        """For each circuit why all must run in one task; an empty list if they need not."""
        if not self._matters or len(self._circuits) < 2 or self._has_superoperators(0):
            return []
        wrong = [index for index in range(1, len(self._circuits)) if self._has_superoperators(index)]
        if wrong:
            logger.warning(
                "%s gets a density matrix and %s before it does not: with Kraus errors Aer 0.18 computes the later "
                "wrongly then, in a local run and so here; put circuits with few qubits first, run them apart, or "
                "choose the method",
                circuit_label(wrong[0], self._circuits[wrong[0]]),
                circuit_label(0, self._circuits[0]),
                extra={"action": "warn_of_wrong_density_matrices"},
            )
        elif all(self._planner.method(index) is not None for index in range(len(self._circuits))):
            return []
        return [_WRONG if index in wrong else _TOGETHER for index in range(len(self._circuits))]

    def right_groups(self, groups: Iterable[list[Piece]], circuit_of: Callable[[Piece], int]) -> Iterator[list[Piece]]:
        """Cuts groups of experiments further, where as a batch of their own they would be computed wrongly.

        Args:
            groups: the groups.
            circuit_of: the index of a piece's circuit.
        """
        for group in groups:
            start = 0
            if self._matters and len(group) > 1 and not self._has_superoperators(circuit_of(group[0])):
                for place, piece in enumerate(group):
                    if self._has_superoperators(circuit_of(piece)):
                        yield group[:place]
                        start = place
                        break
            yield group[start:]

    def _has_superoperators(self, index: int) -> bool:
        # No Kraus error fits a stabilizer state, so all bindings have one method. What fits no method Aer takes for a
        # statevector, and fails.
        return self._planner.method(index) in _SUPEROPERATORS
