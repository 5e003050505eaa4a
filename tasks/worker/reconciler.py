"""Looks for what was lost: tasks of dead workers, and tasks whose message is nowhere.

Every worker says for its messages that they are alive; one worker, the one that holds the lock in the store, looks for
all. It believes only what it has seen for a while, with a store that answered all that time. What it gets wrong costs
a message: a task that runs or has ended is not started again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery

from ...config.errors import AerqError
from ...config.settings import Settings
from ..message import task_id
from ..records.states import TaskState
from ..records.store import OpenJob, OpenTasks
from ..records.workers import lifetime_seconds
from ..wire.errors import DecodingError
from .broker import QueueLength, RedisBroker, open_broker
from .burial import LOOK_SHARE, SILENT_HEARTBEATS, Burial
from .keeper import Keeper

logger = logging.getLogger(__name__)

#: A job is left alone for so many heartbeats, and more if it is large: its messages may be on their way.
_SUBMIT_HEARTBEATS = 6
_SUBMITTED_PER_HEARTBEAT = 2500
#: On a broker that does not show its messages: for how many heartbeats no message waits before tasks are sent again.
_EMPTY_HEARTBEATS = 6
#: A task is not sent again sooner than after so many heartbeats; each time it takes twice as long.
_AGAIN_HEARTBEATS = 12
#: After so many heartbeats all messages are looked through, though there seem to be enough: tasks that start between
#: two counts, messages of other queues of the same server, and messages that carry fewer tasks than others, hide what
#: is missing.
_LOOK_HEARTBEATS = 6
#: What open jobs have in the store is kept anew after this share of the time for which it is kept.
_KEEP_SHARE = 0.1
_JOIN_SECONDS = 5.0


class Reconciler:
    """One worker's share in finding what was lost.

    Args:
        app: the application.
        settings: broker and store.
        keeper: tells whether this worker looks for all, and sends messages.
        consumer: the worker's consumer, once there is one.
    """

    def __init__(self, app: Celery, settings: Settings, keeper: Keeper, consumer: Callable[[], Any]) -> None:
        self._settings = settings
        self._keeper = keeper
        self._consumer = consumer
        self._broker = open_broker(app, settings)
        self._burial = Burial(settings, keeper, self._broker)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aerq-reconciler", daemon=True)
        self._next_keeping = 0.0
        self._to_keep: list[str] = []
        self._forget()

    def start(self) -> None:
        """Begins to look, once in a heartbeat."""
        self._thread.start()

    def end(self) -> None:
        """Ends the thread."""
        self._ending.set()
        self._thread.join(_JOIN_SECONDS)

    def _forget(self) -> None:
        """Begins anew: what was seen before says nothing about now."""
        self._burial.forget()
        self._signs: dict[str, tuple[float, float]] = {}
        self._missing: set[str] = set()
        self._short_before = False
        self._empty_since: dict[str, float] = {}
        self._sent: dict[str, tuple[float, int]] = {}
        self._next_look = 0.0
        self._looked = time.monotonic()

    def _run(self) -> None:
        while not self._ending.wait(self._settings.heartbeat_seconds):
            try:
                if isinstance(self._broker, RedisBroker):
                    self._broker.renew(self._tags())
                if self._keeper.leads and self._keeper.steady():
                    self._burial.list_who_is_not_listed()
                    self._burial.bury_the_dead()
                    self._give_back_what_is_stale()
                    self._find_what_is_missing()
                    self._keep_what_is_open()
                else:
                    self._forget()
                    if not self._keeper.able:
                        self._broker.length(self._settings.queues)
                self._keeper.able = True
            except (AerqError, OSError) as error:
                self._give_up()
                logger.warning("could not look for what was lost: %s", error, extra={"action": "reconcile"})
            except Exception:  # whatever it is, the next look may go well
                self._give_up()
                logger.exception("could not look for what was lost", extra={"action": "reconcile"})
        self._broker.close()

    def _give_up(self) -> None:
        """Leaves it to another worker, which may reach what this one does not, until the broker answers here again."""
        self._forget()
        self._keeper.able = False

    def _tags(self) -> list[str]:
        """Tags of the messages that this worker has. The main thread takes and gives them meanwhile."""
        channel = getattr(getattr(self._consumer(), "task_consumer", None), "channel", None)
        for _ in range(100):
            with contextlib.suppress(RuntimeError):
                return list(getattr(getattr(channel, "qos", None), "_delivered", None) or ())
        return []

    def _give_back_what_is_stale(self) -> None:
        """Gives back the messages of dead workers that had not been started. No host's clock is asked."""
        if not isinstance(self._broker, RedisBroker):
            return
        now = time.monotonic()
        seen = self._signs
        signs = self._broker.signs()
        self._signs = {
            tag: seen[tag] if tag in seen and seen[tag][0] == score else (score, now) for tag, score in signs.items()
        }
        patience = lifetime_seconds(self._settings) + SILENT_HEARTBEATS * self._settings.heartbeat_seconds
        stale = self._broker.out([tag for tag, (_, since) in self._signs.items() if now - since >= patience])
        if stale:
            logger.warning("giving back %d messages of nobody", len(stale), extra={"action": "give_back"})
            self._broker.give_back(stale)

    def _find_what_is_missing(self) -> None:
        """Sends messages for tasks that wait though nobody has a message for them."""
        now = time.monotonic()
        # The messages first: who takes one meanwhile takes a task from those that wait, too.
        length = self._broker.length(self._settings.queues)
        tasks = self._keeper.records.open_tasks(self._settings.queue)
        looks = self._too_few(length, tasks, now)
        if self._broker.readable and tasks.queued:
            pause = _LOOK_HEARTBEATS * self._settings.heartbeat_seconds
            looks = looks or bool(self._missing) or now - self._looked >= pause
        if not looks:
            self._missing = set()
            return
        if now < self._next_look:
            return
        self._looked = now
        present = self._present()
        empty = self._empty_queues(now)
        time_there = self._keeper.records.ping()
        missing = {
            found
            for job in self._keeper.records.open_jobs(self._settings.queue)
            if job.queued and self._is_old(job, time_there)
            for found in self._of_queues(empty, job, self._waiting(job) - present)
        }
        # What is missing twice was not just on its way from the queue to a worker.
        lost = missing & self._missing if self._broker.readable else missing
        self._missing = missing
        self._next_look = now + (time.monotonic() - now) / LOOK_SHARE
        self._empty_since.clear()
        self._keeper.publish(found for found in lost if self._may_send(found, now))

    def _keep_what_is_open(self) -> None:
        """Lets nothing of a job expire before it has ended, however long it waits and runs."""
        now = time.monotonic()
        records, settings = self._keeper.records, self._settings
        if not self._to_keep and now >= self._next_keeping:
            self._to_keep = [job.job_id for job in records.open_jobs(settings.queue)]
            self._next_keeping = now + _KEEP_SHARE * settings.result_ttl_seconds
        # However many there are, what was lost is looked for between them.
        while self._to_keep and time.monotonic() - now < settings.heartbeat_seconds:
            with contextlib.suppress(DecodingError):  # of a newer aerq, whose workers keep it
                records.keep(self._to_keep.pop())

    def _too_few(self, length: QueueLength, tasks: OpenTasks, now: float) -> bool:
        """Whether there are fewer messages than the tasks that wait need, for long enough."""
        if length.out is not None:
            short = tasks.messages > sum(length.waiting.values()) + max(0, length.out - tasks.busy)
            self._short_before, before = short, self._short_before
            return short and before
        self._empty_since = {
            name: self._empty_since.get(name, now)
            for name in self._settings.queues_in_use
            if tasks.queued and not length.waiting[name]
        }
        return bool(self._empty_queues(now))

    def _empty_queues(self, now: float) -> set[str]:
        """The queues in which no message has waited for long enough."""
        pause = _EMPTY_HEARTBEATS * self._settings.heartbeat_seconds
        return {name for name, since in self._empty_since.items() if now - since >= pause}

    def _of_queues(self, empty: set[str], job: OpenJob, found: set[str]) -> set[str]:
        """Those of a job's tasks whose message would be in an empty queue; all, if the messages can be read."""
        settings = self._settings
        if self._broker.readable or not found or empty.issuperset(settings.queues_in_use):
            return found
        with contextlib.suppress(DecodingError):  # of a newer aerq, whose workers publish it
            record = self._keeper.records.record(job.job_id)
            messages = () if record is None else record.messages
            return {
                message.task_id
                for message in messages
                if message.task_id in found and settings.queue_of(message.seconds) in empty
            }
        return set()

    def _present(self) -> set[str]:
        if not isinstance(self._broker, RedisBroker):
            return set()
        return self._broker.waiting(self._settings.queues).union(*self._broker.out().values())

    def _is_old(self, job: OpenJob, time_there: float) -> bool:
        """Whether the messages of a job have had the time to arrive."""
        beats = _SUBMIT_HEARTBEATS + (job.queued + job.running) / _SUBMITTED_PER_HEARTBEAT
        return time_there - job.created > beats * self._settings.heartbeat_seconds

    def _waiting(self, job: OpenJob) -> set[str]:
        with contextlib.suppress(DecodingError):  # who can read it sends its messages
            known = self._keeper.records.tasks(job.job_id)
            return {
                task_id(job.job_id, index)
                for index in range(job.tasks)
                if index not in known or known[index].state is TaskState.QUEUED
            }
        return set()

    def _may_send(self, found: str, now: float) -> bool:
        last, times = self._sent.get(found, (0.0, 0))
        pause = _AGAIN_HEARTBEATS * 2 ** max(0, times - 1) * self._settings.heartbeat_seconds
        if times and now - last < pause:
            return False
        self._sent[found] = (now, times + 1)
        return True
