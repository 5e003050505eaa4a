"""A rough idea of how long an experiment takes, good enough to make tasks of about equal length.

The numbers were measured with qiskit-aer 0.18.2 on one thread of an ordinary x86 core. They are off by a factor of
two or three between machines, and from one of Aer's methods to the other. So workers measure what their kernels take,
and what they found (`aerq.tasks.records.speeds`) corrects the estimate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from qiskit.circuit import QuantumCircuit, Qubit
from qiskit_aer.backends.backend_utils import BASIS_GATES

from ..tasks.bundles import MOST_TASKS
from ..tasks.plain import PLAIN_INSTRUCTIONS, count_operations
from .options import RunOptions

#: A task shorter than this costs more to send than to run.
LEAST_TASK_SECONDS = 0.025
#: What a task costs the one server that is broker and store.
_SERVER_SECONDS = 0.5e-3
#: A message shorter than this costs more to hand out than the end of a job gains by it.
_LEAST_MESSAGE_SECONDS = 0.01
#: Tasks for each slot: of about a second, but so many at least and at most. Fewer cost less on their way; of more, one
#: that takes longer than was estimated is less of a slot's share, and less is lost with a slot that dies.
_TASK_SECONDS, _LEAST_TASKS_PER_SLOT, _MOST_TASKS_PER_SLOT = 1.0, 2, 16
#: Messages for each slot where short tasks share them.
_MESSAGES_PER_SLOT = 4
#: At least so many more of either for each slot while work is left: a slot that got the long ones does not keep the
#: others waiting.
_LEFT_PER_SLOT = 2
#: Slots assumed while nobody knows.
UNKNOWN_SLOTS = 8

#: What is done in Python for an experiment, and for each of its instructions: of a plain circuit, and of any other.
_PREPARE_PLAIN, _PREPARE_PLAIN_GATE = 0.15e-3, 4e-6
_PREPARE, _PREPARE_GATE = 0.5e-3, 20e-6
#: The whole of a gate on an amplitude: of a state that is simulated once, in each shot, and of a density matrix.
_ONCE_AMPLITUDE, _AMPLITUDE, _DENSITY_AMPLITUDE = 1.8e-9, 1.0e-9, 3.2e-9
#: A unitary is fused into matrices that are full, so it counts as so many gates.
_UNITARY = 2.5
#: The fixed part of a gate: on a state that is simulated once, and in each shot of a noisy circuit.
_GATE, _NOISY_GATE = 1.0e-6, 3.0e-6
_DENSITY_GATE, _TENSOR_GATE = 20e-6, 15e-6
#: Drawing one outcome, per qubit; of a stabilizer state per pair of qubits.
_DRAW, _DRAW_STABILIZER = 0.22e-6, 0.07e-6
#: A bond of a matrix product state doubles with each gate across it; more than this is seldom reached.
_WIDEST_BOND_BITS = 6
_TENSOR_ELEMENT = 4e-9
#: Methods whose time follows from nothing that is known before they run.
UNTOLD_METHODS = frozenset({"extended_stabilizer", "tensor_network"})
#: What changes no state, and so stands in nobody's way.
_WAITING = frozenset({"barrier", "delay", "id"})
#: Larger states fit no machine, and their cost no float.
_MOST_QUBITS = 40


@dataclass(frozen=True)
class Estimate:
    """What one experiment is estimated to take.

    Attributes:
        method: the method that Aer is likely to use.
        seconds: time on one thread.
        is_sure: whether that can be told: not of a loop, or of a method whose time follows from nothing that is known.
    """

    method: str
    seconds: float
    is_sure: bool

    def scaled(self, speeds: Mapping[str, float]) -> float:
        """The time in seconds where kernels take longer, by Aer's method, than is estimated here."""
        return self.seconds * speeds.get(self.method, 1.0)


def estimate(circuit: QuantumCircuit, options: RunOptions) -> Estimate:
    """What one experiment is estimated to take.

    Args:
        circuit: its circuit.
        options: the options of the run.
    """
    names = count_operations(circuit)
    gates = sum(names.values())
    qubits = min(circuit.num_qubits, _MOST_QUBITS)
    noisy = options.noise_model is not None and bool(options.noise_model.noise_instructions)
    branches = circuit.has_control_flow_op()
    drawn_again = branches or "reset" in names or _goes_on_behind_measurements(circuit, names.get("measure", 0))
    each_shot = noisy or drawn_again
    runs = max(options.shots, 1) if each_shot else 1
    # Aer chooses density matrices only where one of them serves all shots.
    method = _likely_method(names.keys(), qubits, noisy and not drawn_again, options)

    if method == "density_matrix":
        kernel = (runs if drawn_again else 1) * gates * (_DENSITY_GATE + _DENSITY_AMPLITUDE * 4.0**qubits)
    elif method == "stabilizer":
        kernel = runs * gates * (_GATE + 1e-9 * qubits * qubits)
    elif method == "matrix_product_state":
        bond = 2.0 ** min(qubits / 2, _WIDEST_BOND_BITS)
        kernel = runs * gates * (_TENSOR_GATE + _TENSOR_ELEMENT * bond**3)
    elif method in ("unitary", "superop"):
        kernel = gates * _AMPLITUDE * (4.0 if method == "unitary" else 16.0) ** qubits
    elif each_shot:
        kernel = runs * gates * (_NOISY_GATE + 4 * _AMPLITUDE * 2.0**qubits)
    else:
        full = gates + (_UNITARY - 1) * names.get("unitary", 0)
        kernel = gates * _GATE + full * _ONCE_AMPLITUDE * 2.0**qubits
    if names.keys() <= PLAIN_INSTRUCTIONS:
        prepare = _PREPARE_PLAIN + _PREPARE_PLAIN_GATE * gates
    else:
        prepare = _PREPARE + _PREPARE_GATE * gates
    draw = _DRAW_STABILIZER * qubits * qubits if method == "stabilizer" else _DRAW * qubits
    seconds: float = prepare + kernel + draw * options.shots
    return Estimate(method, seconds, not branches and options.method not in UNTOLD_METHODS)


