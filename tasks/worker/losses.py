"""What slots and workers left behind that died: their tasks are taken from them in the records."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...config.errors import UnavailableError
from ..message import parse_task_id
from ..records.bulk import read_tasks
from ..records.states import TaskRecord, TaskState
from ..records.store import Records, Release

logger = logging.getLogger(__name__)

#: After its first loss a task is the next one to run; later it waits behind all others, because it may be the cause.
LOSSES_AT_THE_HEAD = 1


@dataclass(frozen=True)
class Loss:
    """What a slot left behind that died.

    Attributes:
        released: what became of the task that it ran; None if the store does not answer, and it is taken later then.
        ran: the id of that task, if its message carried several and it was the only one that had started.
        waiting: the ids of the tasks of the same message that wait now: they had not started, or had started together,
            so that nobody knows which of them the slot died of.
        starts: how often the task that ran had been started, whether or not that was charged.
    """

    released: Release | None
    ran: str | None = None
    waiting: tuple[str, ...] = ()
    starts: int = 0


@dataclass
class _Lost:
    """A message whose slot is gone.

    Attributes:
        reasons: what happened, told of each of its tasks.
        pid: the process.
        charge: whether the attempt counts.
        together: whether several of its tasks had started together; what is left of them may be less.
    """

    reasons: Mapping[str, str]
    pid: int | None
    charge: bool
    together: bool = False


class Losses:
    """Takes tasks from slots and workers that are gone; while the store is away it remembers those of its own slots.

    Args:
        records: the job records.
        instance: the instance of the worker that this belongs to.
    """

    def __init__(self, records: Records, instance: str) -> None:
        self._records = records
        self._instance = instance
        self._later: deque[_Lost] = deque()

    @property
    def pending(self) -> bool:
        """Whether the store does not know of all losses yet."""
        return bool(self._later)

    def of_slot(self, task_ids: Sequence[str], pid: int | None, reason: Callable[[str], str], *, charge: bool) -> Loss:
        """Takes from a slot that died what it ran.

        Args:
            task_ids: the tasks of the message that it worked on.
            pid: the slot's process.
            reason: what it died of, told of one of the tasks.
            charge: whether the attempt counts.
        """
        lost = _Lost({task_id: reason(task_id) for task_id in task_ids}, pid, charge)
        try:
            return self._of_slot(lost)
        except Exception as error:  # whatever it is, it is tried again, and the message must not stay with this worker
            logger.warning("the loss of %s is recorded later: %s", task_ids[0], error, extra={"action": "release"})
            self._later.append(lost)
            return Loss(None)

    def _of_slot(self, lost: _Lost) -> Loss:
        first, *others = lost.reasons
        if not others:
            return Loss(self.release(first, lost.pid, lost.reasons[first], lost.charge))
        # One of several was running, or some that had started together; the others have ended, or wait for their turn.
        tasks = read_tasks(self._records, lost.reasons)
        waiting = [one for one in lost.reasons if tasks[one].state is TaskState.QUEUED]
        started = [one for one in lost.reasons if self._ran(tasks[one], lost.pid)]
        lost.together = lost.together or len(started) > 1 or self._had_company(tasks, started)
        if started and not lost.together:
            found = self.release(started[0], lost.pid, lost.reasons[started[0]], lost.charge)
            starts = tasks[started[0]].attempt if lost.charge else 0
            return Loss(found, started[0], tuple(waiting), starts)
        found = Release("final", 0)
        for one in started:
            # Nobody knows which of them it was: none is charged, and what has been started before starts alone.
            reason = f"{lost.reasons[one]}; of several tasks that had started together"
            released = self.release(one, lost.pid, reason, charge=False)
            if released.answer == "queued":
                found, waiting = released, [*waiting, one]
        return Loss(found, None, tuple(waiting))

    def _had_company(self, tasks: Mapping[str, TaskRecord], started: Sequence[str]) -> bool:
        """Whether something that was cancelled meanwhile had started with these."""
        times = {tasks[one].started for one in started}
        return any(
            task.state is TaskState.CANCELLED and task.instance == self._instance and task.started in times
            for task in tasks.values()
        )

    def _ran(self, task: TaskRecord, pid: int | None) -> bool:
        """Whether a process of this worker runs a task."""
        return task.state is TaskState.RUNNING and task.instance == self._instance and task.pid == pid

    def still_waiting(self, task_ids: Sequence[str], pid: int | None) -> list[str]:
        """Those of the tasks of a stopped slot that wait, once what it had begun is given back, too.

        Raises:
            UnavailableError: if the store does not answer.
        """
        waiting = []
        for task_id, task in read_tasks(self._records, task_ids).items():
            if self._ran(task, pid):
                released = self.release(task_id, pid, "its slot was stopped for another task", charge=False)
                waiting += [task_id] if released.answer == "queued" else []
            elif task.state is TaskState.QUEUED:
                waiting.append(task_id)
        return waiting

    def settle(self) -> None:
        """Records what the store could not be told before.

        Raises:
            UnavailableError: if it still does not answer.
        """
        while self._later:
            try:
                self._of_slot(self._later[0])
            except UnavailableError:
                raise
            except Exception as error:  # it would be the same the next time
                logger.warning("the loss of %s was not recorded: %s", next(iter(self._later[0].reasons)), error)
            self._later.popleft()

    def release(self, task_id: str, pid: int | None, reason: str, charge: bool, instance: str = "") -> Release:
        """Takes a task from whoever ran it.

        Args:
            task_id: the task.
            pid: only if this process ran it.
            reason: what happened to it, as the end of a sentence.
            charge: whether the attempt counts.
            instance: who held it; this worker where it is left out.

        Raises:
            UnavailableError: if the store does not answer.
        """
        place = parse_task_id(task_id)
        if place is None:
            return Release("unknown", 0)
        released = self._records.release(*place, instance or self._instance, reason, pid=pid, charge=charge)
        logger.warning("task %s: %s (%s)", task_id, reason, released.answer, extra={"action": "release"})
        return released
