"""Messages that would end a worker or its work: what is none, and what a broker gives away or does not take back.

Most of that concerns Redis and Valkey, where the client is the broker: kombu takes a text off a list, reads it, and
notes in the server that this worker has it. RabbitMQ does all that itself. What Celery cannot read comes from both.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any

import redis
from celery import bootsteps
from celery.worker.state import task_ready
from kombu.transport import virtual

logger = logging.getLogger(__name__)

#: What kombu and Celery raise where a message has not the shape that they expect. Errors of connections are others.
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)


class Deliveries(bootsteps.StartStopStep):  # type: ignore[misc]
    """Guards the way of messages from the broker to the worker.

    What is not a message is dropped and logged; the error would end every worker, one after the other. A task whose
    message was cut is queued and has no message, as after any loss of messages.

    A message for which a full broker (`noeviction`) has no memory to note who has it is kept in the worker alone. It
    would be in neither place otherwise, and the error would end the worker. Its task waits for memory to write its
    start.

    A message that the broker does not take back, because it cannot be reached or refuses, is let go of. It would count
    as one that this worker has, and a worker that has as many of them as slots gets no others, for ever. Without a
    sign of life it is given back by who looks for such messages, and dropped if its task has ended.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Begins; called again after each reconnection to the broker, which makes a new channel."""
        controller = consumer.controller
        process = type(controller)._process_task.__get__(controller)
        controller._process_task = functools.partial(_process, controller, process)
        channel = consumer.task_consumer.channel
        if not isinstance(channel, virtual.Channel):
            make = type(consumer).create_task_handler.__get__(consumer)
            consumer.create_task_handler = functools.partial(_handler, make, consumer.connection_errors)
            return
        qos = channel.qos
        qos.append = functools.partial(_append, qos, qos.append)
        qos.ack = functools.partial(_return, qos, qos.ack)
        qos.reject = functools.partial(_return, qos, qos.reject)
        qos.restore_unacked_once = functools.partial(_restore, qos, qos.restore_unacked_once)
        if "BRPOP" in getattr(channel, "handlers", ()):
            channel.handlers["BRPOP"] = functools.partial(_read, channel.handlers["BRPOP"])
        transport = channel.connection
        # that of the class: the transport outlives its channels
        transport._deliver = functools.partial(_deliver, channel, type(transport)._deliver.__get__(transport))


def _process(controller: Any, process: Callable[[Any], None], request: Any) -> None:
    """Gives a message to a slot; if Celery finds only now that it cannot read it, the slot is free for others again.

    A message that waited for a slot is read when one gets free, far from where errors of its delivery are caught.
    """
    try:
        process(request)
    except _UNREADABLE as error:
        _dropped(type(error).__name__)
        task_ready(request)
        request.reject(requeue=False)
        with contextlib.suppress(AttributeError):  # where slots are not counted
            controller._quick_release()


def _append(qos: virtual.QoS, append: Callable[[Any, str], None], message: Any, delivery_tag: str) -> None:
    """Notes that a message was delivered: in the broker, or here where that is full."""
    try:
        append(message, delivery_tag)
    except redis.OutOfMemoryError:
        logger.warning("the broker is full; a message is kept in this worker", extra={"action": "keep_message"})
        virtual.QoS.append(qos, message, delivery_tag)


def _return(qos: virtual.QoS, give: Callable[..., None], delivery_tag: str, **options: Any) -> None:
    """Acknowledges or rejects a message; the broker's error is raised, and the message is no longer here either way.

    Raises:
        ConnectionError: if the connection is closed already. kombu stumbles over what is no longer there
            (`AttributeError`), which Celery does not take for an error of a connection: the worker would end.
    """
    try:
        give(delivery_tag, **options)
    except AttributeError as error:
        let_go(qos, delivery_tag)
        raise ConnectionError("the connection to the broker was closed before the message was given back") from error
    except Exception:
        let_go(qos, delivery_tag)
        raise


def _restore(qos: virtual.QoS, restore: Callable[..., None], **options: Any) -> None:
    """Gives all messages back as the channel closes. Where its connection is gone, others find them without it.

    kombu stumbles over such a connection (`AttributeError`) on the worker's way to a new one, and the worker would end.
    """
    try:
        restore(**options)
    except AttributeError as error:
        qos._delivered.clear()
        logger.warning("messages were not given back as the connection closed: %s", error, extra={"action": "restore"})


def let_go(qos: virtual.QoS, delivery_tag: str) -> None:
    """Forgets a message here, without a word to the broker."""
    virtual.QoS.ack(qos, delivery_tag)
    qos._flush()


def _read(read: Callable[[], Any]) -> Any:
    """Reads what the queue gave; nothing if that is no JSON."""
    try:
        return read()
    except ValueError as error:
        _dropped(type(error).__name__)
        return None


def _handler(make: Callable[[], Callable[[Any], None]], connection_errors: tuple[type[Exception], ...]) -> Any:
    """Makes what a message from RabbitMQ is handed to: it rejects what Celery cannot read."""
    receive = make()

    def guarded(message: Any) -> None:
        try:
            if not _are_limits(message.headers.get("timelimit")):
                raise ValueError("time limits")
            receive(message)
        except _UNREADABLE as error:
            _dropped(type(error).__name__)
            if not message.acknowledged:
                message.reject_log_error(logger, connection_errors)

    return guarded


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
