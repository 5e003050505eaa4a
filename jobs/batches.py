"""Which circuits may stand together in one batch of Aer's, and in which order.

With Kraus errors and `method="automatic"`, Aer 0.18 prepares the noise model twice: as operators for statevectors and
matrix product states, as superoperators for density matrices. If the superoperators come second, it adds them to
themselves, and the density matrices of the batch are wrong: a fair coin always shows 0. The first circuit of each sort
decides what comes second, so a batch is right if a density matrix comes first, and a circuit alone is always right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from qiskit.circuit import QuantumCircuit

from .binds import circuit_label
from .errors import QobjValidationError
from .shots import ShotPlanner

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

    def refuse_wrong_order(self) -> None:
        """Refuses a job that a local run, where it is one batch, would compute wrongly.

        Tasks of one circuit would give the right numbers, but not those of a local run; so neither are returned.

        Raises:
            QobjValidationError: if a circuit with a density matrix comes after one without.
        """
        if not self._matters:
            return
        for index, circuit in enumerate(self._circuits):
            if self._has_superoperators(index):
                if index == 0:
                    return
                raise QobjValidationError(
                    f"{circuit_label(index, circuit)} gets a density matrix and "
                    f"{circuit_label(0, self._circuits[0])} before it does not, and with Kraus errors Aer computes the "
                    "later wrongly then: put circuits with few qubits first, run them apart, or choose the method"
                )

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
