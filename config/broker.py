"""Sending messages to the broker, and what aerq says when it does not take them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from amqp.exceptions import AMQPError, PreconditionFailed
from celery import Celery
from kombu import Connection, Producer
from kombu.exceptions import KombuError

from .errors import UnavailableError
from .settings import Settings
from .store import refusal
from .urls import is_rabbitmq, masked

#: Messages sent to Redis or Valkey in one go.
_BATCH_MESSAGES = 500
#: How long RabbitMQ may take to confirm the next message, in seconds.
_CONFIRM_SECONDS = 10.0


@contextmanager
def broker_errors(settings: Settings) -> Iterator[None]:
    """Turns the errors of kombu and of the broker's client into `UnavailableError`, with its address."""
    where = masked(settings.broker_url or "")
    try:
        yield
    except (KombuError, OSError, redis.RedisError, AMQPError) as error:
        if isinstance(error, UnavailableError):
            raise
        if isinstance(error, PreconditionFailed):
            raise UnavailableError(
                f"the broker at {where} has a queue {' or '.join(map(repr, settings.queues))} of another kind; delete "
                "that queue, or choose another name with AERQ_QUEUE"
            ) from error
        # kombu wraps the client's errors in its own
        if any(isinstance(found, redis.OutOfMemoryError) for found in (error, error.__cause__)):
            raise UnavailableError(
                f"the broker at {where} is full (maxmemory with noeviction); delete jobs or give it more memory"
            ) from error
        for found in (error, error.__cause__):
            if isinstance(found, redis.ResponseError):
                raise UnavailableError(refusal(f"the broker at {where}", found)) from error
        raise UnavailableError(
            f"the broker at {where} does not answer; check AERQ_BROKER_URL and that the server runs"
        ) from error


@contextmanager
def publishing(app: Celery, settings: Settings) -> Iterator[Producer]:
    """Gives a producer for a batch of messages; at the end of the block the broker has taken all of them.

    Raises:
        UnavailableError: if the broker does not answer, is full, or does not confirm; it may have taken some then.
    """
    with broker_errors(settings):
        if is_rabbitmq(settings.broker_url):
            with app.pool.acquire(block=True) as connection, _confirmed(app, connection) as producer:
                yield producer
        else:
            with app.producer_or_acquire() as producer, producer.batch(max_size=_BATCH_MESSAGES):
                yield producer


@contextmanager
def _confirmed(app: Celery, connection: Connection) -> Iterator[Producer]:
    """A producer on a channel of its own, whose messages are confirmed all together and not one after the other."""
    channel = _new_channel(connection)
    try:
        confirms = _Confirms(channel)
        producer = app.amqp.Producer(channel, auto_declare=False)
        publish = producer._publish

        def counted(*arguments: Any, **options: Any) -> Any:
            confirms.sent += 1
            return publish(*arguments, **options)

        producer._publish = counted
        yield producer
        while confirms.waiting:
            connection.drain_events(timeout=_CONFIRM_SECONDS)
    except TimeoutError as error:
        raise UnavailableError(
            "the broker does not confirm messages; RabbitMQ holds them back when it is short of memory or disk, or "
            "when most nodes of the queue are away"
        ) from error
    finally:
        with contextlib.suppress(*connection.connection_errors, *connection.channel_errors):
            channel.close()


def _new_channel(connection: Connection) -> Any:
    """A channel; where the pooled connection has died since it was used, of a new connection."""
    connection.connect()
    try:
        return connection.channel()
    except connection.connection_errors:
        connection.collect()
        connection.connect()
        return connection.channel()


class _Confirms:
    """Counts what RabbitMQ has confirmed on a channel that nobody else uses."""

    def __init__(self, channel: Any) -> None:
        self.sent = 0
        self._open: set[int] = set()
        self._confirmed = 0
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)

    @property
    def waiting(self) -> bool:
        """Whether a message is not confirmed yet."""
        return self._confirmed + len(self._open) < self.sent

    def _on_ack(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._confirmed = max(self._confirmed, tag)
            self._open = {other for other in self._open if other > self._confirmed}
        elif tag > self._confirmed:
            self._open.add(tag)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        raise UnavailableError("the broker refuses messages; the queue has reached a limit that its policy sets")
