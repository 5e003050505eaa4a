"""Finds workers that are dead, and lets others run what they held: the reconciler's part that concerns workers."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable

from ...config.settings import Settings
from ..message import parse_task_id, task_id
from ..records.bulk import read_tasks
from ..records.states import TaskRecord, TaskState
from ..records.store import OpenJob
from ..records.workers import held_tasks, list_again, silent_workers, withdraw_worker
from ..wire.errors import DecodingError
from .broker import Broker, RedisBroker
from .keeper import Keeper
from .losses import LOSSES_AT_THE_HEAD

logger = logging.getLogger(__name__)

#: A worker whose record is gone is dead when it is still gone after so many more heartbeats.
SILENT_HEARTBEATS = 2
#: A look through all jobs or messages may take this share of the time.
LOOK_SHARE = 0.1
#: After so many heartbeats all that runs is looked through, for who runs it may no longer be listed.
_LIST_HEARTBEATS = 12


class Burial:
    """One worker's share in finding dead workers.

    Args:
        settings: how often workers say that they live.
        keeper: releases tasks, and sends messages.
        broker: where the messages of the dead are.
    """

    def __init__(self, settings: Settings, keeper: Keeper, broker: Broker) -> None:
        self._settings = settings
        self._keeper = keeper
        self._broker = broker
        self.forget()

    def forget(self) -> None:
        """Begins anew: what was seen before says nothing about now."""
        self._silent: dict[str, float] = {}
        self._next_listing = time.monotonic() + self._listing_pause()

    def list_who_is_not_listed(self) -> None:
        """Sees to it that whoever runs something is found when it is dead, also where the store has lost its list."""
        began = time.monotonic()
        if began < self._next_listing:
            return
        running: dict[str, list[str]] = {}
        for job in self._keeper.records.open_jobs(self._settings.queue):
            for index, task in self._tasks(job).items() if job.running else ():
                if task.state is TaskState.RUNNING:
                    running.setdefault(task.instance, []).append(task_id(job.job_id, index))
        list_again(self._keeper.records, self._settings, running)
        now = time.monotonic()
        self._next_listing = now + max(self._listing_pause(), (now - began) / LOOK_SHARE)

    def _listing_pause(self) -> float:
        return _LIST_HEARTBEATS * self._settings.heartbeat_seconds

    def bury_the_dead(self) -> None:
        """Takes what dead workers held and lets others run it."""
        now = time.monotonic()
        records, settings = self._keeper.records, self._settings
        silent = silent_workers(records, settings)
        self._silent = {instance: self._silent.get(instance, now) for instance in silent}
        grace = SILENT_HEARTBEATS * settings.heartbeat_seconds
        for instance in [name for name, since in self._silent.items() if now - since >= grace]:
            name = instance.partition("#")[0]
            waiting: set[str] = set()
            suspects: set[str] = set()
            parted: dict[str, frozenset[str]] = {}
            for held in held_tasks(records, settings, instance):
                released = self._keeper.release(held, instance, f"its worker {name} died or was cut off")
                if released.answer == "queued":
                    (waiting if released.attempts <= LOSSES_AT_THE_HEAD else suspects).add(held)
            if isinstance(self._broker, RedisBroker) and waiting | suspects:
                out = self._broker.out()
                # What was lost twice may be why the workers died: it goes on alone, behind the others.
                ours = self._of_this_queue(suspects)
                parted = {tag: carried for tag, carried in out.items() if carried & ours}
                tags = {
                    tag: carried for tag, carried in out.items() if carried & (waiting | suspects) and tag not in parted
                }
                self._broker.give_back(tags)
                waiting = waiting.difference(*tags.values())
                suspects = suspects.difference(*tags.values())
                waiting |= self._still_wait(frozenset().union(*parted.values()) - suspects)
            self._keeper.publish(waiting)
            self._keeper.publish(suspects)
            if parted and isinstance(self._broker, RedisBroker):
                self._broker.drop(parted)
            withdraw_worker(records, settings, instance)
            del self._silent[instance]
            logger.warning("worker %s is gone", instance, extra={"action": "bury"})

    def _of_this_queue(self, task_ids: Iterable[str]) -> set[str]:
        """Those tasks whose messages this worker may send: workers of all queues of a store bury each other."""
        places = {one: place[0] for one in task_ids if (place := parse_task_id(one))}
        if not places:
            return set()
        ours = {job.job_id for job in self._keeper.records.open_jobs(self._settings.queue)}
        return {one for one, job_id in places.items() if job_id in ours}

    def _still_wait(self, task_ids: Iterable[str]) -> set[str]:
        """Those tasks that wait; all where this version of aerq cannot read them: a message more does no harm."""
        wanted = set(task_ids)
        with contextlib.suppress(DecodingError):
            tasks = read_tasks(self._keeper.records, wanted)
            return {one for one, task in tasks.items() if task.state is TaskState.QUEUED}
        return wanted

    def _tasks(self, job: OpenJob) -> dict[int, TaskRecord]:
        """What is known of a job's tasks; nothing where this version of aerq cannot read it."""
        try:
            return self._keeper.records.tasks(job.job_id)
        except DecodingError as error:
            logger.warning("job %s is left to others: %s", job.job_id, error, extra={"action": "reconcile"})
            return {}
