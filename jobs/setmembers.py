"""The jobs in a set: by index, and by the experiment that they run."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, overload

from qiskit.circuit import QuantumCircuit

from .aerjob import AerJob
from .errors import JobError
from .layout import Layout


class SetMembers(ABC):
    """The part of `AerJobSet` that finds its jobs."""

    _layout: Layout

    @abstractmethod
    def job_id(self) -> str:
        """The id of the set."""

    @abstractmethod
    def _submitted(self) -> Any:
        """The tasks of the set.

        Raises:
            JobError: if it was not submitted.
        """

    @abstractmethod
    def _job(self, index: int) -> AerJob:
        """The handle of one task."""

    def worker(self, experiment: str | QuantumCircuit) -> int | list[int]:
        """The index of the job that runs an experiment.

        Args:
            experiment: the name of the experiment, or its circuit.

        Returns:
            The index; a list of indexes if several jobs run experiments of that name or ranges of its shots.

        Raises:
            JobError: if no experiment has this name.
        """
        self._submitted()
        _, found = self._find(experiment)
        return found[0] if len(found) == 1 else found

    def job(self, experiment: str | QuantumCircuit) -> tuple[AerJob, int]:
        """The job that runs an experiment, and the experiment's index in that job.

        Where several do, because they run experiments of the same name or ranges of its shots, it is the first.

        Raises:
            JobError: if no experiment has this name.
        """
        self._submitted()
        name, found = self._find(experiment)
        return self._job(found[0]), self._layout.names_of(found[0]).index(name)

    def _find(self, experiment: str | QuantumCircuit) -> tuple[str, list[int]]:
        """The name of an experiment and the indexes of the jobs that run it."""
        name = experiment if isinstance(experiment, str) else getattr(experiment, "name", None)
        found = self._layout.workers(name)
        if not found:
            if not isinstance(name, str):
                raise JobError(
                    f"no experiment of job {self.job_id()} is called {experiment!r}: give its name or its circuit, "
                    f"not a value of type {type(experiment).__name__}"
                )
            raise JobError(f"no experiment of job {self.job_id()} is called {name!r}")
        return str(name), found

    @overload
    def worker_job(self, worker: int) -> AerJob: ...
    @overload
    def worker_job(self, worker: Iterable[int] | None = None) -> list[AerJob]: ...

    def worker_job(self, worker: Any = None) -> Any:
        """The jobs with these indexes.

        Args:
            worker: one index for one job; several, or None for all, for a list.

        Raises:
            JobError: if there is no such job.
        """
        self._submitted()
        if worker is None:
            return [self._job(index) for index in range(len(self._layout))]
        if is_one(worker):
            return self._job(self._index(worker))
        return [self._job(self._index(index)) for index in worker]

    def _index(self, worker: Any) -> int:
        try:
            index = -1 if isinstance(worker, bool) else operator.index(worker)
        except TypeError:
            index = -1
        if not 0 <= index < len(self._layout):
            kind = "" if hasattr(worker, "__index__") else f" (of type {type(worker).__name__})"
            raise JobError(
                f"job {self.job_id()} has no worker {worker!r}{kind}: it has {len(self._layout)} jobs, "
                f"from 0 to {len(self._layout) - 1}"
            )
        return index


def is_one(worker: object) -> bool:
    """Whether this is one index, of Python's or of numpy's, and not several; what is neither is one wrong index."""
    if isinstance(worker, str | bytes):  # the name of an experiment, perhaps, and not its letters
        return True
    return (hasattr(worker, "__index__") and not getattr(worker, "shape", ())) or not isinstance(worker, Iterable)
