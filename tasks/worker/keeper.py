"""What a worker's parent does to keep what its slots run: it says that it lives, and gives back what it cannot finish.

The parent runs no kernel, so its threads have the interpreter for themselves. This thread lives as long as the process,
whatever the connection to the broker does, and while the worker drains.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from celery import Celery
from celery.worker import state as worker_state

from ...config.errors import AerqError, UnavailableError
from ...config.settings import Settings
from ..message import parse_task_id
from ..publishing import publish_tasks
from ..records.states import TaskRecord, TaskState
from ..records.store import Records, Release
from ..records.workers import WorkerRecord, announce_worker, held_tasks, lifetime_seconds, withdraw_worker
from ..versions import versions
from .instance import new_instance
from .limits import kernel_limits

logger = logging.getLogger(__name__)

#: How often a worker that drains looks for cancelled tasks, in seconds.
_DRAIN_BEAT_SECONDS = 1.0
#: How long the end waits for this thread, in seconds.
_JOIN_SECONDS = 5.0
#: After so many heartbeats with a broker, what a slot is said to run and does not is not just a matter of order.
_SETTLED_HEARTBEATS = 2
#: A slot that is to start a task, or to drop it because others run it, has done so after so many heartbeats.
_FOREIGN_HEARTBEATS = 3
_STOP, _END = "stop", "end"


@dataclass(frozen=True)
class _Loss:
    """A task whose slot is gone and whose release the store has not taken yet."""

    task_id: str
    pid: int | None
    reason: str
    charge: bool


class Keeper:
    """One instance of a worker, as the store knows it.

    Args:
        app: the application.
        settings: the store, and how often to say that the worker lives.
        name: the worker's Celery node name.
        pool: the pool of its slots.
    """

    def __init__(self, app: Celery, settings: Settings, name: str, pool: Any) -> None:
        self._app = app
        self._settings = settings
        self._name = name
        self._pool = pool
        #: Which start of the worker this is.
        self.instance = new_instance(name)
        #: The job records; safe to share between threads.
        self.records = Records(settings)
        #: Whether what runs is given back without a fault of its own: what its slots leave behind does not count.
        self.handing_back = False
        #: Whether this worker was told to stop.
        self.stopping = False
        #: Whether this worker looks for what was lost, for all.
        self.leads = False
        #: Whether it is able to: the reconciler says so.
        self.able = True
        self._slots = int(app.aerq_slots)
        #: What each of its slots may use.
        self.limits = kernel_limits(settings, self._slots)
        self._versions = dict(versions())
        self._steady_since: float | None = None
        self._connected_since: float | None = None
        self._losses: deque[_Loss] = deque()
        self._held_before: list[Any] = []
        self._foreign_before: list[tuple[Any, int]] = []
        self._orphans: frozenset[str] = frozenset()
        # Safe to write to from a signal handler, other than an event.
        self._words: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stop_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="aerq-keeper", daemon=True)
        self._ended = False

    def start(self) -> None:
        """Says that the worker lives, and goes on saying so."""
        self._beat()
        self._thread.start()

    def connected(self, now: bool) -> None:
        """Hears whether the worker takes messages from the broker."""
        self._connected_since = time.monotonic() if now else None

    def steady(self) -> bool:
        """Whether the store has answered for so long that whoever is silent there is dead.

        While a store is away nobody's heartbeats arrive, and time passes by its clock all the same.
        """
        since = self._steady_since
        return since is not None and time.monotonic() - since >= lifetime_seconds(self._settings)

    def stop(self, **_: Any) -> None:
        """Begins to drain; called again it ends the wait. A signal handler may call it."""
        self.stopping = True
        self._words.put(_STOP)

    def end(self) -> None:
        """Gives back what is left, says goodbye and ends the thread."""
        if self._ended:
            return
        self._ended = True
        self._words.put(_END)
        self._thread.join(_JOIN_SECONDS)
        try:
            left = [
                task_id
                for task_id in held_tasks(self.records, self._settings, self.instance)
                if self._release(_Loss(task_id, None, "its worker was stopped", charge=False)).answer == "queued"
            ]
            withdraw_worker(self.records, self._settings, self.instance)
            self.publish(left)
        except (AerqError, OSError) as error:
            # Others find it: whoever is silent is dead, and what it held is run elsewhere.
            logger.warning("could not say goodbye: %s", error, extra={"action": "withdraw"})
        finally:
            self.records.close()

    def kill_slots(self) -> None:
        """Ends all slots at once; what they run is given back."""
        self.handing_back = True
        for pid in self._slot_pids():
            _kill(pid)

    def lost(self, task_id: str, pid: int | None, reason: str, *, told_to_stop: bool = False) -> Release | None:
        """Takes a task from a slot that died.

        Args:
            task_id: the task.
            pid: the slot's process.
            reason: what it died of.
            told_to_stop: whether it was asked to end. If its parent was, too, that was for the same reason.

        Returns:
            What became of the task, or None if the store does not answer: the task is taken later then.
        """
        loss = _Loss(task_id, pid, reason, charge=not (self.handing_back or (self.stopping and told_to_stop)))
        try:
            return self._release(loss)
        except UnavailableError as error:
            logger.warning("the loss of %s is recorded later: %s", task_id, error, extra={"action": "release"})
            self._losses.append(loss)
            return None

    def publish(self, task_ids: Iterable[str]) -> None:
        """Sends messages for tasks that have none.

        Raises:
            UnavailableError: if store or broker do not answer.
        """
        by_job: dict[str, list[int]] = {}
        for task_id in task_ids:
            if place := parse_task_id(task_id):
                by_job.setdefault(place[0], []).append(place[1])
        for job_id, indexes in by_job.items():
            try:
                record = self.records.record(job_id)
            except UnavailableError:
                raise
            except AerqError as error:  # of a newer aerq, whose workers publish it
                logger.warning("job %s is left to others: %s", job_id, error, extra={"action": "publish"})
                continue
            # Those of another queue are found missing by a worker that reads it.
            if record is not None and record.queue == self._settings.queue:
                publish_tasks(self._app, self._settings, record, indexes)
                logger.info("published %d tasks of job %s again", len(indexes), job_id, extra={"action": "publish"})

    def release(self, task_id: str, instance: str, reason: str) -> Release:
        """Takes a task from another instance, which is dead."""
        return self._take(task_id, instance, reason, None, charge=True)

    def _release(self, loss: _Loss) -> Release:
        return self._take(loss.task_id, self.instance, loss.reason, loss.pid, charge=loss.charge)

    def _take(self, task_id: str, instance: str, reason: str, pid: int | None, *, charge: bool) -> Release:
        place = parse_task_id(task_id)
        if place is None:
            return Release("unknown", 0)
        released = self.records.release(*place, instance, reason, pid=pid, charge=charge)
        logger.warning("task %s: %s (%s)", task_id, reason, released.answer, extra={"action": "release"})
        return released

    def _run(self) -> None:
        while True:
            try:
                word = self._words.get(timeout=self._pause())
            except queue.Empty:
                word = ""
            if word == _END:
                return
            if word == _STOP:
                grace = self._settings.drain_seconds if self._stop_at is None else 0.0
                self._stop_at = time.monotonic() + grace
            if self._stop_at is not None and time.monotonic() >= self._stop_at:
                self.kill_slots()
            self._beat()

    def _pause(self) -> float:
        beat = self._settings.heartbeat_seconds
        if self._stop_at is None:
            return beat
        left = max(0.0, self._stop_at - time.monotonic())
        return min(beat, _DRAIN_BEAT_SECONDS, left or _DRAIN_BEAT_SECONDS)

    def _beat(self) -> None:
        """One heartbeat; a store that is away for a moment is no reason to stop working."""
        worker = WorkerRecord(
            name=self._name,
            instance=self.instance,
            slots=int(getattr(self._pool, "num_processes", 0) or self._slots),
            threads=self.limits.threads or 1,
            memory_mb=self.limits.memory_mb or 0,
            queue=self._settings.queue,
            versions=self._versions,
            clock=time.time(),
        )
        try:
            beat = announce_worker(self.records, self._settings, worker, able=self.able)
            self.leads = beat.leads
            while self._losses:
                self._release(self._losses[0])
                self._losses.popleft()
            self._stop_what_is_not_ours(beat.held)
            self._give_back_orphans(beat.held)
        except (AerqError, OSError) as error:
            self._steady_since = None
            self.leads = False
            logger.warning("no heartbeat: %s", error, extra={"action": "heartbeat"})
        except Exception:  # whatever it is, a worker that stops saying so counts as dead
            logger.exception("no heartbeat", extra={"action": "heartbeat"})
        else:
            self._steady_since = self._steady_since or time.monotonic()

    def _stop_what_is_not_ours(self, held: frozenset[str]) -> None:
        """Kills the slots whose task was cancelled, or given to others while this worker was out of touch."""
        active = _active()
        tasks = self._tasks([request.id for request in active if request.id not in held])
        foreign = []
        for request in active:
            task = tasks.get(request.id)
            if task is None:
                continue
            taken = task.state is TaskState.QUEUED or (
                task.state is TaskState.RUNNING and task.instance != self.instance
            )
            if taken:
                beats = 1 + next((count for one, count in self._foreign_before if one is request), 0)
                foreign.append((request, beats))
                # What was never seen to be held here is about to start, or to be dropped, unless that takes too long.
                taken = beats >= _FOREIGN_HEARTBEATS or any(request is one for one in self._held_before)
            if task.state is TaskState.CANCELLED or taken:
                logger.warning(
                    "killing the slot of task %s, which is %s", request.id, task.state, extra={"action": "kill"}
                )
                if request.worker_pid in self._slot_pids():
                    _kill(request.worker_pid)
        self._held_before = [request for request in active if request.id in held]
        self._foreign_before = foreign

    def _give_back_orphans(self, held: frozenset[str]) -> None:
        """Takes from this worker what the store thinks it runs and it does not, if that is no matter of order."""
        pids = self._slot_pids()
        if self._stop_at is not None or not pids:
            return
        here = {request.id for request in _active()} | set(worker_state.requests)
        orphans = held - here
        for task_id, task in self._tasks(orphans & self._orphans).items():
            if task.pid not in pids:
                self._release(_Loss(task_id, task.pid, "the process of its slot ended", charge=True))
            elif self._settled():
                self._release(_Loss(task_id, task.pid, "its slot gave it up", charge=False))
        self._orphans = orphans

    def _settled(self) -> bool:
        """Whether this worker has been connected for long enough to have heard from all its slots."""
        since = self._connected_since
        return since is not None and time.monotonic() - since > _SETTLED_HEARTBEATS * self._settings.heartbeat_seconds

    def _tasks(self, task_ids: Iterable[str]) -> Mapping[str, TaskRecord]:
        """The records of tasks, by their ids."""
        by_job: dict[str, list[int]] = {}
        for task_id in task_ids:
            if place := parse_task_id(task_id):
                by_job.setdefault(place[0], []).append(place[1])
        return {
            f"{job_id}.{index}": task
            for job_id, indexes in by_job.items()
            for index, task in self.records.tasks(job_id, indexes).items()
        }

    def _slot_pids(self) -> list[int]:
        processes = getattr(getattr(self._pool, "_pool", None), "_pool", None)
        return [process.pid for process in list(processes or ())]


def _active() -> list[Any]:
    """What Celery says that the slots run. Its set changes in the main thread meanwhile."""
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            return list(worker_state.active_requests)
    return []


def _kill(pid: int) -> None:
    # SIGKILL, because a kernel answers to nothing else; the parent sees the slot's end and acts on it.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
