"""The steps that aerq adds to a Celery worker's start (celery.bootsteps)."""

from __future__ import annotations

import logging
import time
from typing import Any

import redis
from celery import bootsteps
from celery.worker import state as worker_state

from ...config.errors import AerqError
from ...config.local.readiness import signal_ready
from ...config.settings import Settings
from ..records.store import Records
from ..records.workers import WorkerRecord, announce_worker, withdraw_worker
from ..versions import versions
from .cancel import cancelled_among
from .limits import kernel_limits

logger = logging.getLogger(__name__)


class SlotCount(bootsteps.Step):  # type: ignore[misc]
    """Notes how many slots the worker has before the first one is forked: each gets its share of the machine."""

    requires = ("celery.worker.components:Timer",)

    def create(self, parent: Any) -> None:
        """Writes the number where the slots find it."""
        # With --autoscale there may be more slots than at the start.
        parent.app.aerq_slots = max(int(parent.concurrency or 1), int(parent.max_concurrency or 0))


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc]
    """Tells the store that this worker is alive, and stops what was cancelled while it could not be told."""

    # Control commands first: who was told that the worker is ready may cancel at once.
    requires = ("celery.worker.consumer.tasks:Tasks", "celery.worker.consumer.control:Control")

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._settings: Settings = consumer.app.aerq_settings
        self._records: Records | None = None
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Begins; called again after each reconnection to the broker."""
        self._records = Records(self._settings)
        self._beat(consumer)
        self._timer = consumer.timer.call_repeatedly(self._settings.heartbeat_seconds, self._beat, (consumer,))
        if consumer.hub is None:
            signal_ready()
        else:
            # The event loop subscribes to control commands in its first round, and what is said before is not heard.
            # The timer fires in the first round, so what it hands over runs in the second.
            consumer.timer.call_after(0, consumer.hub.call_soon, (signal_ready,))

    def stop(self, consumer: Any) -> None:
        """Ends the heartbeat and says goodbye."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._records is not None:
            try:
                withdraw_worker(self._records, self._settings, consumer.hostname)
            except AerqError as error:
                logger.warning("could not say goodbye: %s", error, extra={"action": "withdraw"})
            self._records.close()
            self._records = None

    def _beat(self, consumer: Any) -> None:
        """One heartbeat; a store that is away for a moment is no reason to stop working."""
        if self._records is None:
            return
        slots = int(getattr(consumer.app, "aerq_slots", 1))
        limits = kernel_limits(self._settings, slots)
        worker = WorkerRecord(
            name=consumer.hostname,
            slots=slots,
            threads=limits.threads or 1,
            memory_mb=limits.memory_mb or 0,
            queue=self._settings.queue,
            versions=versions(),
            clock=time.time(),
        )
        try:
            self._renew_leases(consumer)
            announce_worker(self._records, self._settings, worker)
            self._stop_cancelled(consumer)
        except (AerqError, redis.RedisError, OSError) as error:
            logger.warning("no heartbeat: %s", error, extra={"action": "heartbeat"})

    @staticmethod
    def _renew_leases(consumer: Any) -> None:
        """Tells a Redis broker that what this worker holds is alive.

        The broker gives a message to another worker once it has been out for longer than the visibility timeout, by
        the time in its list of unacknowledged messages. Celery never renews that time, so a long kernel would be
        started a second time beside itself.
        """
        channel = consumer.task_consumer.channel
        tags = list(getattr(getattr(channel, "qos", None), "_delivered", ()))
        if tags and hasattr(channel, "unacked_index_key"):
            # Never by `channel.client`: its connection waits in a BRPOP, and would take a task's message for the reply.
            with channel.conn_or_acquire() as client:
                client.zadd(channel.unacked_index_key, dict.fromkeys(tags, time.time()), xx=True)

    def _stop_cancelled(self, consumer: Any) -> None:
        running = {
            (request.kwargs["job"], request.kwargs["index"]): request
            for request in list(worker_state.active_requests)
            if request.kwargs and {"job", "index"} <= request.kwargs.keys()
        }
        if not running or self._records is None:
            return
        for place in cancelled_among(self._records, running):
            running[place].terminate(consumer.pool, signal="KILL")
