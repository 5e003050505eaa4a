"""A worker's own view of the broker, beside the connection on which it waits for messages."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import Celery
from kombu import Connection

from ...config.broker import broker_errors
from ...config.errors import AerqError
from ...config.queues import RUN_BASIC, RUN_EXPERIMENTS
from ...config.settings import Settings
from ..bundles import carried_by

#: Messages read from a list in one go.
_PAGE = 1000


@dataclass(frozen=True)
class QueueLength:
    """How many messages wait in each queue, and how many are out with workers; None where the broker does not say."""

    waiting: Mapping[str, int]
    out: int | None


class Broker:
    """What can be learned of any broker: how many messages wait.

    Args:
        app: the application.
        settings: where the broker is.
    """

    #: Whether its messages can be read without taking them.
    readable = False

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._connection: Connection | None = None

    def length(self, queues: Collection[str]) -> QueueLength:
        """How many messages wait and are out.

        Raises:
            UnavailableError: if the broker does not answer.
        """
        with self._channel() as channel:
            for name in queues:  # whose workers may never have been started
                self._app.amqp.queues[name].bind(channel).queue_declare()
            return QueueLength({name: channel.queue_declare(name, passive=True).message_count for name in queues}, None)

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.release()
            self._connection = None

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        """A channel of a connection that is closed afterwards: RabbitMQ gives up one that is silent between two looks.

        Raises:
            UnavailableError: if the broker does not answer.
        """
        with broker_errors(self._settings), self._app.connection_for_write() as connection:
            yield connection.channel()

    @contextmanager
    def _fresh_after_errors(self) -> Iterator[None]:
        try:
            with broker_errors(self._settings):
                yield
        except AerqError:
            self.close()
            raise


class RedisBroker(Broker):
    """Redis, or Valkey: messages that wait are in lists, those that are out in a hash, by their tags."""

    readable = True

    def __init__(self, app: Celery, settings: Settings) -> None:
        super().__init__(app, settings)
        self._kept: Any = None

    def length(self, queues: Collection[str]) -> QueueLength:
        """How many messages wait and are out."""
        with self._client() as (channel, client):
            pipe = client.pipeline(transaction=False)
            lists = [(name, key) for name in queues for key in self._lists(channel, [name])]
            for _, key in lists:
                pipe.llen(key)
            pipe.hlen(channel.unacked_key)
            *lengths, out = pipe.execute()
            waiting = dict.fromkeys(queues, 0)
            for (name, _), length in zip(lists, lengths, strict=True):
                waiting[name] += length
            return QueueLength(waiting, out)

    def renew(self, tags: Collection[str]) -> None:
        """Says that whoever has these messages is alive.

        The broker's own clock is the hosts': each one gives back what is older than the visibility timeout by its
        own. So that timeout is a day, and a change of the time, whatever it says, is the sign of life.
        """
        if tags:
            with self._client() as (channel, client):
                client.zadd(channel.unacked_index_key, dict.fromkeys(tags, time.time()), xx=True)

    def signs(self) -> dict[str, float]:
        """The last sign of life of each message that is out, by its tag."""
        with self._client() as (channel, client):
            return {
                tag.decode(): score for tag, score in client.zrange(channel.unacked_index_key, 0, -1, withscores=True)
            }

    def out(self, tags: Collection[str] | None = None) -> dict[str, frozenset[str]]:
        """The ids of the tasks that our messages carry which are out, by their tags; of all or some of them."""
        with self._client() as (channel, client):
            if tags is None:
                found = client.hgetall(channel.unacked_key)
            else:
                found = dict(zip(tags, client.hmget(channel.unacked_key, list(tags)), strict=True)) if tags else {}
        ids = {_text(tag): _task_ids(data) for tag, data in found.items() if data is not None}
        return {tag: task_ids for tag, task_ids in ids.items() if task_ids}

    def waiting(self, queues: Collection[str]) -> set[str]:
        """The ids of the tasks whose messages wait.

        Messages come in at the left and go out at the right. So a look from left to right sees some twice and, but
        for what is given back to the right meanwhile, misses none.
        """
        found: set[str] = set()
        with self._client() as (channel, client):
            for key in self._lists(channel, queues):
                start = 0
                while page := client.lrange(key, start, start + _PAGE - 1):
                    found.update(*map(_task_ids, page))
                    start += len(page)
        return found

    def give_back(self, tags: Collection[str]) -> None:
        """Puts messages that are out back into their queue, as the next ones."""
        with self._client() as (channel, client):
            for tag in tags:
                channel.qos.restore_by_tag(tag, client)

    def drop(self, tags: Collection[str]) -> None:
        """Forgets messages that are out."""
        with self._client() as (channel, client):
            for tag in tags:
                client.zrem(channel.unacked_index_key, tag)
                client.hdel(channel.unacked_key, tag)

    def close(self) -> None:
        """Closes the connection."""
        self._kept = None
        super().close()

    @staticmethod
    def _lists(channel: Any, queues: Collection[str]) -> list[str]:
        return [channel._q_for_pri(queue, priority) for queue in queues for priority in channel.priority_steps]

    @contextmanager
    def _client(self) -> Iterator[tuple[Any, Any]]:
        """A channel that waits for nothing, and a connection of its pool."""
        with self._fresh_after_errors():
            if self._kept is None:
                self._connection = self._app.connection_for_write()
                self._kept = self._connection.channel()
            with self._kept.conn_or_acquire() as client:
                yield self._kept, client


def open_broker(app: Celery, settings: Settings) -> Broker:
    """The view of the broker that the settings name; nothing connects yet."""
    kind = RedisBroker if app.connection_for_write().transport.driver_type == "redis" else Broker
    return kind(app, settings)


def _task_ids(data: bytes) -> frozenset[str]:
    """The ids of the tasks that a message carries, as kombu stores it; none if it is not one of ours."""
    try:
        message = json.loads(data)
        headers = (message[0] if isinstance(message, list) else message)["headers"]
        ours = headers["task"] in (RUN_EXPERIMENTS, RUN_BASIC)
        return frozenset(one.task_id for one in carried_by(headers)) if ours else frozenset()
    except (ValueError, LookupError, TypeError, AttributeError):
        return frozenset()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
