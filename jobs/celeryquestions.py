"""What a set can be asked only where it runs on Celery workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from celery.result import GroupResult

from .groupresult import SetResult
from .logs import job_logs
from .metrics import queue_position, set_metrics
from .taskset import CeleryTasks


class CeleryQuestions(ABC):
    """The part of `AerJobSet` that reads more of its record than its states."""

    @abstractmethod
    def job_id(self) -> str:
        """The id of the set."""

    @abstractmethod
    def _celery_tasks(self) -> CeleryTasks:
        """The tasks of the set.

        Raises:
            JobError: if it was not submitted, or runs on an executor of the user's.
        """

    @abstractmethod
    def worker_job(self, worker: Any = None) -> Any:
        """The jobs of the set."""

    def metrics(self) -> dict[str, Any]:
        """What happened to the set and when: totals, and under `tasks` the metrics of each job.

        Returns:
            `submitted`, `queued`, `started` (the first start) and `finished` (the last end, once all have ended) in
            seconds since the epoch by the store's clock; the sums `seconds_queued`, `seconds_kernel` and `attempts`;
            `workers`; `versions` of the process that submitted it; and `tasks`, as `AerJob.metrics()` gives them.

        Raises:
            JobError: if the set was not submitted, is no longer known, or does not run on Celery workers.
            UnavailableError: if the store does not answer.
        """
        return set_metrics(self._celery_tasks().executor.records, self.job_id())

    def logs(self) -> list[str]:
        """What workers did with all jobs of the set, in lines as `AerJob.logs()` gives them, in the order of time.

        Raises:
            JobError: if the set was not submitted, is no longer known, or does not run on Celery workers.
            UnavailableError: if the store does not answer.
        """
        return job_logs(self._celery_tasks().executor.records, self.job_id())

    def queue_position(self) -> int | None:
        """The place of its first job that waits, among all tasks that wait for a slot: 1 is next, None if none waits.

        Tasks are taken in the order of their submits; those of other queues on the same store are counted as well.

        Raises:
            JobError: if the set was not submitted, is no longer known, or does not run on Celery workers.
            UnavailableError: if the store does not answer.
        """
        return queue_position(self._celery_tasks().executor.records, self.job_id())

    def group_result(self) -> GroupResult:
        """Celery's `GroupResult` of the set's tasks.

        Raises:
            JobError: if the set does not run on Celery workers.
        """
        results = [job.async_result() for job in self.worker_job(None)]
        return SetResult(self.job_id(), results, app=results[0].app)
