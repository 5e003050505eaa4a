"""Which experiments each job of a set runs, and how their outputs become one `Result`."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from qiskit.result import Result

from ..tasks.qobj import Qobj, Share
from ..tasks.records.job import JobRecord
from .errors import JobError
from .merge import merge_outputs, to_result
from .notes import Notes, notes_at, notes_of
from .submission import experiments_of


@dataclass(frozen=True)
class Layout:
    """Which experiments each job runs, without the circuits.

    Attributes:
        shares: for each job the part that it runs.
        names: the name of each experiment's circuit.
        circuits: for each experiment the place of its circuit in the list given to `run()`.
        metadata: the metadata object of each experiment's circuit.
        notes: what the result says of how the job was split.
        own: whether the jobs run Qobjs of ours, so that their raw outputs can be merged.
    """

    shares: tuple[Share, ...]
    names: tuple[str, ...]
    circuits: tuple[int, ...]
    metadata: tuple[Any, ...]
    notes: Notes = field(default_factory=dict)
    own: bool = True

    @classmethod
    def of(cls, experiments: Sequence[Any]) -> Layout:
        """The layout of jobs that are about to be submitted, one entry a job.

        What a user's own function runs need not be a `Qobj`; then its experiments are found by their names, as far as
        it tells them.
        """
        if all(isinstance(qobj, Qobj) for qobj in experiments):
            each = experiments_of(experiments)
            return cls(
                tuple(Share.of(qobj) for qobj in experiments),
                tuple(experiment.circuit.name for experiment in each),
                tuple(experiment.circuit_index for experiment in each),
                tuple(experiment.circuit.metadata for experiment in each),
                notes_of(experiments),
            )
        shares: list[Share] = []
        names: list[str] = []
        for thing in experiments:
            found = _names(thing)
            shares.append(Share(len(names), len(found), 0, 0, 0))
            names += found
        return cls(tuple(shares), tuple(names), tuple(range(len(names))), ({},) * len(names), own=False)

    @classmethod
    def of_record(cls, record: JobRecord, metadata: Iterable[Any]) -> Layout:
        """The layout of a job that was submitted before."""
        shares = tuple(Share.of_message(message) for message in record.messages)
        return cls(shares, record.names, record.circuits, tuple(metadata), record.notes)

    def __len__(self) -> int:
        """How many jobs there are."""
        return len(self.shares)

    def task(self, index: int) -> Layout:
        """The layout of one job alone."""
        share = self.shares[index]
        some = slice(share.first, share.first + share.count)
        notes = notes_at(self.notes, range(share.first, share.first + share.count))
        alone = Share(0, share.count, 0, share.shots, share.seed)
        return Layout((alone,), self.names[some], self.circuits[some], self.metadata[some], notes, self.own)

    def names_of(self, index: int) -> tuple[str, ...]:
        """The names of one job's experiments."""
        share = self.shares[index]
        return self.names[share.first : share.first + share.count]

    def label(self, index: int) -> str:
        """What to call a job in a sentence: its number and the names of its experiments."""
        names = self.names_of(index)
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        return f"task {index} ({shown})"

    def workers(self, name: object) -> list[int]:
        """The jobs that run experiments of that name, or ranges of their shots."""
        return list(self._by_name.get(name, ())) if isinstance(name, str) else []

    @functools.cached_property
    def _by_name(self) -> dict[str, list[int]]:
        """For each name the jobs, found once: a large set is asked for each of its experiments."""
        found: dict[str, list[int]] = {}
        for index in range(len(self)):
            for name in dict.fromkeys(self.names_of(index)):
                found.setdefault(name, []).append(index)
        return found

    def result(self, values: Mapping[int, Any], job_id: str) -> Result:
        """One `Result` of what some jobs gave, in the order of the experiments.

        Args:
            values: by job, Aer's raw output, or what a user's own function returned.
            job_id: the id to write into the result.

        Raises:
            JobError: if a user's own function did not return a `Result`.
        """
        if not self.own or not all(isinstance(value, dict) for value in values.values()):
            return self._joined(values, job_id)
        places: list[int] = []
        for index in values:
            share = self.shares[index]
            places += [p for p in range(share.first, share.first + share.count) if not places or places[-1] < p]
        renumbered = {place: number for number, place in enumerate(places)}
        pairs = []
        for index, output in values.items():
            share = self.shares[index]
            pairs.append((Share(renumbered[share.first], share.count, share.offset, share.shots, share.seed), output))
        first = next(iter(values.values()))
        output = merge_outputs(
            pairs,
            job_id=job_id,
            backend_name=first.get("backend_name", ""),
            backend_version=first.get("backend_version", ""),
            metadata=[self.metadata[place] for place in places],
            circuits=[self.circuits[place] for place in places],
            notes=notes_at(self.notes, places),
        )
        return to_result(output)

    def _joined(self, values: Mapping[int, Any], job_id: str) -> Result:
        """`Result`s of a user's own function, one after the other; raw outputs of Aer's among them are formatted."""
        results: list[Result] = []
        for index, value in values.items():
            if self.own and isinstance(value, dict):
                value = self.task(index).result({0: value}, job_id)
            if not isinstance(value, Result):
                raise JobError(
                    f"{self.label(index)} of job {job_id} gave a {type(value).__name__} and not a Result; "
                    "worker_job() gives the jobs one by one"
                )
            results.append(value)
        joined = copy.copy(results[0])
        joined.job_id = job_id
        joined.results = [experiment for result in results for experiment in result.results]
        joined.success = all(result.success for result in results)
        if not joined.success:
            joined.status = next(result.status for result in results if not result.success)
        return joined


def _names(thing: Any) -> list[str]:
    """The names of the experiments of something that is not a `Qobj` of ours: a circuit, several, or another Qobj."""
    entries = getattr(thing, "experiments", thing)
    if not isinstance(entries, list | tuple):
        entries = [entries]
    return [str(_name(entry) or "") for entry in entries] or [""]


def _name(entry: Any) -> Any:
    for holder in (entry, getattr(entry, "header", None), getattr(entry, "circuit", None)):
        name = getattr(holder, "name", None)
        if name is not None:
            return name
    return None


def in_one_job(experiments: Sequence[Any]) -> list[Any]:
    """Qobjs as the parts of one job: those that are of other jobs, or of several, get places one after the other."""
    if not all(isinstance(qobj, Qobj) for qobj in experiments):
        return list(experiments)
    place, before = 0, None
    for share in sorted((Share.of(qobj) for qobj in experiments), key=lambda share: (share.first, share.offset)):
        goes_on = before is not None and (share.first, share.count, share.offset) == (
            before.first,
            before.count,
            before.offset + before.shots,
        )
        if not goes_on and (share.first, share.offset) != (place, 0):
            return _placed_anew(experiments)
        place += 0 if goes_on else share.count
        before = share
    return list(experiments)


def _placed_anew(qobjs: Sequence[Qobj]) -> list[Qobj]:
    placed, place = [], 0
    for qobj in qobjs:
        placed.append(replace(qobj, header=replace(qobj.header, first_experiment=place, shot_offset=0, notes={})))
        place += len(qobj)
    return placed
