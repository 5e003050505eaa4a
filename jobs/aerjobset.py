"""`AerJobSet`: the jobs of one `run()`, handled as one (seed page AerJobSet)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, overload

from qiskit.providers import JobStatus
from qiskit.result import Result

from ..tasks.qobj import Qobj
from .aerjob import AerJob, waited
from .arriving import ArrivingJobs
from .awaiting import in_thread, wait_in_slices
from .base import BaseJob
from .celeryquestions import CeleryQuestions
from .deadline import Deadline
from .errors import AlreadySubmittedError, JobError, JobTimeoutError, QobjValidationError
from .executor import CeleryExecutor, default_executor
from .layout import Layout, in_one_job
from .progress import draw_progress
from .setmembers import SetMembers, is_one
from .submission import Submission
from .taskset import CeleryTasks, OtherTasks, TaskSet


class _Whole:
    """Marks `status()` without an argument, because None asks for a list."""

    def __repr__(self) -> str:
        return "the whole set"


_WHOLE = _Whole()


class AerJobSet(BaseJob, SetMembers, CeleryQuestions):
    """A set of `AerJob`s, one for each task.

    Args:
        backend: the backend.
        job_id: the id of the set.
        fn: a callable `(qobj, job_id) -> Result` that the executor runs; see `AerJob`.
        experiments: what to execute, one Qobj a task.
        executor: anything with `submit(fn, *args)`; by default `CeleryExecutor()`.
        submission: what the job's record keeps beside the experiments.
        **metadata: any further values to keep in `metadata`.
    """

    def __init__(
        self,
        backend: Any,
        job_id: str,
        fn: Callable[..., Any],
        experiments: Sequence[Qobj],
        executor: Any = None,
        *,
        submission: Submission | None = None,
        **metadata: Any,
    ) -> None:
        super().__init__(backend, job_id, **metadata)
        parts = in_one_job(list(experiments))
        if not parts:
            raise QobjValidationError(f"job {job_id} has no experiments to run")
        self._begin(fn, parts, executor, submission, Layout.of(parts))

    def _begin(
        self,
        fn: Callable[..., Any],
        experiments: Sequence[Any],
        executor: Any,
        submission: Submission | None,
        layout: Layout,
    ) -> None:
        self._fn = fn
        self._experiments = list(experiments)
        self._executor = executor if executor is not None else default_executor(self._backend)
        self._submission = submission or Submission(as_set=True)
        self._layout = layout
        self._tasks: TaskSet | None = None
        self._jobs: dict[int, AerJob] = {}
        # As a future does, a handle gives the same object each time, also when the store has gone meanwhile.
        self._result: Result | None = None

    def __repr__(self) -> str:
        count = len(self._layout)
        return f"<AerJobSet {self.job_id()}, {count} {'task' if count == 1 else 'tasks'}>"

    @classmethod
    def attached(
        cls, backend: Any, job_id: str, executor: CeleryExecutor, layout: Layout, submission: Submission
    ) -> AerJobSet:
        """The handle of a set that was submitted before, by this or another process."""
        job_set = cls.__new__(cls)
        BaseJob.__init__(job_set, backend, job_id)
        job_set._begin(CeleryExecutor.FUNCTION, (), executor, submission, layout)
        job_set._tasks = executor.tasks(job_set.job_id(), layout)
        return job_set

    # -- submitting -----------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Executes this set of jobs on the executor.

        Raises:
            RuntimeError: if the jobs were already submitted (it is a `JobError` too).
            QobjValidationError: if something cannot run or travel; nothing was sent.
            JobError: if the executor refused one; those before it were cancelled.
        """
        if self._tasks is not None:
            raise AlreadySubmittedError(f"the jobs of {self.job_id()} were already submitted")
        executor = self._executor
        kind = CeleryExecutor.kind_of(self._fn) if self._layout.own else None
        if isinstance(executor, CeleryExecutor) and kind is not None:
            executor.submit_job(self._experiments, self.job_id(), self._submission.on(kind))
            self._tasks = executor.tasks(self.job_id(), self._layout)
            # What was sent can be read from the store again; a handle does not keep circuits alive.
            self._experiments = []
            return
        jobs: list[AerJob] = []
        for index, qobj in enumerate(self._experiments):
            layout = self._layout.task(index)
            job = AerJob(
                self._backend, f"{self.job_id()}.{index}", self._fn, qobj, executor=self._executor, layout=layout
            )
            try:
                job.submit()
            except BaseException:
                for earlier in jobs:
                    earlier.cancel()
                raise
            jobs.append(job)
        self._jobs = dict(enumerate(jobs))
        self._tasks = OtherTasks([job._submitted() for job in jobs])

    def _submitted(self) -> TaskSet:
        if self._tasks is None:
            raise JobError(f"the jobs of {self.job_id()} have not been submitted yet; call submit() first")
        return self._tasks

    def _celery_tasks(self) -> CeleryTasks:
        tasks = self._submitted()
        if not isinstance(tasks, CeleryTasks):
            raise JobError(f"job {self.job_id()} runs on an executor of yours and not on Celery workers")
        return tasks

    def _job(self, index: int) -> AerJob:
        """The handle of one task, always the same one; made when it is first asked for."""
        job = self._jobs.get(index)
        if job is None:
            future = self._celery_tasks().future(index)
            layout = self._layout.task(index)
            job = AerJob.attached(
                self._backend, future.task_id, self._executor, future, layout, self._submission, fn=self._fn
            )
            job = self._jobs.setdefault(index, job)
        return job

    # -- asking ---------------------------------------------------------------------------------------------------

    @overload
    def status(self) -> JobStatus: ...
    @overload
    def status(self, worker: int) -> JobStatus: ...
    @overload
    def status(self, worker: Iterable[int] | None) -> list[JobStatus]: ...

    def status(self, worker: Any = _WHOLE) -> Any:
        """The status of the set, or of jobs in it.

        Args:
            worker: nothing for the one status of the whole set; None for the list of all jobs' statuses; an index
                for the status of one job; several indexes for a list.

        Raises:
            JobError: if the set was not submitted, is no longer known, or has no such job.
            UnavailableError: if the store does not answer; that is never a state.
        """
        tasks = self._submitted()
        if worker is _WHOLE:
            return tasks.status()
        if worker is None:
            return tasks.statuses()
        if is_one(worker):
            return tasks.future(self._index(worker)).job_status()
        wanted = [self._index(index) for index in worker]
        statuses = tasks.statuses()
        return [statuses[index] for index in wanted]

    def statuses(self) -> list[JobStatus]:
        """The status of each job, in one read."""
        return self._submitted().statuses()

    def executor(self) -> Any:
        """The executor of this set."""
        return self._executor

    @property
    def job_tags(self) -> list[str]:
        """The tags that the set was submitted with."""
        return list(self._submission.tags)

    def error_messages(self) -> dict[int, str]:
        """Why jobs failed, by worker index; empty if none did."""
        return self._submitted().error_messages()

    # -- waiting --------------------------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Result:
        """The results of all jobs as one `Result`, in the order of the experiments.

        Args:
            timeout: seconds to wait for the whole set, or None to wait as long as it takes.

        Raises:
            JobTimeoutError: if not all have ended in time; the set runs on.
            JobCancelledError: if a job was cancelled before it ended.
            JobError: if a job failed without a result; the text is the worker's reason.
        """
        if self._result is None:
            self._result = self.worker_results(None, timeout)
        return self._result

    def worker_results(self, worker: int | Iterable[int] | None, timeout: float | None = None) -> Result:
        """The results of some jobs as one `Result`.

        Args:
            worker: one index, several, or None for all.
            timeout: seconds to wait for all of them.

        Raises:
            JobTimeoutError: if not all of them have ended in time; they run on.
            JobCancelledError: if one was cancelled before it ended.
            JobError: if one failed without a result, or there is no such job.
        """
        tasks = self._submitted()
        if worker is None:
            wanted = list(range(len(self._layout)))
        elif isinstance(worker, Iterable) and not is_one(worker):
            wanted = sorted({self._index(index) for index in worker})
        else:
            return self._job(self._index(worker)).result(timeout)
        if not wanted:
            raise JobError(f"worker_results of job {self.job_id()} was asked for no worker")
        deadline = Deadline.after(timeout)
        values = waited(lambda: tasks.values(wanted, deadline), self)
        if values is None:
            raise self._not_in_time(timeout)
        return self._layout.result(values, self.job_id())

    def as_completed(self, timeout: float | None = None) -> ArrivingJobs:
        """The jobs as they end, however they end, for `for` or for `async for`.

        Args:
            timeout: seconds until all must have ended.

        Raises:
            JobTimeoutError: while they are gone through, if not all have ended in time.
        """
        return ArrivingJobs(self._submitted(), len(self._layout), self._job, timeout, self._not_in_time)

    async def aresult(self, timeout: float | None = None) -> Result:
        """The results of all jobs as one `Result`, as `result()` gives it, without blocking the event loop.

        A cancelled await stops waiting; the set itself runs on.

        Args:
            timeout: seconds to wait for the whole set, or None to wait as long as it takes.

        Raises:
            JobTimeoutError: if not all have ended in time; the set runs on.
            JobCancelledError: if a job was cancelled before it ended.
            JobError: if a job failed without a result.
        """
        tasks, wanted, deadline = self._submitted(), range(len(self._layout)), Deadline.after(timeout)
        if not await in_thread(lambda gone: wait_in_slices(partial(tasks.gather, wanted), deadline, gone)):
            raise await in_thread(lambda gone: self._not_in_time(timeout))
        return await in_thread(lambda gone: self.result())

    def progress(self, timeout: float | None = None) -> None:
        """Draws a progress bar until all have ended, on a terminal or in a notebook; elsewhere it only waits.

        Args:
            timeout: seconds until all must have ended.

        Raises:
            JobTimeoutError: if not all have ended in time; the set runs on.
        """
        draw_progress(f"job {self.job_id()}", len(self._layout), self.as_completed(timeout))

    def _wait_for_end(self, deadline: Deadline) -> None:
        self._submitted().wait_for(range(len(self._layout)), deadline)

    def _stored(self) -> CeleryTasks | None:
        tasks = self._submitted()
        return tasks if isinstance(tasks, CeleryTasks) else None

    def _not_in_time(self, timeout: float | None) -> JobTimeoutError:
        tasks, everything = self._submitted(), len(self._layout)
        return JobTimeoutError(
            f"job {self.job_id()} has not ended within {timeout} seconds ({len(tasks.ended(0))} of {everything} tasks "
            f"have); {self._outlook()}"
        )

    def cancel(self) -> None:
        """Cancels all jobs of this set that have not ended; on Celery workers running kernels are killed.

        Raises:
            JobError: if the set was not submitted, or is no longer known.
            UnavailableError: if the store does not answer; nothing was cancelled then.
        """
        self._submitted().cancel()
