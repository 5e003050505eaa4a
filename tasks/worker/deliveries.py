"""Messages that would end a worker: what is no message at all, and what a full broker gives away.

Both concern Redis and Valkey, where the client is the broker: kombu takes a text off a list, reads it, and notes in the
server that this worker has it. RabbitMQ does all that itself.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import redis
from celery import bootsteps
from kombu.transport import virtual

logger = logging.getLogger(__name__)

#: What kombu and Celery raise where a message has not the shape that they expect. Errors of connections are others.
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)


class Deliveries(bootsteps.StartStopStep):  # type: ignore[misc]
    """Guards the way of messages from a Redis or Valkey broker to the worker.

    What is not a message is dropped and logged; the error would end every worker, one after the other. A task whose
    message was cut is queued and has no message, as after any loss of messages.

    A message for which a full broker (`noeviction`) has no memory to note who has it is kept in the worker alone. It
    would be in neither place otherwise, and the error would end the worker. Its task waits for memory to write its
    start.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Begins; called again after each reconnection to the broker, which makes a new channel."""
        channel = consumer.task_consumer.channel
        if not isinstance(channel, virtual.Channel):
            return
        channel.qos.append = functools.partial(_append, channel.qos, channel.qos.append)
        if "BRPOP" in getattr(channel, "handlers", ()):
            channel.handlers["BRPOP"] = functools.partial(_read, channel.handlers["BRPOP"])
        transport = channel.connection
        # that of the class: the transport outlives its channels
        transport._deliver = functools.partial(_deliver, channel, type(transport)._deliver.__get__(transport))


def _append(qos: virtual.QoS, append: Callable[[Any, str], None], message: Any, delivery_tag: str) -> None:
    """Notes that a message was delivered: in the broker, or here where that is full."""
    try:
        append(message, delivery_tag)
    except redis.OutOfMemoryError:
        logger.warning("the broker is full; a message is kept in this worker", extra={"action": "keep_message"})
        virtual.QoS.append(qos, message, delivery_tag)


def _read(read: Callable[[], Any]) -> Any:
    """Reads what the queue gave; nothing if that is no JSON."""
    try:
        return read()
    except ValueError as error:
        _dropped(type(error).__name__)
        return None


def _deliver(channel: virtual.Channel, deliver: Callable[[Any, str], None], message: Any, queue: str) -> None:
    """Hands a message on if kombu can read it, and takes it back from the worker if Celery cannot."""
    try:
        properties, delivery = message["properties"], message["properties"]["delivery_info"]
        tag = properties["delivery_tag"]
        sound = (
            isinstance(tag, str)
            and {"exchange", "routing_key"} <= delivery.keys()
            and _are_limits(message["headers"].get("timelimit"))
        )
        body = channel.decode_body(message["body"], properties["body_encoding"])
    except _UNREADABLE as error:
        _dropped(type(error).__name__)
        return
    if not (sound and body and isinstance(body, bytes)):
        _dropped("fields of the wrong type")
        return
    try:
        deliver(message, queue)
    except _UNREADABLE as error:
        _dropped(type(error).__name__)
        channel.basic_reject(tag, requeue=False)


def _are_limits(value: Any) -> bool:
    """Whether this is a pair of time limits, as Celery reads it after it has reserved a slot."""
    return value is None or (len(value) == 2 and all(limit is None or limit > 0 for limit in value))


def _dropped(why: str) -> None:
    logger.error("dropped what is no message from the queue (%s)", why, extra={"action": "drop_message"})
