"""What keeps a worker going while its broker, a Redis or Valkey server with `noeviction`, has no memory left."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import redis
from celery import bootsteps
from kombu.transport import virtual

logger = logging.getLogger(__name__)


class FullBroker(bootsteps.StartStopStep):  # type: ignore[misc]
    """Lets a worker keep messages that a full broker gives away and cannot write down.

    kombu takes a message off the queue and then notes in the broker that this worker has it. If there is no memory
    for the note, the message would be in neither place, and the error would end the worker. Here it is kept in the
    worker alone; its task waits for memory to write its start, and a worker that ends meanwhile leaves a task behind
    that is queued and has no message, as after any loss of messages.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Begins; called again after each reconnection to the broker, which makes a new channel."""
        qos = getattr(consumer.task_consumer.channel, "qos", None)
        if isinstance(qos, virtual.QoS):
            qos.append = functools.partial(_append, qos, qos.append)


def _append(qos: virtual.QoS, append: Callable[[Any, str], None], message: Any, delivery_tag: str) -> None:
    """Notes that a message was delivered: in the broker, or here where that is full."""
    try:
        append(message, delivery_tag)
    except redis.OutOfMemoryError:
        logger.warning("the broker is full; a message is kept in this worker", extra={"action": "keep_message"})
        virtual.QoS.append(qos, message, delivery_tag)
