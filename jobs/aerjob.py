"""`AerJob`: one task (seed pages AerJob, both signatures)."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from celery.result import AsyncResult
from qiskit.providers import JobStatus
from qiskit.result import Result

from ..tasks.qobj import Qobj, Share
from ..tasks.records.states import TaskState
from .awaiting import in_thread, wait_in_slices
from .base import BaseJob
from .celeryfuture import CeleryFuture
from .deadline import Deadline
from .errors import JobCancelledError, JobError, JobTimeoutError
from .executor import CeleryExecutor
from .futures import future_status, wait_for_future
from .merge import merge_outputs, to_result
from .metrics import job_metrics
from .progress import draw_progress
from .submission import Submission, experiment_circuits, experiment_metadata

T = TypeVar("T")


class AerJob(BaseJob):
    """A job of one task on Qiskit Aer.

    Two signatures, as the seeds have them: `AerJob(backend, job_id, fn, qobj, executor=None)` and
    `AerJob(backend, job_id, fn, qobj, *args)`, where `args` are further arguments for `fn`.

    Args:
        backend: the backend used to run the job.
        job_id: a unique id in the context of the backend.
        fn: a callable `(qobj, job_id, *args) -> Result` that the executor runs; by default
            `aerq.tasks.kernel.run_qobj`, which is what `CeleryExecutor` sends to workers.
        qobj: what to execute.
        *args: further arguments for `fn`; a single one with a `submit` method is taken as the executor.
        executor: anything with `submit(fn, *args)`; by default `CeleryExecutor()`.
        submission: what the job's record keeps beside the experiments.
        metadata_objects: the metadata object of each experiment; by default that of its circuit.
        circuits: for each experiment the place of its circuit in the list given to `run()`.
    """

    def __init__(
        self,
        backend: Any,
        job_id: str,
        fn: Callable[..., Any],
        qobj: Qobj | None,
        *args: Any,
        executor: Any = None,
        submission: Submission | None = None,
        metadata_objects: Sequence[Any] | None = None,
        circuits: Sequence[int] | None = None,
        **metadata: Any,
    ) -> None:
        super().__init__(backend, job_id, **metadata)
        if executor is None and len(args) == 1 and hasattr(args[0], "submit"):
            executor, args = args[0], ()
        self._fn = fn
        self._qobj = qobj
        self._args = args
        self._executor = executor
        self._submission = submission or Submission()
        self._future: Any = None
        # As a future does, a handle gives the same object each time, also when the store has gone meanwhile.
        self._result: Result | None = None
        self._share: Share | None = Share.of(qobj) if isinstance(qobj, Qobj) else None
        if metadata_objects is None and isinstance(qobj, Qobj):
            metadata_objects, circuits = experiment_metadata([qobj]), experiment_circuits([qobj])
        self._metadata_objects, self._circuits = metadata_objects, circuits

    # -- submitting -----------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Submits the job to the executor.

        Raises:
            JobError: if the job was submitted before.
            QobjValidationError: if something in it cannot run or travel; nothing was sent.
        """
        if self._future is not None:
            raise JobError(f"job {self.job_id()} has already been submitted")
        executor = self.executor()
        kind = CeleryExecutor.kind_of(self._fn)
        if isinstance(executor, CeleryExecutor) and kind is not None and isinstance(self._qobj, Qobj):
            submission = replace(self._submission, kind=kind)
            self._future = executor.submit_job([self._qobj], self.job_id(), submission)[0]
            # What was sent can be read from the store again; a handle does not keep circuits alive.
            self._qobj = None
        else:
            self._future = executor.submit(self._fn, self._qobj, self.job_id(), *self._args)

    def _attach(self, future: CeleryFuture, share: Share) -> None:
        """Makes this the handle of a task that was submitted as part of a set, or by another process."""
        self._future, self._share, self._qobj = future, share, None

    def _submitted(self) -> Any:
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
        return future_status(self._submitted())

    def executor(self) -> Any:
        """The executor of this job."""
        if self._executor is None:
            self._executor = CeleryExecutor()
        return self._executor

    def qobj(self) -> Qobj | None:
        """What was submitted: `qobj_id`, `header`, `config` and `experiments`.

        Of a job on Celery workers it is read from the store, as the worker reads it.

        Raises:
            JobError: if it is no longer in the store.
        """
        if self._qobj is not None or not isinstance(self._future, CeleryFuture):
            return self._qobj
        return self._future.executor.qobj(self._future.job_id, self._future.index)

    def async_result(self) -> AsyncResult:
        """Celery's `AsyncResult` of the job's task.

        Raises:
            JobError: if the job does not run on Celery workers.
        """
        return _celery(self._submitted(), self.job_id()).async_result()

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
        future = _celery(self._submitted(), self.job_id())
        return job_metrics(future.executor.records, future.job_id, future.index)

    def error_messages(self) -> dict[int, str]:
        """Why the job failed, under the key 0 as a set of one job has it; empty if it did not."""
        future = self._submitted()
        if not isinstance(future, CeleryFuture):
            failed = self.status() is JobStatus.ERROR
            return {0: str(future.exception() or "an experiment failed")} if failed else {}
        task = future.executor.records.task(future.job_id, future.index)
        if task.state not in (TaskState.FAILED, TaskState.MARKED):
            return {}
        return {0: task.reason or "Aer marked an experiment as failed; result() says which"}

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
            value = self._waited(lambda: future.result(timeout=timeout), timeout)
            self._result = self._to_result(value)
        return self._result

    def _waited(self, get: Callable[[], T], timeout: float | None) -> T:
        """Turns what a future raises for time and cancelling into our errors, which are the future's errors too."""
        try:
            return get()
        except JobError:
            raise
        except concurrent.futures.CancelledError as error:
            raise JobCancelledError(f"job {self.job_id()} was cancelled before it ended") from error
        except TimeoutError as error:
            raise JobTimeoutError(f"job {self.job_id()} has not ended within {timeout} seconds; it runs on") from error

    def _to_result(self, value: Any) -> Result:
        """A `Result` from whatever `fn` gave: Aer's raw output from ours, a `Result` from a user's own."""
        if not isinstance(value, dict) or self._share is None:
            return value
        share = Share(0, self._share.count, 0, self._share.shots, self._share.seed)
        output = merge_outputs(
            [(share, value)],
            job_id=self.job_id(),
            backend_name=value.get("backend_name", ""),
            backend_version=value.get("backend_version", ""),
            metadata=self._metadata_objects or [{}] * share.count,
            circuits=self._circuits,
        )
        return to_result(output)

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
        if not await in_thread(lambda gone: wait_in_slices(lambda end: wait_for_future(future, end), deadline, gone)):
            raise JobTimeoutError(f"job {self.job_id()} has not ended within {timeout} seconds; it runs on")
        return await in_thread(lambda gone: self.result())

    def progress(self, timeout: float | None = None) -> None:
        """Draws a progress bar until the job has ended, on a terminal or in a notebook; elsewhere it only waits.

        Args:
            timeout: seconds until it must have ended.

        Raises:
            JobTimeoutError: if it has not ended in time; the job runs on.
        """
        draw_progress(f"job {self.job_id()}", [self], self._ended(timeout))

    def _ended(self, timeout: float | None) -> Iterator[AerJob]:
        if not wait_for_future(self._submitted(), Deadline.after(timeout)):
            raise JobTimeoutError(f"job {self.job_id()} has not ended within {timeout} seconds; it runs on")
        yield self

    def _wait_for_end(self, seconds: float) -> None:
        wait_for_future(self._submitted(), Deadline.after(seconds))

    def cancel(self) -> bool:
        """Attempts to cancel the job; on Celery workers a running kernel is killed.

        Returns:
            Whether it was cancelled before it ended.

        Raises:
            JobError: if the job was not submitted, or is no longer known.
            UnavailableError: if the store does not answer; nothing was cancelled then.
        """
        return bool(self._submitted().cancel())


def _celery(future: Any, job_id: str) -> CeleryFuture:
    if not isinstance(future, CeleryFuture):
        raise JobError(f"job {job_id} runs on an executor of yours and not on Celery workers")
    return future
