"""How much memory an experiment needs, and what no slot can hold.

The numbers are those by which Aer's kernel refuses (`required_memory_mb` of each state in src/simulators), but for
superoperators, of which Aer itself counts too little. Where the memory depends on how entangled a state becomes (matrix
product states, extended stabilizer) nobody can tell before, and nothing is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from qiskit.circuit import QuantumCircuit

from ..tasks.kernel import NO_MEMORY_LIMIT
from ..tasks.plain import count_operations
from .binds import circuit_label
from .errors import QobjValidationError
from .options import RunOptions
from .shots import ShotPlanner

_MEBIBYTE = 1024 * 1024
#: Amplitudes double this many times for each qubit.
_DOUBLINGS = {"statevector": 1, "density_matrix": 2, "unitary": 2, "superop": 4}
_AMPLITUDE_BYTES = {"double": 16, "single": 8}
#: Aer's number for a stabilizer tableau, per pair of qubits.
_TABLEAU_BYTES = 32
#: Up to here the most that a circuit may need is taken for what it needs, without a look at its instructions.
_SMALL_MB = 64
#: No number is larger; it stands for all that are.
LARGEST_MB = 2**50
#: Instructions by which Aer's `automatic` may take a method with more amplitudes than a statevector.
_OPERATORS = {"set_density_matrix": 2, "set_unitary": 2, "save_unitary": 2, "set_superop": 4, "save_superop": 4}


def needed_mb(method: str, qubits: int, precision: str = "double") -> int:
    """MiB that a simulation takes, rounded up, or 0 if nobody can tell.

    Args:
        method: Aer's simulation method.
        qubits: qubits of the state.
        precision: Aer's option of that name.
    """
    if method == "stabilizer":
        return _mebibytes(_TABLEAU_BYTES * qubits * qubits)
    if method not in _DOUBLINGS:
        return 0
    doublings = _DOUBLINGS[method] * qubits
    return _mebibytes(_AMPLITUDE_BYTES[precision] << doublings) if doublings < 100 else LARGEST_MB


def qubits_in(memory_mb: int, method: str | None) -> int | None:
    """The qubits of the largest state that fits, or None if the method's states have no certain size.

    Args:
        memory_mb: MiB that there are.
        method: Aer's simulation method; `automatic` and None stand for a statevector.
    """
    doublings = _DOUBLINGS.get("statevector" if method in (None, "automatic") else str(method))
    amplitudes = memory_mb * _MEBIBYTE / _AMPLITUDE_BYTES["double"]
    return None if doublings is None else int(math.log2(amplitudes)) // doublings


class MemoryPlanner:
    """Estimates the memory of a job's experiments.

    Args:
        circuits: the circuits of the job.
        options: the options of the run.
        planner: knows the method of each circuit.
    """

    def __init__(self, circuits: Sequence[QuantumCircuit], options: RunOptions, planner: ShotPlanner) -> None:
        self._circuits = circuits
        self._options = options
        self._planner = planner
        self._precision = str(options.aer.get("precision", "double"))
        self._noisy = bool(options.noise_model)
        self._known: dict[int, int] = {}

    def needed_mb(self, index: int) -> int:
        """MiB that each experiment of a circuit needs; 0 if that is not certain."""
        circuit = self._circuits[index]
        if id(circuit) not in self._known:
            self._known[id(circuit)] = self._estimate(index)
        return self._known[id(circuit)]

    def refuse_too_large(self, largest_slot_mb: Callable[[bool], int | None]) -> None:
        """Refuses what no slot can hold.

        Args:
            largest_slot_mb: tells MiB of the largest slot, or None while no worker is up to say. It is told whether to
                look anew: before anything is refused, for the worker that would take it may just have started.

        Raises:
            QobjValidationError: if an experiment needs more, and `max_memory_mb` does not say to try it all the same.
        """
        asked = self._options.aer.get("max_memory_mb", 0)
        if asked == NO_MEMORY_LIMIT:
            return
        needs = [self.needed_mb(index) for index in range(len(self._circuits))]
        most = max(needs)
        if asked > 0 and most > asked:
            return  # Aer itself marks it as failed, as it would locally
        largest: int | None = None
        for fresh in (False, True):
            largest = largest_slot_mb(fresh) if most else None
            if largest is None or most <= largest:
                return
        index = needs.index(most)
        raise QobjValidationError(
            f"{circuit_label(index, self._circuits[index])} needs {shown_mb(most)}, the largest slot has "
            f"{shown_mb(largest or 0)}; choose a method that needs less or workers with more memory for each slot, "
            f"or try it all the same with max_memory_mb={NO_MEMORY_LIMIT}, which may end its slot"
        )

    def _estimate(self, index: int) -> int:
        circuit = self._circuits[index]
        most = self._at_most(circuit)
        if most <= _SMALL_MB:
            return most
        expected = self._planner.forecast(index, 0)
        return 0 if expected.method is None else needed_mb(expected.method, expected.num_qubits, self._precision)

    def _at_most(self, circuit: QuantumCircuit) -> int:
        """What the circuit needs with the most costly method that Aer may take, found without a look at each gate."""
        qubits, method = circuit.num_qubits, self._options.method
        if method != "automatic":
            return needed_mb(method, qubits, self._precision)
        doublings = max((_OPERATORS.get(name, 1) for name in count_operations(circuit)), default=1)
        if self._noisy and self._options.shots > 1 << qubits:
            doublings = max(doublings, _DOUBLINGS["density_matrix"])
        return needed_mb("statevector", doublings * qubits, self._precision)


def shown_mb(mebibytes: int) -> str:
    """An amount of memory as people say it."""
    if mebibytes >= LARGEST_MB:
        return "more than any machine has"
    amount = float(mebibytes)
    for unit in ("MiB", "GiB", "TiB", "PiB"):
        if amount < 1024 or unit == "PiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if amount >= 10 or amount == int(amount) else f"{amount:.1f} {unit}"


def _mebibytes(size: int) -> int:
    return min(max(1, -(-size // _MEBIBYTE)), LARGEST_MB)
