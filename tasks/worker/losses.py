"""What slots and workers left behind that died: their tasks are taken from them in the records."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...config.errors import UnavailableError
from ..message import parse_task_id
from ..records.bulk import read_tasks
from ..records.states import TaskState
from ..records.store import Records, Release

logger = logging.getLogger(__name__)

#: After its first loss a task is the next one to run; later it waits behind all others, because it may be the cause.
LOSSES_AT_THE_HEAD = 1


@dataclass(frozen=True)
class Loss:
    """What a slot left behind that died.

    Attributes:
        released: what became of the task that it ran; None if the store does not answer, and it is taken later then.
        ran: the id of that task, if its message carried several and one of them was running.
        waiting: the ids of the tasks of the same message that had not been started.
    """

    released: Release | None
    ran: str | None = None
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Lost:
    """A task whose slot is gone and whose release the store has not taken yet."""

    task_id: str
    pid: int | None
    reason: str
    charge: bool


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
        losses = [_Lost(task_id, pid, reason(task_id), charge) for task_id in task_ids]
        try:
            return self._of_slot(losses)
        except Exception as error:  # whatever it is, it is tried again, and the message must not stay with this worker
            logger.warning("the loss of %s is recorded later: %s", task_ids[0], error, extra={"action": "release"})
            self._later.extend(losses)
            return Loss(None)

    def _of_slot(self, losses: Sequence[_Lost]) -> Loss:
        if len(losses) == 1:
            return Loss(self._release(losses[0]))
        # One of several was running, at most; the others have ended, or wait for their turn.
        tasks = read_tasks(self._records, [loss.task_id for loss in losses])
        ran, waiting, found = None, [], Release("final", 0)
        for loss in losses:
            task = tasks[loss.task_id]
            if task.state is TaskState.QUEUED:
                waiting.append(loss.task_id)
            elif task.state is TaskState.RUNNING and task.instance == self._instance and task.pid == loss.pid:
                ran, found = loss.task_id, self._release(loss)
        return Loss(found, ran, tuple(waiting))

    def still_waiting(self, task_ids: Sequence[str], pid: int | None) -> list[str]:
        """Those of the tasks of a stopped slot that wait, once what it had begun is given back, too.

        Raises:
            UnavailableError: if the store does not answer.
        """
        waiting = []
        for task_id, task in read_tasks(self._records, task_ids).items():
            if task.state is TaskState.RUNNING and task.instance == self._instance and task.pid == pid:
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
                self._release(self._later[0])
            except UnavailableError:
                raise
            except Exception as error:  # it would be the same the next time
                logger.warning("the loss of %s was not recorded: %s", self._later[0].task_id, error)
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

    def _release(self, loss: _Lost) -> Release:
        return self.release(loss.task_id, loss.pid, loss.reason, loss.charge)
