"""What a worker's parent does to keep what its slots run: it says that it lives, and gives back what it cannot finish.

The parent runs no kernel, so its threads have the interpreter for themselves. This thread lives as long as the process,
whatever the connection to the broker does, and while the worker drains.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from celery import Celery

from ...config.allocator import allocator_in_use
from ...config.errors import AerqError, UnavailableError
from ...config.settings import Settings
from ..message import Message, parse_task_id
from ..publishing import Envelope, publish_bundles, publish_tasks
from ..records.store import Records, Release
from ..records.workers import WorkerRecord, announce_worker, held_tasks, lifetime_seconds, withdraw_worker
from ..versions import versions
from .active import slot_pids
from .instance import new_instance
from .limits import kernel_limits
from .losses import Loss, Losses
from .strays import Strays, kill

logger = logging.getLogger(__name__)

#: How often a worker that drains looks for cancelled tasks, in seconds.
_DRAIN_BEAT_SECONDS = 1.0
#: How long the end waits for this thread, in seconds.
_JOIN_SECONDS = 5.0
#: How long the end waits for a store that is away, if there is something to give back, in seconds.
_GOODBYE_SECONDS, _GOODBYE_PAUSE_SECONDS = 8.0, 0.2
#: After so many heartbeats with a broker, what a slot is said to run and does not is not just a matter of order.
_SETTLED_HEARTBEATS = 2
#: After what might have been a slot between two tasks, it looks again so soon, in seconds.
_AGAIN_SECONDS = 0.3
_STOP, _END, _LOOK = "stop", "end", "look"


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
        self._allocator = allocator_in_use()
        self._steady_since: float | None = None
        self._connected_since: float | None = None
        self._losses = Losses(self.records, self.instance)
        self._again = False
        self._strays = Strays(
            self.records, self.instance, pool, self._losses.release, heartbeat_seconds=settings.heartbeat_seconds
        )
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

    def look(self) -> None:
        """Asks for a heartbeat now: something that runs here was cancelled."""
        self._words.put(_LOOK)

    def end(self) -> None:
        """Gives back what is left, says goodbye and ends the thread."""
        if self._ended:
            return
        self._ended = True
        self._words.put(_END)
        self._thread.join(_JOIN_SECONDS)
        try:
            self.publish(self._hand_back())
        except (AerqError, OSError) as error:
            # Others find it: whoever is silent is dead, and what it held is run elsewhere.
            logger.warning("could not say goodbye: %s", error, extra={"action": "withdraw"})
        finally:
            self.records.close()

    def _hand_back(self) -> list[str]:
        """Takes from this worker what it still holds, and withdraws it; returns the tasks that need a message.

        Raises:
            UnavailableError: if the store does not answer. A store that restarts is waited for if slots ran something:
                who says nothing is taken for dead, and what it ran is charged with that.
        """
        left: list[str] = []
        deadline = time.monotonic() + (_GOODBYE_SECONDS if self.handing_back or self._losses.pending else 0.0)
        while True:
            try:
                for task_id in held_tasks(self.records, self._settings, self.instance):
                    released = self._losses.release(task_id, None, "its worker was stopped", charge=False)
                    if released.answer == "queued":
                        left.append(task_id)
                withdraw_worker(self.records, self._settings, self.instance)
                return left
            except UnavailableError as error:
                if time.monotonic() >= deadline:
                    raise
                logger.warning("what ran here is handed back when the store answers: %s", error)
            threading.Event().wait(_GOODBYE_PAUSE_SECONDS)

    def kill_slots(self) -> None:
        """Ends all slots at once; what they run is given back."""
        self.handing_back = True
        for pid in slot_pids(self._pool):
            kill(pid)

    def lost(
        self, task_ids: Sequence[str], pid: int | None, reason: Callable[[str], str], *, told_to_stop: bool = False
    ) -> Loss:
        """Takes from a slot that died what it ran.

        Args:
            task_ids: the tasks of the message that it worked on.
            pid: the slot's process.
            reason: what it died of, told of one of the tasks.
            told_to_stop: whether it was asked to end. If its parent was, too, that was for the same reason.
        """
        wanted = self.handing_back or (self.stopping and told_to_stop) or self._strays.was_killed(pid)
        return self._losses.of_slot(task_ids, pid, reason, charge=not wanted)

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

    def still_waiting(self, task_ids: Sequence[str], pid: int | None) -> list[str]:
        """Those of the tasks of a stopped slot that wait, once what it had begun is given back, too.

        Raises:
            UnavailableError: if the store does not answer.
        """
        return self._losses.still_waiting(task_ids, pid)

    def publish_bundles(self, envelope: Envelope, bundles: Iterable[Sequence[Message]]) -> None:
        """Sends messages with these tasks. Unlike `publish` it reads no record, which may be as large as its job.

        Raises:
            UnavailableError: if the broker does not answer.
        """
        publish_bundles(self._app, self._settings, envelope, bundles)

    def release(self, task_id: str, instance: str, reason: str) -> Release:
        """Takes a task from another instance, which is dead."""
        return self._losses.release(task_id, None, reason, charge=True, instance=instance)

    def _run(self) -> None:
        while True:
            word = self._word()
            if word == _END:
                return
            if word == _STOP:
                grace = self._settings.drain_seconds if self._stop_at is None else 0.0
                self._stop_at = time.monotonic() + grace
            if self._stop_at is not None and time.monotonic() >= self._stop_at:
                self.kill_slots()
            self._beat()

    def _word(self) -> str:
        """The next word, or nothing when it is time for a heartbeat; to look a hundred times is to look once."""
        word = ""
        with contextlib.suppress(queue.Empty):
            word = self._words.get(timeout=self._pause())
            while word == _LOOK:
                word = self._words.get_nowait()
        return word

    def _pause(self) -> float:
        beat = self._settings.heartbeat_seconds
        if self._again:
            return min(beat, _AGAIN_SECONDS)
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
            reads=tuple(self._app.amqp.queues.consume_from),
            versions=self._versions,
            clock=time.time(),
            allocator=self._allocator,
        )
        try:
            beat = announce_worker(self.records, self._settings, worker, able=self.able)
            self.leads = beat.leads
            self._losses.settle()
            self._again = self._strays.stop_what_is_not_ours(beat.held)
            if self._stop_at is None:
                self._strays.give_back_orphans(beat.held, self._settled())
        except (AerqError, OSError) as error:
            self._steady_since = None
            self.leads = False
            logger.warning("no heartbeat: %s", error, extra={"action": "heartbeat"})
        except Exception:  # whatever it is, a worker that stops saying so counts as dead
            logger.exception("no heartbeat", extra={"action": "heartbeat"})
        else:
            self._steady_since = self._steady_since or time.monotonic()

    def _settled(self) -> bool:
        """Whether this worker has been connected for long enough to have heard from all its slots."""
        since = self._connected_since
        return since is not None and time.monotonic() - since > _SETTLED_HEARTBEATS * self._settings.heartbeat_seconds
