"""`CeleryFuture`: one task on Celery workers, as a future."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery.result import AsyncResult
from qiskit.providers import JobStatus

from ..tasks.message import task_id
from ..tasks.records.states import TaskState
from ..tasks.records.store import Completion
from .completions import CompletionLog
from .deadline import Deadline
from .errors import JobCancelledError, JobError, JobTimeoutError, NoSuchJobError
from .status import TASK_STATUS

if TYPE_CHECKING:
    from .executor import CeleryExecutor


class CeleryFuture:
    """One task, as a future: `concurrent.futures.Future`'s methods on a task's record.

    Args:
        executor: the executor that sent it.
        job_id: the job.
        index: the task's number in the job.
        log: the job's completions.
    """

    def __init__(self, executor: CeleryExecutor, job_id: str, index: int, log: CompletionLog) -> None:
        self._executor = executor
        self._log = log
        #: The job.
        self.job_id = job_id
        #: The task's number in the job.
        self.index = index

    def __repr__(self) -> str:
        return f"<CeleryFuture {self.task_id}>"

    @property
    def executor(self) -> CeleryExecutor:
        """The executor that sent the task."""
        return self._executor

    @property
    def log(self) -> CompletionLog:
        """The job's completions."""
        return self._log

    @property
    def task_id(self) -> str:
        """The Celery task's id."""
        return task_id(self.job_id, self.index)

    def async_result(self) -> AsyncResult:
        """Celery's `AsyncResult` of the task."""
        return AsyncResult(self.task_id, app=self._executor.app)

    def state(self) -> TaskState:
        """Where the task stands.

        Raises:
            NoSuchJobError: if the job was deleted or has expired.
            UnavailableError: if the store does not answer.
        """
        ended = self._log.ended().get(self.index)
        if ended is not None:
            return ended.state
        state = self._executor.records.task(self.job_id, self.index).state
        if state is TaskState.QUEUED and self._executor.records.counts([self.job_id])[0] is None:
            raise NoSuchJobError(f"no such job: {self.job_id}")
        return state

    def job_status(self) -> JobStatus:
        """The task's status in Qiskit's words."""
        return TASK_STATUS[self.state()]

    def running(self) -> bool:
        """Whether a worker runs it."""
        return self.state() is TaskState.RUNNING

    def cancelled(self) -> bool:
        """Whether it was cancelled before it ended."""
        return self.state() is TaskState.CANCELLED

    def done(self) -> bool:
        """Whether it has ended, however."""
        return self.state().final

    def cancel(self) -> bool:
        """Cancels it; returns whether that came before its end."""
        return self._executor.cancel(self.job_id, [self.index]) > 0

    def wait(self, deadline: Deadline) -> bool:
        """Waits for its end; returns whether that came before the deadline."""
        return self._log.wait(lambda ended: self.index in ended, deadline)

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Aer's raw output.

        Raises:
            JobTimeoutError: if it has not ended in time.
            JobCancelledError: if it was cancelled.
            JobError: if it failed; the text is the worker's reason.
        """
        if not self.wait(Deadline.after(timeout)):
            raise JobTimeoutError(f"task {self.index} of job {self.job_id} has not ended within {timeout} seconds")
        ended = self._log.ended()[self.index]
        if not ended.state.has_result:
            raise self.failure(ended)
        return self._executor.outputs(self.job_id, {self.index: ended})[self.index]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What `result` would raise, or None."""
        if not self.wait(Deadline.after(timeout)):
            raise JobTimeoutError(f"task {self.index} of job {self.job_id} has not ended within {timeout} seconds")
        ended = self._log.ended()[self.index]
        if ended.state is TaskState.CANCELLED:
            raise self.failure(ended)
        return None if ended.state.has_result else self.failure(ended)

    def failure(self, ended: Completion) -> JobError:
        """The error of a task that ended without a result."""
        if ended.state is TaskState.CANCELLED:
            return JobCancelledError(f"task {self.index} of job {self.job_id} was cancelled before it ended")
        reason = self._executor.records.task(self.job_id, self.index).reason or "the worker gave no reason"
        return JobError(f"task {self.index} of job {self.job_id} failed: {reason}")