def task_sizes(seconds: Sequence[float], slots: int | None) -> list[int]:
    """How many consecutive experiments to put into each task, so that all slots are busy to the end.

    The tasks are of about equal length; the last ones get shorter and shorter, as in guided self-scheduling
    (Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987).

    Args:
        seconds: estimated time of each experiment.
        slots: slots of the cluster, or None if unknown.

    Returns:
        The number of experiments in each task.
    """
    slots = slots or UNKNOWN_SLOTS
    total = sum(seconds)
    per_slot = min(max(total / slots / _TASK_SECONDS, _LEAST_TASKS_PER_SLOT), _MOST_TASKS_PER_SLOT)
    least = max(_served(total, slots), LEAST_TASK_SECONDS)
    return _groups(seconds, slots, max(total / slots / per_slot, least), least)


def bundle_sizes(seconds: Sequence[float], slots: int | None, longest: float) -> list[int]:
    """How many consecutive tasks share each message, so that its way costs little beside what it carries.

    Args:
        seconds: estimated time of each task; 0 where it cannot be told, and such a task has a message of its own.
        slots: slots of the cluster, or None if unknown.
        longest: about how many seconds of work one message may carry; 0 for one task each.

    Returns:
        The number of tasks in each message; empty if each has its own.
    """
    slots = slots or UNKNOWN_SLOTS
    total = sum(seconds)
    served = _served(total, slots)
    target = min(longest, max(total / slots / _MESSAGES_PER_SLOT, served))
    least = max(served, _LEAST_MESSAGE_SECONDS)
    sizes: list[int] = []
    for is_known, run in groupby(seconds, key=lambda value: value > 0):
        known = list(run)
        sizes += _groups(known, slots, target, least, MOST_TASKS) if is_known else [1] * len(known)
    return sizes if len(sizes) < len(seconds) else []


def _served(total: float, slots: int) -> float:
    """The time after which a slot may come back for more, so that it need not wait for the server.

    The slots of a large cluster wait for its server if their tasks are shorter than this for each slot. A job that is
    too small for all slots is through soonest where the server's time for its tasks is that of one task.
    """
    return min(slots * _SERVER_SECONDS, math.sqrt(total * _SERVER_SECONDS))


def _groups(seconds: Sequence[float], slots: int, longest: float, least: float, most: float = math.inf) -> list[int]:
    """Cuts a row into consecutive groups of about equal length, the last ones shorter.

    Args:
        seconds: estimated time of each element.
        slots: who takes the groups.
        longest: the time of a group.
        least: a group at the end is not made shorter than this.
        most: how many may be in a group.

    Returns:
        The sizes of the groups, none of them 0.
    """
    sizes: list[int] = []
    size, filled, left = 0, 0.0, sum(seconds)
    target = longest
    least = least if slots > 1 else longest  # there is nobody else to wait for
    for value in seconds:
        # A group ends where it comes closest to its target.
        if size and (filled + value / 2 > target or size >= most):
            sizes.append(size)
            left -= filled
            target = min(longest, max(least, left / (_LEFT_PER_SLOT * slots)))
            size, filled = 0, 0.0
        size += 1
        filled += value
    if size:
        sizes.append(size)
    return sizes


def _goes_on_behind_measurements(circuit: QuantumCircuit, measurements: int) -> bool:
    """Whether something hangs on the outcome of a measurement, so that Aer cannot draw all shots from one state.

    `Anatomy` tells it for certain, and takes ten times as long.

    Args:
        circuit: the circuit.
        measurements: how many measurements it has.
    """
    data = circuit._data
    left, end = measurements, len(data)
    # What comes behind the last measurement or save is cut off by Aer.
    while end and data[end - 1].name != "measure" and not data[end - 1].name.startswith("save_"):
        end -= 1
    place = end
    while left and place:
        place -= 1
        name = data[place].name
        if name == "measure":
            left -= 1
        elif name not in _WAITING:
            break
    if not left:  # all of them stand at the end
        return False
    measured: set[Qubit] = set()
    for instruction in data[:end]:
        name = instruction.name
        if name == "measure":
            measured.update(instruction.qubits)
        elif name.startswith("save_"):
            if measured:
                return True
        elif name not in _WAITING and not measured.isdisjoint(instruction.qubits):
            return True
    return False


def _likely_method(names: Iterable[str], qubits: int, mixed: bool, options: RunOptions) -> str:
    if options.method != "automatic":
        return options.method
    if mixed and qubits < _MOST_QUBITS and options.shots > 1 << qubits:
        return "density_matrix"
    clifford = frozenset(BASIS_GATES["stabilizer"]) | {"measure", "barrier", "reset", "delay"}
    return "stabilizer" if frozenset(names) <= clifford else "statevector"
