"""What has gone astray in one worker: slots that run what is not theirs, and tasks that no slot of it runs."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..records.bulk import read_tasks
from ..records.states import TaskRecord, TaskState
from ..records.store import Records
from .active import active_requests, reserved_tasks, slot_pids, task_ids_of

logger = logging.getLogger(__name__)

#: A slot that is to start a task, or to drop it because others run it, has done so after so many heartbeats.
_FOREIGN_HEARTBEATS = 3
#: A slot is between two tasks of a message for less than this, in seconds.
_BETWEEN_SECONDS = 0.2
#: For so long a process that was killed is known by its number; later that may be another's.
_REMEMBERED_SECONDS = 60.0


class Strays:
    """Compares what the store says that a worker holds with what its slots run, once in a heartbeat.

    Args:
        records: the job records.
        instance: the instance of the worker.
        pool: the pool of its slots.
        give_back: takes a task from this worker in the store: its id, the process that had it or None, why, and
            whether the attempt counts.
        heartbeat_seconds: how often it looks at least. Somebody's cancel makes it look at once, so that what counts is
            the time that has passed and not how often it has looked.
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        records: Records,
        instance: str,
        pool: Any,
        give_back: Callable[[str, int | None, str, bool], object],
        *,
        heartbeat_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = records
        self._instance = instance
        self._pool = pool
        self._give_back = give_back
        self._foreign_seconds = (_FOREIGN_HEARTBEATS - 1) * heartbeat_seconds
        self._clock = clock
        self._held_before: dict[int, tuple[Any, frozenset[str]]] = {}
        self._foreign_since: dict[int, tuple[Any, float]] = {}
        self._orphans: frozenset[str] = frozenset()
        self._cancelled_since: dict[int, tuple[Any, float]] = {}
        self._killed: dict[int, float] = {}

    def stop_what_is_not_ours(self, held: frozenset[str]) -> bool:
        """Kills the slots whose task was cancelled, or given to others while this worker was out of touch.

        Args:
            held: the ids of the tasks that the store says this worker runs.

        Returns:
            Whether to look again in a moment.
        """
        active = {id(request): (request, task_ids_of(request)) for request in active_requests()}
        # Of several tasks in one message another slot may run some: only the process tells what this one runs.
        asked = {key: ids for key, (_, ids) in active.items() if len(ids) > 1 or held.isdisjoint(ids)}
        tasks = read_tasks(self._records, [task_id for ids in asked.values() for task_id in ids])
        now = self._clock()
        foreign: dict[int, tuple[Any, float]] = {}
        cancelled: dict[int, tuple[Any, float]] = {}
        for key, ids in asked.items():
            request = active[key][0]
            if self.was_killed(request.worker_pid):
                continue  # and its end is not seen yet
            found = {task_id: tasks[task_id] for task_id in ids if task_id in tasks}
            running = [task for task in found.values() if self._runs(request, task)]
            kills = False
            if any(self._is_cancelled(task, len(ids), running) for task in found.values()):
                # Between two tasks a slot is innocent for a moment, and those that start together take no longer.
                cancelled[key] = request, _since(self._cancelled_since, key, request, now)
                kills = len(ids) == 1 or now - cancelled[key][1] >= _BETWEEN_SECONDS
            if not running and any(self._is_taken(task) for task in found.values()):
                foreign[key] = request, _since(self._foreign_since, key, request, now)
                # What was never seen to be held here is about to start, or to be dropped, unless that takes too long.
                waited = now - foreign[key][1] >= self._foreign_seconds
                kills = kills or waited or self._held_and_taken(key, request, found)
            if kills:
                logger.warning(
                    "killing the slot of task %s, which is not this worker's", request.id, extra={"action": "kill"}
                )
                if request.worker_pid in slot_pids(self._pool):
                    self._killed[request.worker_pid] = now
                    kill(request.worker_pid)
        self._held_before = {
            key: (request, held.intersection(ids)) for key, (request, ids) in active.items() if not held.isdisjoint(ids)
        }
        self._foreign_since = foreign
        self._cancelled_since = cancelled
        return bool(cancelled)

    def was_killed(self, pid: int | None) -> bool:
        """Whether a slot was killed for what it ran: whatever else was begun in it is not charged for that."""
        now = self._clock()
        self._killed = {one: at for one, at in self._killed.items() if now - at < _REMEMBERED_SECONDS}
        return pid in self._killed

    def _runs(self, request: Any, task: TaskRecord) -> bool:
        """Whether the slot of a message runs this task."""
        right = task.state is TaskState.RUNNING and task.instance == self._instance
        return right and task.pid == request.worker_pid

    def _is_taken(self, task: TaskRecord) -> bool:
        return task.state is TaskState.QUEUED or (task.state is TaskState.RUNNING and task.instance != self._instance)

    def _is_cancelled(self, task: TaskRecord, tasks: int, running: Sequence[TaskRecord]) -> bool:
        """Whether a slot may run this though it is cancelled.

        Args:
            task: one of the tasks of its message.
            tasks: how many these are. Of several only one that had begun here can run.
            running: those that the slot runs. Of tasks that started together only the slot knows which one it is at.
        """
        begun = task.state is TaskState.CANCELLED and (tasks == 1 or task.instance == self._instance)
        return begun and (not running or any(one.started == task.started for one in running))

    def _held_and_taken(self, key: int, request: Any, found: Mapping[str, TaskRecord]) -> bool:
        """Whether what a slot was seen to run is with others now."""
        same, held = self._held_before.get(key, (None, frozenset()))
        return same is request and any(task_id in found and self._is_taken(found[task_id]) for task_id in held)

    def give_back_orphans(self, held: frozenset[str], settled: bool) -> None:
        """Takes from this worker what the store thinks it runs and it does not, if that is no matter of order.

        Args:
            held: the ids of the tasks that the store says this worker runs.
            settled: whether it has been connected to the broker for long enough to have heard from all its slots.
        """
        pids = slot_pids(self._pool)
        if not pids:
            return
        here = {task_id for request in active_requests() for task_id in task_ids_of(request)} | reserved_tasks()
        orphans = held - here
        tasks = read_tasks(self._records, orphans & self._orphans)
        for task_id, task in tasks.items():
            if task.pid not in pids:
                # Of what had started together nobody knows which one it was.
                alone = sum(other.started == task.started and other.run == task.run for other in tasks.values()) == 1
                charge = alone and not self.was_killed(task.pid)
                self._give_back(task_id, task.pid, "the process of its slot ended", charge)
            elif settled:
                self._give_back(task_id, task.pid, "its slot gave it up", False)
        self._orphans = orphans


def _since(seen: Mapping[int, tuple[Any, float]], key: int, request: Any, now: float) -> float:
    """Since when the same has been seen of a request."""
    same, since = seen.get(key, (None, now))
    return since if same is request else now


def kill(pid: int) -> None:
    """Ends a slot. SIGKILL, because a kernel answers to nothing else; the parent sees the slot's end and acts on it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
