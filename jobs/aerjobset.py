"""`AerJobSet`: the jobs of one `run()`, handled as one (seed page AerJobSet)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from celery.result import GroupResult
from qiskit.circuit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit.result import Result

from ..tasks.qobj import Qobj, Share
from ..tasks.records.states import TaskState
from ..tasks.records.store import Completion
from .aerjob import AerJob
from .awaiting import in_thread, wait_in_slices
from .base import BaseJob
from .celeryfuture import CeleryFuture
from .completions import CompletionLog
from .deadline import Deadline
from .errors import JobError, JobTimeoutError, NoSuchJobError
from .executor import CeleryExecutor
from .futures import wait_for_future
from .merge import merge_outputs, to_result
from .metrics import set_metrics
from .progress import draw_progress
from .status import TASK_STATUS, status_of_counts, status_of_statuses
from .submission import Submission, experiment_circuits, experiment_metadata, experiment_names


class _Whole:
    """Marks `status()` without an argument, because None asks for a list."""

    def __repr__(self) -> str:
        return "the whole set"


_WHOLE = _Whole()


class AerJobSet(BaseJob):
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
        self._fn = fn
        self._experiments: list[Qobj] | None = list(experiments)
        self._executor = executor
        self._submission = submission or Submission()
        self._jobs: list[AerJob] = []
        self._shares = [Share.of(qobj) for qobj in experiments]
        self._names = experiment_names(experiments)
        self._metadata_objects = experiment_metadata(experiments)
        self._circuits = experiment_circuits(experiments)
        self._log: CompletionLog | None = None
        # As a future does, a handle gives the same object each time, also when the store has gone meanwhile.
        self._result: Result | None = None

    # -- submitting -----------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Executes this set of jobs on the executor.

        Raises:
            RuntimeError: if the jobs were already submitted (it is a `JobError` too).
            QobjValidationError: if something cannot run or travel; nothing was sent.
        """
        if self._jobs or self._experiments is None:
            raise AlreadySubmittedError(f"the jobs of {self.job_id()} were already submitted")
        qobjs, executor = self._experiments, self.executor()
        if isinstance(executor, CeleryExecutor) and self._fn is CeleryExecutor.FUNCTION:
            futures = executor.submit_job(qobjs, self.job_id(), self._submission)
            self._experiments = None
            self._adopt(futures)
            return
        for index, qobj in enumerate(qobjs):
            job = AerJob(self._backend, f"{self.job_id()}.{index}", self._fn, qobj, executor=executor)
            job.submit()
            self._jobs.append(job)

    @classmethod
    def attached(
        cls,
        backend: Any,
        job_id: str,
        executor: CeleryExecutor,
        futures: Sequence[CeleryFuture],
        shares: Sequence[Share],
        names: Sequence[str],
        circuits: Sequence[int],
        metadata_objects: Sequence[Any],
        submission: Submission,
    ) -> AerJobSet:
        """The handle of a set that was submitted before, by this or another process."""
        job_set = cls(backend, job_id, CeleryExecutor.FUNCTION, [], executor, submission=submission)
        job_set._experiments = None
        job_set._shares, job_set._names, job_set._circuits = list(shares), list(names), list(circuits)
        job_set._metadata_objects = list(metadata_objects)
        job_set._adopt(futures)
        return job_set

    def _adopt(self, futures: Sequence[CeleryFuture]) -> None:
        """Makes a handle for each task on Celery workers."""
        self._log = futures[0].log
        for future, share in zip(futures, self._shares, strict=True):
            metadata = self._metadata_objects[share.first : share.first + share.count]
            job = AerJob(
                self._backend,
                future.task_id,
                self._fn,
                None,
                executor=self._executor,
                submission=self._submission,
                metadata_objects=metadata,
                circuits=self._circuits[share.first : share.first + share.count],
            )
            job._attach(future, share)
            self._jobs.append(job)

    def _submitted(self) -> list[AerJob]:
        if not self._jobs:
            raise JobError(f"the jobs of {self.job_id()} have not been submitted yet; call submit() first")
        return self._jobs

    @property
    def _celery(self) -> tuple[CeleryExecutor, CompletionLog] | None:
        """Executor and completions where the set runs on Celery workers."""
        if self._log is None:
            return None
        return self._executor, self._log

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
        jobs = self._submitted()
        if worker is _WHOLE:
            return self._whole_status()
        if worker is None:
            return self.statuses()
        if isinstance(worker, int):
            return jobs[self._index(worker)].status()
        wanted = [self._index(index) for index in worker]
        statuses = self.statuses()
        return [statuses[index] for index in wanted]

    def _whole_status(self) -> JobStatus:
        celery = self._celery
        if celery is None:
            return status_of_statuses(job.status() for job in self._jobs)
        executor, log = celery
        ended = log.ended()
        if len(ended) == len(self._jobs):  # what has ended stays as it ended: no need to ask
            return status_of_statuses(TASK_STATUS[completion.state] for completion in ended.values())
        counts = executor.records.counts([self.job_id()])[0]
        if counts is None:
            raise NoSuchJobError(f"no such job: {self.job_id()}")
        return status_of_counts(counts)

    def statuses(self) -> list[JobStatus]:
        """The status of each job, in one read."""
        jobs = self._submitted()
        celery = self._celery
        if celery is None:
            return [job.status() for job in jobs]
        executor, _ = celery
        tasks = executor.records.tasks(self.job_id())
        if len(tasks) < len(jobs) and executor.records.counts([self.job_id()])[0] is None:
            raise NoSuchJobError(f"no such job: {self.job_id()}")
        return [TASK_STATUS[tasks[i].state] if i in tasks else JobStatus.QUEUED for i in range(len(jobs))]

    def executor(self) -> Any:
        """The executor of this set."""
        if self._executor is None:
            self._executor = CeleryExecutor()
        return self._executor

    @property
    def job_tags(self) -> list[str]:
        """The tags that the set was submitted with."""
        return list(self._submission.tags)

    def error_messages(self) -> dict[int, str]:
        """Why jobs failed, by worker index; empty if none did."""
        jobs = self._submitted()
        celery = self._celery
        if celery is None:
            failed = ((index, job._future) for index, job in enumerate(jobs) if job.status() is JobStatus.ERROR)
            return {index: str(future.exception() or "an experiment failed") for index, future in failed}
        executor, _ = celery
        tasks = executor.records.tasks(self.job_id())
        return {
            index: task.reason or "Aer marked an experiment as failed; result() says which"
            for index, task in sorted(tasks.items())
            if task.state in (TaskState.FAILED, TaskState.MARKED)
        }

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
        self._submitted()
        if self._celery is None:
            raise JobError(f"job {self.job_id()} runs on an executor of yours and not on Celery workers")
        return set_metrics(self._celery[0].records, self.job_id())

    def group_result(self) -> GroupResult:
        """Celery's `GroupResult` of the set's tasks.

        Raises:
            JobError: if the set does not run on Celery workers.
        """
        results = [job.async_result() for job in self._submitted()]
        return GroupResult(self.job_id(), results, app=self._executor.app)

    # -- finding the job of an experiment -------------------------------------------------------------------------

    def worker(self, experiment: str | QuantumCircuit) -> int | list[int]:
        """The index of the job that runs an experiment.

        Args:
            experiment: the name of the experiment, or its circuit.

        Returns:
            The index; a list of indexes if several jobs run experiments of that name or ranges of its shots.

        Raises:
            JobError: if no experiment has this name.
        """
        found = self._workers(experiment)
        return found[0] if len(found) == 1 else found

    def _workers(self, experiment: str | QuantumCircuit) -> list[int]:
        name = experiment if isinstance(experiment, str) else getattr(experiment, "name", None)
        found = [
            index
            for index, share in enumerate(self._shares)
            if name in self._names[share.first : share.first + share.count]
        ]
        if not found:
            raise JobError(f"no experiment of job {self.job_id()} is called {name!r}")
        return found

    def job(self, experiment: str | QuantumCircuit) -> tuple[AerJob, int]:
        """The job that runs an experiment, and the experiment's index in that job.

        Raises:
            JobError: if no experiment has this name.
        """
        jobs = self._submitted()
        name = str(experiment if isinstance(experiment, str) else experiment.name)
        index = self._workers(experiment)[0]
        share = self._shares[index]
        return jobs[index], self._names[share.first : share.first + share.count].index(name)

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
        jobs = self._submitted()
        if worker is None:
            return list(jobs)
        if isinstance(worker, int):
            return jobs[self._index(worker)]
        return [jobs[self._index(index)] for index in worker]

    def _index(self, worker: int) -> int:
        if isinstance(worker, bool) or not isinstance(worker, int) or not 0 <= worker < len(self._jobs):
            raise JobError(
                f"job {self.job_id()} has no worker {worker!r}: it has {len(self._jobs)} jobs, "
                f"from 0 to {len(self._jobs) - 1}"
            )
        return worker

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
        self._submitted()
        if isinstance(worker, int):
            return self._jobs[self._index(worker)].result(timeout)
        wanted = list(range(len(self._jobs))) if worker is None else sorted({self._index(i) for i in worker})
        if not wanted:
            raise JobError(f"worker_results of job {self.job_id()} was asked for no worker")
        deadline = Deadline.after(timeout)
        celery = self._celery
        if celery is None:
            return self._merged({i: self._jobs[i]._waited(self._getter(i, deadline), timeout) for i in wanted})
        executor, log = celery
        if not log.wait(lambda ended: _all_in(wanted, ended), deadline):
            raise self._not_in_time(timeout, len(log.ended()))
        ended_now = log.ended()
        completions: dict[int, Completion] = {index: ended_now[index] for index in wanted}
        for index, completion in completions.items():
            if not completion.state.has_result:
                raise self._jobs[index]._future.failure(completion)
        return self._merged(executor.outputs(self.job_id(), completions))

    def _getter(self, index: int, deadline: Deadline) -> Callable[[], Any]:
        future = self._jobs[index]._future
        return lambda: future.result(timeout=None if deadline.at is None else deadline.remaining(float("inf")))

    def _merged(self, values: Mapping[int, Any]) -> Result:
        """One `Result` from the raw outputs of some jobs, or from the `Result`s of a user's own function."""
        if not all(isinstance(value, dict) for value in values.values()):
            return _joined([self._jobs[index]._to_result(value) for index, value in values.items()])
        places: list[int] = []
        for index in values:
            share = self._shares[index]
            places += [p for p in range(share.first, share.first + share.count) if not places or places[-1] < p]
        renumbered = {place: number for number, place in enumerate(places)}
        pairs = []
        for index, output in values.items():
            share = self._shares[index]
            offset = share.offset if share.offset else 0
            pairs.append((Share(renumbered[share.first], share.count, offset, share.shots, share.seed), output))
        first = next(iter(values.values()))
        output = merge_outputs(
            pairs,
            job_id=self.job_id(),
            backend_name=first.get("backend_name", ""),
            backend_version=first.get("backend_version", ""),
            metadata=[self._metadata_objects[place] for place in places],
            circuits=[self._circuits[place] for place in places],
        )
        return to_result(output)

    def as_completed(self, timeout: float | None = None) -> Iterator[AerJob]:
        """Yields the jobs as they end, however they end.

        Args:
            timeout: seconds until all must have ended.

        Raises:
            JobTimeoutError: if not all have ended in time.
        """
        jobs = self._submitted()
        deadline = Deadline.after(timeout)
        seen: set[int] = set()
        while len(seen) < len(jobs):
            fresh = self._next_ended(seen, deadline)
            if not fresh:
                raise self._not_in_time(timeout, len(seen))
            for index in fresh:
                seen.add(index)
                yield jobs[index]

    async def as_completed_async(self, timeout: float | None = None) -> AsyncIterator[AerJob]:
        """Yields the jobs as they end, however they end, without blocking the event loop.

        Args:
            timeout: seconds until all must have ended.

        Raises:
            JobTimeoutError: if not all have ended in time.
        """
        jobs = self._submitted()
        deadline = Deadline.after(timeout)
        seen: set[int] = set()
        while len(seen) < len(jobs):
            fresh = await in_thread(
                lambda gone: wait_in_slices(lambda end: self._next_ended(set(seen), end), deadline, gone)
            )
            if not fresh:
                raise self._not_in_time(timeout, len(seen))
            for index in fresh:
                seen.add(index)
                yield jobs[index]

    def _next_ended(self, seen: set[int], deadline: Deadline) -> list[int]:
        """Waits until a job has ended that was not seen yet; none if the time was up before."""
        celery = self._celery
        if celery is not None:
            celery[1].wait(lambda ended: len(ended) > len(seen), deadline)
            return [index for index in celery[1].ended() if index not in seen]
        unseen = [index for index in range(len(self._jobs)) if index not in seen]
        ended = next((index for index in unseen if self._jobs[index].in_final_state()), None)
        if ended is not None:
            return [ended]
        return unseen[:1] if wait_for_future(self._jobs[unseen[0]]._future, deadline) else []

    def _not_in_time(self, timeout: float | None, ended: int) -> JobTimeoutError:
        return JobTimeoutError(
            f"job {self.job_id()} has not ended within {timeout} seconds ({ended} of {len(self._jobs)} tasks have); "
            "it runs on"
        )

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
        async for _ in self.as_completed_async(timeout):
            pass
        return await in_thread(lambda gone: self.result())

    def progress(self, timeout: float | None = None) -> None:
        """Draws a progress bar until all have ended, on a terminal or in a notebook; elsewhere it only waits.

        Args:
            timeout: seconds until all must have ended.

        Raises:
            JobTimeoutError: if not all have ended in time; the set runs on.
        """
        draw_progress(f"job {self.job_id()}", self._submitted(), self.as_completed(timeout))

    def _wait_for_end(self, seconds: float) -> None:
        deadline = Deadline.after(seconds)
        celery = self._celery
        if celery is not None:
            celery[1].wait(lambda ended: len(ended) == len(self._jobs), deadline)
            return
        for job in self._jobs:
            wait_for_future(job._future, deadline)

    def cancel(self) -> None:
        """Cancels all jobs of this set that have not ended; on Celery workers running kernels are killed.

        Raises:
            JobError: if the set was not submitted, or is no longer known.
            UnavailableError: if the store does not answer; nothing was cancelled then.
        """
        jobs = self._submitted()
        celery = self._celery
        if celery is not None:
            celery[0].cancel(self.job_id())
            return
        for job in jobs:
            job.cancel()


class AlreadySubmittedError(JobError, RuntimeError):
    """A set was submitted a second time (the seed page's `RuntimeError`)."""


def _all_in(wanted: Sequence[int], ended: Mapping[int, Completion]) -> bool:
    return len(ended) >= len(wanted) and all(index in ended for index in wanted)


def _joined(results: Sequence[Result]) -> Result:
    """`Result`s of a user's own function, one after the other."""
    joined = Result.from_dict(results[0].to_dict())
    joined.results = [experiment for result in results for experiment in result.results]
    joined.success = all(result.success for result in results)
    return joined
