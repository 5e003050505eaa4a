"""From the circuits of one `run()` to its tasks, so that together they give the bits of one local run.

Aer seeds experiment *i* with `seed + 2113 * i` and, where it simulates each shot on its own, shot *s* of it with that
plus *s*. So consecutive experiments, and ranges of shots, run anywhere with the seed of the first. What else a local
run shares between its experiments each task is given: noise, method, the numbers of qubits and of classical bits.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from qiskit.circuit import ParameterExpression, QuantumCircuit

from ..tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from .batches import Batches
from .binds import Binds, plain_binds
from .cost import Estimate, estimate, task_sizes
from .memory import MemoryPlanner
from .noise import job_noise_model
from .options import RunOptions
from .seeds import Seeds, warn_of_shared_shots
from .shots import ShotPlan, ShotPlanner


@dataclass(frozen=True)
class _Piece:
    """What stays together: consecutive bindings of one circuit, mostly one.

    Attributes:
        circuit: index of the circuit.
        start: the first binding; 0 for a circuit without.
        count: how many; 1 for a circuit without.
        first: index in the job of the first experiment.
        plan: how the shots are spread over tasks.
    """

    circuit: int
    start: int
    count: int
    first: int
    plan: ShotPlan


def split_job(
    circuits: Sequence[QuantumCircuit],
    parameter_binds: Any,
    options: RunOptions,
    *,
    job_id: str,
    backend_name: str,
    backend_version: str,
    slots: int | None = None,
    speeds: Mapping[str, float] | None = None,
    largest_slot_mb: Callable[[bool], int | None] | None = None,
    snapshot: bool = True,
) -> list[Qobj]:
    """Splits a job into tasks.

    Args:
        circuits: the circuits, already validated.
        parameter_binds: their parameter bindings, as `run()` takes them.
        options: the options of the run.
        job_id: the job's id.
        backend_name: name of the backend, for the results.
        backend_version: its version.
        slots: how many slots the cluster has, for `max_job_size="auto"`; None if unknown.
        speeds: by Aer's method, how much longer kernels take on the workers than is estimated; None if unknown.
        largest_slot_mb: see `MemoryPlanner.refuse_too_large`; without it nothing is refused for its size.
        snapshot: whether the tasks must hold copies, because they will run while the user may change the circuits.

    Returns:
        The tasks, in the order of experiments and shots.

    Raises:
        QobjValidationError: if the bindings do not fit the circuits, or no slot can hold an experiment.
    """
    binds = plain_binds(circuits, parameter_binds)
    if snapshot:
        copies = {id(circuit): snapshot_of(circuit) for circuit in circuits}
        circuits = [copies[id(circuit)] for circuit in circuits]
        options = replace(options, noise_model=copy.deepcopy(options.noise_model), aer=copy.deepcopy(options.aer))
    job = _Job(circuits, binds, options, speeds or {})
    if largest_slot_mb is not None:
        job.memory.refuse_too_large(largest_slot_mb)
    return [
        Qobj(
            job_id,
            QobjHeader(backend_name=backend_name, backend_version=backend_version, **places),
            config,
            experiments,
        )
        for places, config, experiments in job.tasks(slots)
    ]


class _Job:
    """One job on its way to tasks."""

    def __init__(
        self,
        circuits: Sequence[QuantumCircuit],
        binds: Sequence[Binds],
        options: RunOptions,
        speeds: Mapping[str, float],
    ) -> None:
        self._speeds = speeds
        self._circuits = circuits
        self._binds = binds
        self._options = options
        counts = [len(next(iter(values.values()))) if values else 1 for values in binds]
        alone = sum(counts) == 1
        noise_model = options.noise_model
        if not alone or options.max_shot_size is not None:
            noise_model = job_noise_model(circuits, noise_model)
        self._kernel_options = options.kernel_options()
        #: What the configurations of all tasks have in common.
        self._shared: dict[str, Any] = {
            "noise_model": options.noise_model if alone else noise_model,
            "memory_slots": max(circuit.num_clbits for circuit in circuits),
            "n_qubits": max(circuit.num_qubits for circuit in circuits),
        }
        planner = ShotPlanner(circuits, binds, options, noise_model, self._shared["n_qubits"])
        self._batches = Batches(circuits, planner)
        # With streams of their own the experiments are those of no local run, and each is a batch of its own.
        self._one_task = [] if options.independent_streams else self._batches.notes_of_one_task()
        #: Estimates the experiments' memory.
        self.memory = MemoryPlanner(circuits, options, planner)
        self._seeds = Seeds.of(options, sum(counts))
        self._pieces = list(self._cut(counts, planner))
        self._estimates: dict[int, Estimate] = {}
        warn_of_shared_shots(options, counts, planner)

    def tasks(self, slots: int | None) -> Iterator[tuple[dict[str, Any], QobjConfig, tuple[QobjExperiment, ...]]]:
        """The places in the header, the configuration and the experiments of each task, in order."""
        if self._one_task:
            yield self._whole(self._pieces)
            return
        for is_spread, run in groupby(self._pieces, key=lambda piece: piece.plan.is_spread):
            pieces = list(run)
            if is_spread:
                for piece in pieces:
                    yield from self._ranges(piece)
            else:
                groups = self._groups(pieces, slots)
                for group in self._batches.right_groups(groups, lambda piece: piece.circuit):
                    yield self._whole(group)

    def _cut(self, counts: Sequence[int], planner: ShotPlanner) -> Iterator[_Piece]:
        # With this option Aer simulates the bindings of a circuit together, and its metadata tells of it.
        together = bool(self._options.aer.get("runtime_parameter_bind_enable"))
        first = 0
        for index, count in enumerate(counts):
            size = count if together else 1
            for start in range(0, count, size):
                plan = ShotPlan(note=self._one_task[index]) if self._one_task else planner.plan(index, start, size)
                yield _Piece(index, start, size, first + start, plan)
            first += count

    def _groups(self, pieces: list[_Piece], slots: int | None) -> Iterator[list[_Piece]]:
        """Cuts pieces whose shots stay together into those of each task."""
        size = self._options.max_job_size
        if self._options.independent_streams:
            yield from ([piece] for piece in pieces)
        elif size is None:
            yield pieces
        elif size == "auto":
            seconds = [self._estimate(piece).scaled(self._speeds) * piece.count for piece in pieces]
            place = 0
            for length in task_sizes(seconds, slots):
                yield pieces[place : place + length]
                place += length
        else:
            group: list[_Piece] = []
            filled = 0
            for piece in pieces:
                if group and filled + piece.count > size:
                    yield group
                    group, filled = [], 0
                group.append(piece)
                filled += piece.count
            yield group

    def _estimate(self, piece: _Piece) -> Estimate:
        """What one experiment of a circuit is estimated to take; the same circuit may be there many times."""
        circuit = self._circuits[piece.circuit]
        found = self._estimates.get(id(circuit))
        if found is None:
            found = self._estimates[id(circuit)] = estimate(circuit, self._options)
        return found

    def _told_seconds(self, pieces: list[_Piece], share: float = 1.0) -> float:
        """The estimated time of a task; 0 if nobody can tell.

        As it is estimated, whatever the workers' speeds: they learn from what it took beside that.
        """
        estimates = [(self._estimate(piece), piece.count) for piece in pieces]
        if not all(each.is_sure for each, _ in estimates):
            return 0.0
        return share * sum(each.seconds * count for each, count in estimates)

    def _whole(self, pieces: list[_Piece]) -> tuple[dict[str, Any], QobjConfig, tuple[QobjExperiment, ...]]:
        """A task with all shots of its experiments."""
        notes: dict[str, list[int]] = {}
        for piece in pieces:
            if piece.plan.note:
                notes.setdefault(piece.plan.note, []).extend(range(piece.first, piece.first + piece.count))
        noted = {text: tuple(experiments) for text, experiments in notes.items()}
        places = {
            "first_experiment": pieces[0].first,
            "notes": noted,
            "memory_mb": max(self.memory.needed_mb(piece.circuit) for piece in pieces),
            "seconds": self._told_seconds(pieces),
        }
        seed = self._seeds.at(pieces[0].first)
        config = QobjConfig(self._options.shots, seed, self._kernel_options, **self._shared)
        if len(pieces) == 1:  # of very many tasks the grouping takes as long as all the rest
            return places, config, (self._experiment(pieces),)
        runs = (list(run) for _, run in groupby(pieces, key=lambda piece: piece.circuit))
        return places, config, tuple(self._experiment(run) for run in runs)

    def _ranges(self, piece: _Piece) -> Iterator[tuple[dict[str, Any], QobjConfig, tuple[QobjExperiment, ...]]]:
        """The tasks with the ranges of one experiment's shots."""
        plan = piece.plan
        options = self._kernel_options
        if plan.method != options["method"]:
            # A task must not choose anew: its own shots are fewer.
            options = {**options, "method": plan.method}
        experiments = (self._experiment([piece]),)
        for offset, shots in plan.ranges:
            places = {
                "first_experiment": piece.first,
                "shot_offset": offset,
                "memory_mb": self.memory.needed_mb(piece.circuit),
                "seconds": self._told_seconds([piece], shots / self._options.shots),
            }
            seed = self._seeds.at(piece.first, offset)
            yield places, QobjConfig(shots, seed, options, **self._shared), experiments

    def _experiment(self, pieces: list[_Piece]) -> QobjExperiment:
        """Consecutive pieces of one circuit as one experiment with all their bindings."""
        index, start = pieces[0].circuit, pieces[0].start
        circuit, values = self._circuits[index], self._binds[index]
        if values is None:
            return QobjExperiment(circuit, circuit_index=index)
        stop = pieces[-1].start + pieces[-1].count
        binds = {parameter: numbers[start:stop] for parameter, numbers in values.items()}
        return QobjExperiment(circuit, binds, _phase_before(circuit, values, start), index)


def _phase_before(circuit: QuantumCircuit, binds: Binds, start: int) -> float:
    """The global phase with which Aer starts at a binding: that of the binding before (see `QobjExperiment`)."""
    phase = circuit.global_phase
    if start == 0 or binds is None or not isinstance(phase, ParameterExpression) or not phase.parameters:
        return 0.0
    return float(phase.bind({parameter: binds[parameter][start - 1] for parameter in phase.parameters}))


def snapshot_of(circuit: QuantumCircuit) -> QuantumCircuit:
    """A copy of a circuit that holds the user's own metadata object, which may be of a kind that cannot be copied."""
    bare = copy.copy(circuit)
    bare.metadata = {}
    copied = bare.copy()
    copied.metadata = circuit.metadata
    return copied
