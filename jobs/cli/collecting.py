"""What a stored job gave: a report on each experiment, also where others failed or were cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...tasks.message import parse_task_id
from ...tasks.records.job import JobRecord
from ...tasks.records.states import TaskRecord, TaskState
from .reports import CircuitReport, RunReport, counts_of

if TYPE_CHECKING:
    from ..aerjob import AerJob
    from ..aerjobset import AerJobSet


@dataclass(frozen=True)
class Collection:
    """The experiments of a handle: those of a whole job, or of one task of it.

    Attributes:
        job: the handle.
        record: the job's record.
        tasks: indexes of the handle's tasks.
    """

    job: AerJob | AerJobSet
    record: JobRecord
    tasks: Sequence[int]

    @classmethod
    def of(cls, job: AerJob | AerJobSet) -> Collection:
        """The experiments of a stored job or task.

        Raises:
            NoSuchJobError: if it was deleted or expired meanwhile.
        """
        from ..errors import NoSuchJobError

        records = job.executor().records
        record = records.record(job.job_id())
        if record is not None:
            return cls(job, record, range(len(record.messages)))
        place = parse_task_id(job.job_id())
        record = None if place is None else records.record(place[0])
        if place is None or record is None:
            raise NoSuchJobError(f"no such job: {job.job_id()}")
        return cls(job, record, [place[1]])

    def report(self, result: Any) -> RunReport:
        """The report on a job with a `Result` for all of its experiments."""
        return self._report(dict(zip(self._experiments(), range(len(result.results)), strict=False)), result, {})

    def partial_report(self) -> RunReport | None:
        """The report on a job of which tasks ended without a result; None if that is not how it stands."""
        found = self.job.executor().records.tasks(self.record.job_id, self.tasks)
        missing = {index: task for index, task in found.items() if not task.state.has_result}
        if not missing or len(found) < len(self.tasks) or not all(task.state.final for task in missing.values()):
            return None
        reasons: dict[int, TaskRecord] = {}
        for index, task in sorted(missing.items()):
            message = self.record.messages[index]
            for experiment in range(message.first, message.first + message.count):
                if reasons.setdefault(experiment, task).state is TaskState.CANCELLED:
                    reasons[experiment] = task  # another part of its shots may have failed, which says more
        fine = [experiment for experiment in self._experiments() if experiment not in reasons]
        # one task has all experiments that it runs, or a part of one, so what is fine is made of whole tasks
        wanted = [index for index in self.tasks if self.record.messages[index].first not in reasons]
        result = self.job.worker_results(wanted) if wanted else None  # of a set: a handle of one task has none here
        return self._report({experiment: place for place, experiment in enumerate(fine)}, result, reasons)

    def _experiments(self) -> dict[int, int]:
        """The shots of each experiment, by its index in the job."""
        shots: dict[int, int] = {}
        for index in self.tasks:
            message = self.record.messages[index]
            for experiment in range(message.first, message.first + message.count):
                shots[experiment] = shots.get(experiment, 0) + message.shots
        return shots

    def _report(self, places: Mapping[int, int], result: Any, reasons: Mapping[int, TaskRecord]) -> RunReport:
        circuits = []
        for experiment, shots in self._experiments().items():
            name = self.record.names[experiment]
            if experiment in places:
                circuits.append(_circuit(name, shots, result, places[experiment]))
            elif (task := reasons.get(experiment)) is None:
                circuits.append(_missing(name, shots, "Aer gave no result for it"))
            elif task.state is TaskState.CANCELLED:
                circuits.append(_missing(name, shots, "cancelled before it ended", "CANCELLED"))
            else:
                circuits.append(_missing(name, shots, task.reason or "the worker gave no reason"))
        metrics = self.job.metrics()
        seconds = max(0.0, (metrics["finished"] or metrics["submitted"]) - metrics["submitted"])
        return RunReport(
            job_id=self.job.job_id(),
            status=next(status for status in ("ERROR", "CANCELLED", "DONE") if status in {c.status for c in circuits}),
            seed=self.record.messages[self.tasks[0]].seed,
            seconds=seconds,
            circuits=circuits,
        )


def _circuit(name: str, shots: int, result: Any, place: int) -> CircuitReport:
    """What one circuit gave."""
    ran = result.results[place]
    header = getattr(ran, "header", None) or {}  # Aer gives none for what failed
    counts, error = counts_of(result, place)
    if error is not None:
        return _missing(name, shots, error)
    method = getattr(ran, "metadata", {}).get("method")  # BasicSimulator tells none
    return CircuitReport(
        name=name,
        file="",
        qubits=int(header["n_qubits"]),
        shots=int(ran.shots),
        seed=int(ran.seed_simulator),
        method=None if method is None else str(method),
        counts=counts,
        status="DONE",
        error=None,
    )


def _missing(name: str, shots: int, error: str, status: str = "ERROR") -> CircuitReport:
    """A circuit without counts."""
    return CircuitReport(
        name=name, file="", qubits=None, shots=shots, seed=None, method=None, counts=None, status=status, error=error
    )
