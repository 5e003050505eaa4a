"""`BaseJob`: what every job of aerq can do (seed page BaseJob), on Qiskit's `JobV1`."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from qiskit.providers import JobStatus, JobV1
from qiskit.providers.jobstatus import JOB_FINAL_STATES
from qiskit.result import Result

from ..config.errors import UnavailableError
from .deadline import Deadline
from .errors import JobTimeoutError
from .outage import answered, through_outages


class Stored(Protocol):
    """What asks the store for a job."""

    def outlook(self) -> str:
        """What becomes of it if it has not ended, as the end of a sentence."""


class BaseJob(JobV1, ABC):  # type: ignore[misc]
    """Handles asynchronous jobs.

    Args:
        backend: the backend that the job runs on.
        job_id: the job's unique id.
        **metadata: any further values to keep in `metadata`.
    """

    version = 1

    def __init__(self, backend: Any, job_id: str, **metadata: Any) -> None:
        super().__init__(backend, str(job_id), **metadata)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job_id()}, 1 task>"

    @abstractmethod
    def submit(self) -> None:
        """Submits the job to the backend for execution."""

    @abstractmethod
    def result(self, timeout: float | None = None) -> Result:
        """Returns the results of the job."""

    @abstractmethod
    def cancel(self) -> Any:
        """Attempts to cancel the job."""

    @abstractmethod
    def status(self) -> JobStatus:
        """Returns the status of the job."""

    def done(self) -> bool:
        """Whether the job has successfully run."""
        return self.status() is JobStatus.DONE

    def running(self) -> bool:
        """Whether the job is actively running."""
        return self.status() is JobStatus.RUNNING

    def cancelled(self) -> bool:
        """Whether the job has been cancelled."""
        return self.status() is JobStatus.CANCELLED

    def in_final_state(self) -> bool:
        """Whether the job is in a final state: `DONE`, `CANCELLED` or `ERROR`."""
        return self.status() in JOB_FINAL_STATES

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,
        callback: Callable[[str, JobStatus, Any], object] | None = None,
    ) -> None:
        """Waits until the job is in a final state such as `DONE` or `ERROR`.

        Args:
            timeout: seconds to wait, or None to wait as long as it takes.
            wait: seconds between two queries; an end that comes in between is noticed at once.
            callback: called after each query that found no final state, with the job's id, its status and the job.

        Raises:
            JobTimeoutError: if the job does not reach a final state before the timeout; the job runs on.
            UnavailableError: if the store is away when the time is up, or for two minutes without a timeout.
        """
        deadline = Deadline.after(timeout)
        ask = partial(self._status_in_time, deadline)
        status = through_outages(ask, deadline, self.job_id())
        while status not in JOB_FINAL_STATES:
            if deadline.passed:
                raise JobTimeoutError(f"job {self.job_id()} has not ended within {timeout} seconds; {self._outlook()}")
            if callback is not None:
                callback(self.job_id(), status, self)
            self._pause(Deadline.after(deadline.remaining(max(0.0, wait))))
            status = through_outages(ask, deadline, self.job_id())

    def _status_in_time(self, deadline: Deadline) -> JobStatus:
        """The status; where the store tells it, it is asked until soon after the deadline."""
        return self.status() if self._stored() is None else answered(self.status, deadline)

    def _outlook(self) -> str:
        """What becomes of the job if it has not ended, as the end of a sentence."""
        stored = self._stored()
        return "it runs on" if stored is None else stored.outlook()

    def _stored(self) -> Stored | None:
        """What asks the store for this job; None for a job that is not there, as on an executor of the user's."""
        return None

    def _pause(self, deadline: Deadline) -> None:
        try:
            self._wait_for_end(deadline)
        except UnavailableError:
            # The query that follows says so, if the store is still away when the caller's time is up.
            threading.Event().wait(deadline.remaining(threading.TIMEOUT_MAX))

    def _wait_for_end(self, deadline: Deadline) -> None:
        """Waits for the job's end or the deadline; jobs that are told of their end come back at once."""
        threading.Event().wait(deadline.remaining(threading.TIMEOUT_MAX))
