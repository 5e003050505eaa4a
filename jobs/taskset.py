"""All tasks of one set together: on Celery workers, or on an executor of the user's."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from qiskit.providers import JobStatus
from qiskit.providers.jobstatus import JOB_FINAL_STATES

from ..tasks.records.states import TaskState
from ..tasks.records.store import Completion
from .celeryfuture import CeleryFuture, failure_message
from .completions import CompletionLog
from .deadline import Deadline
from .errors import NoSuchJobError
from .futures import JobFuture
from .outage import through_outages
from .outputs import Outputs, ResultGoneError
from .status import TASK_STATUS, status_of_counts, status_of_statuses
from .workers import missing_workers, outlook

if TYPE_CHECKING:
    from .executor import CeleryExecutor
    from .layout import Layout

#: Pause between two looks at futures that cannot call back, in seconds.
_PAUSE_SECONDS = 0.05
#: What has ended is fetched this often at most while others still run, in seconds.
_FETCH_SECONDS = 0.2


class TaskSet(Protocol):
    """What a set asks of its tasks."""

    def future(self, index: int) -> JobFuture:
        """The future of one task."""

    def status(self) -> JobStatus:
        """The one status of all."""

    def statuses(self) -> list[JobStatus]:
        """The status of each."""

    def error_messages(self) -> dict[int, str]:
        """Why tasks failed, by index."""

    def ended(self, position: int) -> list[int]:
        """Which tasks are known to have ended, in the order in which they did, without the first ones."""

    def wait_beyond(self, position: int, deadline: Deadline) -> None:
        """Waits until more than that many tasks have ended, or the deadline."""

    def wait_for(self, wanted: Sequence[int], deadline: Deadline) -> bool:
        """Waits until some tasks have ended; returns whether that came before the deadline."""

    def gather(self, wanted: Sequence[int], deadline: Deadline) -> bool:
        """Waits as `wait_for` does, and fetches meanwhile what `values` will give."""

    def values(self, wanted: Sequence[int], deadline: Deadline) -> dict[int, Any] | None:
        """What tasks brought when all of them have ended, or None if they have not before the deadline.

        Raises what the first of those raises that failed.
        """

    def cancel(self) -> None:
        """Cancels all that have not ended."""


class CeleryTasks:
    """The tasks of one job on Celery workers.

    Args:
        executor: the executor that sent them.
        job_id: the job.
        layout: which experiments each of them runs.
    """

    def __init__(self, executor: CeleryExecutor, job_id: str, layout: Layout) -> None:
        self._executor = executor
        self._job_id = job_id
        self._layout = layout
        self._log = CompletionLog(executor.records, job_id, functools.partial(missing_workers, executor, job_id))
        self._outputs = Outputs(functools.partial(executor.outputs, job_id))

    @property
    def executor(self) -> CeleryExecutor:
        """The executor that sent them."""
        return self._executor

    def future(self, index: int) -> CeleryFuture:
        """The future of one task."""
        label = functools.partial(self._layout.label, index)
        return CeleryFuture(self._executor, self._job_id, index, self._log, label)

    def status(self) -> JobStatus:
        """The one status of all, in one read of a few numbers.

        Raises:
            NoSuchJobError: if the job was deleted or has expired.
            UnavailableError: if the store does not answer.
        """
        if len(self._log) == len(self._layout):  # what has ended stays as it ended: no need to ask
            return status_of_statuses(self.statuses())
        counts = self._executor.records.counts([self._job_id])[0]
        if counts is None:
            raise self._gone()
        return status_of_counts(counts)

    def statuses(self) -> list[JobStatus]:
        """The status of each, in one read."""
        everything = range(len(self._layout))
        if len(self._log) == len(self._layout):
            return [TASK_STATUS[completion.state] for completion in self._completions(everything).values()]
        states = self._executor.read_states(self._job_id)
        if len(states) < len(self._layout) and self._executor.records.counts([self._job_id])[0] is None:
            raise self._gone()
        return [TASK_STATUS[states.get(index, TaskState.QUEUED)] for index in everything]

    def error_messages(self) -> dict[int, str]:
        """Why tasks failed, by index."""
        tasks = self._executor.records.tasks(self._job_id)
        if len(tasks) < len(self._layout) and self._executor.records.counts([self._job_id])[0] is None:
            raise self._gone()
        messages = {index: failure_message(task) for index, task in sorted(tasks.items())}
        return {index: message for index, message in messages.items() if message is not None}

    def ended(self, position: int) -> list[int]:
        """Which tasks are known to have ended, in the order in which they did, without the first ones."""
        return self._log.since(position)

    def wait_beyond(self, position: int, deadline: Deadline) -> None:
        """Waits until more than that many tasks have ended, or the deadline."""
        self._log.wait(lambda ended: len(ended) > position, deadline)

    def wait_for(self, wanted: Sequence[int], deadline: Deadline) -> bool:
        """Waits until some tasks have ended; returns whether that came before the deadline."""
        return self._log.wait(self._all_ended(wanted), deadline)

    def _all_ended(self, wanted: Sequence[int]) -> Callable[[Mapping[int, Completion]], bool]:
        """Tells of what has ended whether some tasks are among it."""
        missing = set(wanted)

        def all_ended(ended: Mapping[int, Completion]) -> bool:
            if len(ended) < len(wanted):
                return False
            missing.difference_update([index for index in missing if index in ended])
            return not missing

        return all_ended

    def gather(self, wanted: Sequence[int], deadline: Deadline) -> bool:
        """Waits as `wait_for` does, and fetches meanwhile what `values` will give.

        A set that takes an hour to run is not fetched for a minute afterwards.
        """
        wanted_set, position, fetched = set(wanted), 0, time.monotonic()
        all_ended = self._all_ended(wanted)
        done = False

        def enough(ended: Mapping[int, Completion]) -> bool:
            nonlocal done
            done = all_ended(ended)
            return done or (len(ended) > position and time.monotonic() - fetched >= _FETCH_SECONDS)

        while self._log.wait(enough, deadline):
            if done:
                return True
            new = self._log.since(position)
            position += len(new)
            completions = self._completions([index for index in new if index in wanted_set])
            if all(completion.state.has_result for completion in completions.values()):
                self._outputs.fetch_ahead(completions)
            fetched = time.monotonic()
        return False

    def values(self, wanted: Sequence[int], deadline: Deadline) -> dict[int, Any] | None:
        """Aer's raw outputs, fetched while others still run; raises the error of the first task that failed."""
        if not self.gather(wanted, deadline):
            return None
        while True:
            # What was taken back is waited for.
            completions = {index: self._log.get(index) or self.future(index).ended(deadline) for index in wanted}
            for index, completion in completions.items():
                if not completion.state.has_result:
                    failed = functools.partial(self.future(index).failure, completion)
                    raise through_outages(failed, deadline, self._job_id)
            try:
                take = functools.partial(self._outputs.take, completions)
                return through_outages(take, deadline, self._job_id)
            except ResultGoneError:
                take_back = functools.partial(self._log.take_back, completions)
                if not through_outages(take_back, deadline, self._job_id):
                    raise

    def outlook(self) -> str:
        """What becomes of those that have not ended: they run on, or wait for a worker."""
        return outlook(self._executor, self._job_id)

    def cancel(self) -> None:
        """Cancels all that have not ended; running kernels are killed."""
        self._executor.cancel(self._job_id)

    def _completions(self, wanted: Sequence[int]) -> dict[int, Completion]:
        found = {index: self._log.get(index) for index in wanted}
        return {index: completion for index, completion in found.items() if completion is not None}

    def _gone(self) -> NoSuchJobError:
        return NoSuchJobError(f"no such job: {self._job_id}; it was deleted or has expired")


