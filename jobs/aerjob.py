"""`AerJob`: one task (seed pages AerJob, both signatures)."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

from celery.result import AsyncResult
from qiskit.providers import JobStatus
from qiskit.result import Result

from ..tasks.qobj import Qobj
from .awaiting import in_thread, wait_in_slices
from .base import BaseJob
from .celeryfuture import CeleryFuture
from .deadline import Deadline
from .errors import JobCancelledError, JobError, JobTimeoutError
from .executor import CeleryExecutor, default_executor, refuse_arguments
from .futures import JobFuture, TaskResultFuture, job_future
from .layout import Layout, in_one_job
from .logs import job_logs
from .metrics import job_metrics, queue_position
from .progress import draw_progress
from .submission import Submission

T = TypeVar("T")


class AerJob(BaseJob):
    """A job of one task on Qiskit Aer.

    Two signatures, as the seeds have them: `AerJob(backend, job_id, fn, qobj, executor=None)` and
    `AerJob(backend, job_id, fn, qobj, *args)`, where `args` are further arguments for `fn`.

    Args:
        backend: the backend used to run the job.
        job_id: a unique id in the context of the backend.
        fn: a callable `(qobj, job_id, *args) -> Result` that the executor runs. `aerq.tasks.kernel.run_qobj`, or the
            Celery task `aerq.run_experiments`, is what `CeleryExecutor` sends to workers; it also calls Celery tasks of
            yours, with arguments that are JSON.
        qobj: what to execute.
        *args: further arguments for `fn`; a single one that is None or has a `submit` method is the executor.
        executor: anything with `submit(fn, *args)`; by default the backend's, or `CeleryExecutor()`.
        submission: what the job's record keeps beside the experiments.
        layout: which experiments it runs; by default those of `qobj`.
        **metadata: any further values to keep in `metadata`.
    """

    def __init__(
        self,
        backend: Any,
        job_id: str,
        fn: Callable[..., Any],
        qobj: Any,
        *args: Any,
        executor: Any = None,
        submission: Submission | None = None,
        layout: Layout | None = None,
        **metadata: Any,
    ) -> None:
        super().__init__(backend, job_id, **metadata)
        if executor is None and len(args) == 1 and (args[0] is None or hasattr(args[0], "submit")):
            executor, args = args[0], ()
        self._fn = fn
        (self._qobj,) = in_one_job([qobj])
        self._args = args
        self._executor = executor if executor is not None else default_executor(backend)
        self._submission = submission or Submission()
        self._layout = layout or Layout.of([self._qobj])
        self._future: JobFuture | None = None
        # As a future does, a handle gives the same object each time, also when the store has gone meanwhile.
        self._result: Any = None

    @classmethod
    def attached(
        cls,
        backend: Any,
        job_id: str,
        executor: Any,
        future: JobFuture,
        layout: Layout,
        submission: Submission,
        fn: Callable[..., Any] = CeleryExecutor.FUNCTION,
    ) -> Self:
        """The handle of a task that was submitted before, as part of a set or by another process."""
        job = cls(backend, job_id, fn, None, executor=executor, submission=submission, layout=layout)
        job._future = future
        return job

    # -- submitting -----------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Submits the job to the executor.

        Raises:
            JobError: if the job was submitted before.
            QobjValidationError: if something in it cannot run or travel; nothing was sent.
        """
        if self._future is not None:
            raise JobError(f"job {self.job_id()} has already been submitted")
        executor = self._executor
        kind = CeleryExecutor.kind_of(self._fn)
        if not isinstance(executor, CeleryExecutor) or not isinstance(self._qobj, Qobj) or kind is None:
            self._future = job_future(executor.submit(self._fn, self._qobj, self.job_id(), *self._args))
            return
        refuse_arguments(self._args)
        executor.submit_job([self._qobj], self.job_id(), self._submission.on(kind))
        self._future = executor.tasks(self.job_id(), self._layout).future(0)
        # What was sent can be read from the store again; a handle does not keep circuits alive.
        self._qobj = None

    def _submitted(self) -> JobFuture:
        if self._future is None:
            raise JobError(f"job {self.job_id()} has not been submitted yet; call submit() first")
        return self._future

    # -- asking ---------------------------------------------------------------------------------------------------

    def status(self) -> JobStatus:
        """The status of the job.

        Raises:
            JobError: if the job was not submitted, or is no longer known.
            UnavailableError: if the store does not answer; that is never a state.
        """
        return self._submitted().job_status()

    def executor(self) -> Any:
        """The executor of this job."""
        return self._executor

    def qobj(self) -> Any:
        """What was submitted: `qobj_id`, `header`, `config` and `experiments`.

        Of a job on Celery workers it is read from the store, as the worker reads it: the circuits have no metadata, and
        most of them no layout of the transpiler's.

        Raises:
            JobError: if it is no longer in the store.
        """
        if isinstance(self._future, CeleryFuture):
            return self._future.executor.qobj(self._future.job_id, self._future.index)
        return self._qobj

    def async_result(self) -> AsyncResult:
        """Celery's `AsyncResult` of the job's task.

        Raises:
            JobError: if the job does not run on Celery workers.
        """
        future = self._submitted()
        if isinstance(future, TaskResultFuture):
            return future.async_result()
        return self._celery_future().async_result()

    @property
    def job_tags(self) -> list[str]:
        """The tags that the job was submitted with."""
        return list(self._submission.tags)

    def metrics(self) -> dict[str, Any]:
        """What happened to the job and when; None for what is not known or has not happened.

        Returns:
            `submitted`, `queued`, `started` (the last attempt) and `finished` in seconds since the epoch by the
            store's clock; `seconds_queued` and `seconds_kernel`; `worker`, `attempts` and `state`; and `versions`
            of the process that submitted it.

        Raises:
            JobError: if the job was not submitted, is no longer known, or does not run on Celery workers.
            UnavailableError: if the store does not answer.
        """
        future = self._celery_future()
        return job_metrics(future.executor.records, future.job_id, future.index)

    def error_messages(self) -> dict[int, str]:
        """Why the job failed, under the key 0 as a set of one job has it; empty if it did not."""
        message = self._submitted().error_message()
        return {} if message is None else {0: message}

    def logs(self) -> list[str]:
        """What workers did with the job, in lines with their times in UTC: submit, last attempt, worker, end, reason.

        Raises:
            JobError: if the job was not submitted, is no longer known, or does not run on Celery workers.
            UnavailableError: if the store does not answer.
        """
        future = self._celery_future()
        return job_logs(future.executor.records, future.job_id, future.index)

    def queue_position(self) -> int | None:
        """Its place among all tasks that wait for a slot: 1 is next, None if it does not wait.

        Tasks are taken in the order of their submits; those of other queues on the same store are counted as well.

        Raises:
            JobError: if the job was not submitted, is no longer known, or does not run on Celery workers.
            UnavailableError: if the store does not answer.
        """
        future = self._celery_future()
        return queue_position(future.executor.records, future.job_id, future.index)

    def _celery_future(self) -> CeleryFuture:
        future = self._submitted()
        if not isinstance(future, CeleryFuture):
            raise JobError(f"job {self.job_id()} runs on an executor of yours and not on Celery workers")
        return future

    # -- waiting --------------------------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Result:
        """The result; waits for it as a `concurrent.futures.Future` does.

        Args:
            timeout: seconds to wait, or None to wait as long as it takes; 0 or less asks for what is there.

        Raises:
            JobTimeoutError: if there is none in time (a `TimeoutError`); the job runs on.
            JobCancelledError: if the job was cancelled before it ended (a `CancelledError`).
            JobError: if it failed without a result; the text is the worker's reason.
        """
        future = self._submitted()
        if self._result is None:
            deadline = Deadline.after(timeout)
            if not future.wait(deadline):
                raise self._not_in_time(timeout)
            self._result = self._to_result(waited(lambda: future.result(timeout=deadline.left), self))
        return self._result

    def _to_result(self, value: Any) -> Any:
        """A `Result` from Aer's raw output; what a user's own function gave stays as it is."""
        return self._layout.result({0: value}, self.job_id()) if self._layout.own and isinstance(value, dict) else value

    async def aresult(self, timeout: float | None = None) -> Result:
        """The result, as `result()` gives it, without blocking the event loop.

        A cancelled await stops waiting; the job itself runs on.

        Args:
            timeout: seconds to wait, or None to wait as long as it takes.

        Raises:
            JobTimeoutError: if there is none in time; the job runs on.
            JobCancelledError: if the job was cancelled before it ended.
            JobError: if it failed without a result.
        """
        future, deadline = self._submitted(), Deadline.after(timeout)
        if not await in_thread(lambda gone: wait_in_slices(future.wait, deadline, gone)):
            raise await in_thread(lambda gone: self._not_in_time(timeout))
        return await in_thread(lambda gone: self.result())

    def progress(self, timeout: float | None = None) -> None:
        """Draws a progress bar until the job has ended, on a terminal or in a notebook; elsewhere it only waits.

        Args:
            timeout: seconds until it must have ended.

        Raises:
            JobTimeoutError: if it has not ended in time; the job runs on.
        """
        draw_progress(f"job {self.job_id()}", 1, self._ended(timeout))

    def _ended(self, timeout: float | None) -> Iterator[AerJob]:
        if not self._submitted().wait(Deadline.after(timeout)):
            raise self._not_in_time(timeout)
        yield self

    def _wait_for_end(self, deadline: Deadline) -> None:
        self._submitted().wait(deadline)

    def _stored(self) -> CeleryFuture | None:
        future = self._submitted()
        return future if isinstance(future, CeleryFuture) else None

    def _not_in_time(self, timeout: float | None) -> JobTimeoutError:
        return JobTimeoutError(f"job {self.job_id()} has not ended within {timeout} seconds; {self._outlook()}")

    def cancel(self) -> bool:
        """Attempts to cancel the job; on Celery workers a running kernel is killed.

        Returns:
            Whether it was cancelled before it ended.

        Raises:
            JobError: if the job was not submitted, or is no longer known.
            UnavailableError: if the store does not answer; nothing was cancelled then.
        """
        return self._submitted().cancel()


def waited(get: Callable[[], T], job: BaseJob) -> T:
    """Turns what a future that has ended raises if it was cancelled into our error, which is the future's too."""
    try:
        return get()
    except JobError:
        raise
    except concurrent.futures.CancelledError as error:
        raise JobCancelledError(f"job {job.job_id()} was cancelled before it ended") from error
