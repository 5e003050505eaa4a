"""What aerq says when the broker does not take a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError

from .errors import UnavailableError
from .settings import Settings
from .urls import masked


@contextmanager
def broker_errors(settings: Settings) -> Iterator[None]:
    """Turns the errors of kombu and of the broker's client into `UnavailableError`, with its address."""
    where = masked(settings.broker_url or "")
    try:
        yield
    except (KombuError, OSError, redis.RedisError, AMQPError) as error:
        # kombu wraps the client's errors in its own
        if any(isinstance(found, redis.OutOfMemoryError) for found in (error, error.__cause__)):
            raise UnavailableError(
                f"the broker at {where} is full (maxmemory with noeviction); delete jobs or give it more memory"
            ) from error
        raise UnavailableError(
            f"the broker at {where} does not answer; check AERQ_BROKER_URL and that the server runs"
        ) from error