class OtherTasks:
    """The futures of one set on an executor of the user's.

    Args:
        futures: the future of each task.
    """

    def __init__(self, futures: Sequence[JobFuture]) -> None:
        self._futures = list(futures)
        self._changed = threading.Condition()
        self._order: list[int] = []
        self._known: set[int] = set()
        #: Those that call nobody back have to be asked.
        self._mute = [
            index for index, future in enumerate(futures) if not future.on_end(functools.partial(self._end, index))
        ]

    def _end(self, index: int) -> None:
        with self._changed:
            if index not in self._known:
                self._known.add(index)
                self._order.append(index)
                self._changed.notify_all()

    def _ask(self) -> None:
        """Looks at the futures that call nobody back."""
        for index in [index for index in self._mute if index not in self._known]:
            if self._futures[index].job_status() in JOB_FINAL_STATES:
                self._end(index)

    def future(self, index: int) -> JobFuture:
        """The future of one task."""
        return self._futures[index]

    def status(self) -> JobStatus:
        """The one status of all."""
        return status_of_statuses(self.statuses())

    def statuses(self) -> list[JobStatus]:
        """The status of each."""
        return [future.job_status() for future in self._futures]

    def error_messages(self) -> dict[int, str]:
        """Why tasks failed, by index."""
        messages = {index: future.error_message() for index, future in enumerate(self._futures)}
        return {index: message for index, message in messages.items() if message is not None}

    def ended(self, position: int) -> list[int]:
        """Which tasks have ended, in the order in which they did, without the first ones."""
        self._ask()
        with self._changed:
            return self._order[position:]

    def wait_beyond(self, position: int, deadline: Deadline) -> None:
        """Waits until more than that many tasks have ended, or the deadline."""
        at_most = _PAUSE_SECONDS if self._mute else threading.TIMEOUT_MAX
        while True:
            self._ask()
            with self._changed:
                if len(self._order) > position or deadline.passed:
                    return
                self._changed.wait(deadline.remaining(at_most))

    def wait_for(self, wanted: Sequence[int], deadline: Deadline) -> bool:
        """Waits until some tasks have ended; returns whether that came before the deadline."""
        return all([self._futures[index].wait(deadline) for index in wanted])

    def gather(self, wanted: Sequence[int], deadline: Deadline) -> bool:
        """The same as `wait_for`: these futures hold what they bring."""
        return self.wait_for(wanted, deadline)

    def values(self, wanted: Sequence[int], deadline: Deadline) -> dict[int, Any] | None:
        """What the user's function returned, or None if not all end before the deadline; raises what it raised."""
        if not self.wait_for(wanted, deadline):
            return None
        return {index: self._futures[index].result() for index in wanted}

    def cancel(self) -> None:
        """Cancels all that have not ended."""
        for future in self._futures:
            future.cancel()
