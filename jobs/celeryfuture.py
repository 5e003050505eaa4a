"""`CeleryFuture`: one task on Celery workers, as a future."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery.result import AsyncResult
from qiskit.providers import JobStatus

from ..tasks.message import task_id
from ..tasks.records.states import TaskRecord, TaskState
from ..tasks.records.store import Completion
from .completions import CompletionLog
from .deadline import Deadline
from .errors import JobCancelledError, JobError, JobTimeoutError, NoSuchJobError
from .outage import through_outages
from .outputs import ResultGoneError
from .status import TASK_STATUS
from .workers import outlook

if TYPE_CHECKING:
    from .executor import CeleryExecutor


class CeleryFuture:
    """One task, as a future: `concurrent.futures.Future`'s methods on a task's record.

    Args:
        executor: the executor that sent it.
        job_id: the job.
        index: the task's number in the job.
        log: the job's completions.
        label: says what to call the task in a sentence.
    """

    def __init__(
        self,
        executor: CeleryExecutor,
        job_id: str,
        index: int,
        log: CompletionLog,
        label: Callable[[], str] | None = None,
    ) -> None:
        self._executor = executor
        self._log = log
        self._label_of = label or (lambda: f"task {index}")
        #: The job.
        self.job_id = job_id
        #: The task's number in the job.
        self.index = index

    def __repr__(self) -> str:
        return f"<CeleryFuture {self.task_id}>"

    @property
    def _label(self) -> str:
        return self._label_of()

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

    # -- asking ---------------------------------------------------------------------------------------------------

    def state(self) -> TaskState:
        """Where the task stands.

        Raises:
            NoSuchJobError: if the job was deleted or has expired.
            UnavailableError: if the store does not answer.
        """
        ended = self._log.get(self.index)
        return self._record().state if ended is None else ended.state

    def _record(self) -> TaskRecord:
        records = self._executor.records
        task = records.task(self.job_id, self.index)
        if task.state is TaskState.QUEUED and records.counts([self.job_id])[0] is None:
            raise NoSuchJobError(f"no such job: {self.job_id}; it was deleted or has expired")
        return task

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

    def error_message(self) -> str | None:
        """Why it failed, or None if it did not."""
        return failure_message(self._record())

    # -- waiting --------------------------------------------------------------------------------------------------

    def wait(self, deadline: Deadline) -> bool:
        """Waits for its end; returns whether that came before the deadline."""
        return self._log.wait(lambda ended: self.index in ended, deadline)

    def result(self, timeout: float | None = None) -> dict[str, Any]:
        """Aer's raw output.

        Raises:
            JobTimeoutError: if it has not ended in time.
            JobCancelledError: if it was cancelled.
            JobError: if it failed; the text is the worker's reason.
            UnavailableError: if the store was away at the deadline, or for two minutes without one.
        """
        deadline = Deadline.after(timeout)
        while True:
            ended = self.ended(deadline)
            if not ended.state.has_result:
                raise through_outages(functools.partial(self.failure, ended), deadline, self.job_id)
            fetch = functools.partial(self._executor.outputs, self.job_id, {self.index: ended})
            try:
                return through_outages(fetch, deadline, self.job_id)[self.index]
            except ResultGoneError:
                take_back = functools.partial(self._log.take_back, {self.index: ended})
                if not through_outages(take_back, deadline, self.job_id):
                    raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What `result` would raise, or None.

        Raises:
            JobTimeoutError: if it has not ended in time.
            JobCancelledError: if it was cancelled.
        """
        ended = self.ended(Deadline.after(timeout))
        if ended.state is TaskState.CANCELLED:
            raise self.failure(ended)
        return None if ended.state.has_result else self.failure(ended)

    def ended(self, deadline: Deadline) -> Completion:
        """How it ended.

        Raises:
            JobTimeoutError: if it has not ended before the deadline.
        """
        self.wait(deadline)
        ended = self._log.get(self.index)
        if ended is None:
            raise JobTimeoutError(
                f"{self._label} of job {self.job_id} has not ended within {deadline.seconds} seconds; {self.outlook()}"
            )
        return ended

    def failure(self, ended: Completion) -> JobError:
        """The error of a task that ended without a result."""
        if ended.state is TaskState.CANCELLED:
            return JobCancelledError(f"{self._label} of job {self.job_id} was cancelled before it ended")
        reason = self._executor.records.task(self.job_id, self.index).reason or "the worker gave no reason"
        return JobError(f"{self._label} of job {self.job_id} failed: {reason}")

    def outlook(self) -> str:
        """What becomes of it if it has not ended: it runs on, or waits for a worker."""
        return outlook(self._executor, self.job_id)

    def add_done_callback(self, fn: Callable[[CeleryFuture], object]) -> None:
        """Calls `fn(future)` at the end, from a thread of its own; it lives until then."""

        def call() -> None:
            self.wait(Deadline.after(None))
            fn(self)

        threading.Thread(target=call, name=f"aerq-{self.task_id}", daemon=True).start()

    def on_end(self, callback: Callable[[], object]) -> bool:
        """Has something called at the end; returns that this future can do that."""
        self.add_done_callback(lambda _: callback())
        return True

    # -- stopping -------------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Cancels it; returns whether it was cancelled before its end, now or earlier."""
        return self._executor.cancel(self.job_id, [self.index]) > 0 or self.cancelled()


def failure_message(task: TaskRecord) -> str | None:
    """Why a task failed, or None if it did not."""
    if task.state not in (TaskState.FAILED, TaskState.MARKED):
        return None
    return task.reason or "Aer marked an experiment as failed; result() says which"
