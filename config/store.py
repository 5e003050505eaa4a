"""The connection to the store (Redis or Valkey), and what aerq says when it does not answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from .errors import UnavailableError
from .largevalues import LargeValueParser
from .settings import Settings
from .urls import has_password, masked, store_url_of_broker

#: Longest time in seconds that one blocking read waits inside the server. Shorter than the socket's own timeout, so
#: that a read which found nothing is never taken for a dead connection.
BLOCK_SECONDS = 5.0


def connect_store(settings: Settings, *, patient: bool = True) -> redis.Redis:
    """Makes a client of the store; nothing is sent yet.

    Args:
        settings: where the store is.
        patient: whether it tries again, and waits for answers as long as a blocking read takes.

    Returns:
        A client with a connection pool, safe to share between threads.

    Raises:
        SettingsError: if no store is configured.
    """
    url = settings.require_store_url()
    return redis.Redis.from_url(
        url,
        # A dead peer must be noticed while a caller still waits; every blocking read is shorter than this.
        socket_timeout=max(settings.connect_timeout_seconds, 1.0) + (BLOCK_SECONDS if patient else 0.0),
        # Of the network only; redis-py's connection to a socket of this machine does not know it.
        **({} if url.startswith("unix:") else _network_options(settings)),
        health_check_interval=30,
        # Two quick tries carry over a dropped connection; whoever can wait longer does so with a deadline of its own.
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2 if patient else 0),
        # A master that became a replica keeps its connections: after a failover the address may name another server.
        retry_on_error=[redis.ReadOnlyError],
        protocol=2,
        parser_class=LargeValueParser,
    )


def _network_options(settings: Settings) -> dict[str, Any]:
    return {"socket_connect_timeout": settings.connect_timeout_seconds, "socket_keepalive": True}


def store_variable(settings: Settings) -> str:
    """The variable that says where the store is: that of the broker, unless it is elsewhere."""
    broker = settings.broker_url
    same = broker is not None and settings.store_url == store_url_of_broker(broker)
    return "AERQ_BROKER_URL" if same else "AERQ_STORE_URL"


@contextmanager
def store_errors(settings: Settings) -> Iterator[None]:
    """Turns the client's errors into `UnavailableError`, with the address and without the password."""
    try:
        yield
    except redis.RedisError as error:
        raise UnavailableError(_sentence(error, settings)) from error


def _sentence(error: redis.RedisError, settings: Settings) -> str:
    """What an error of the client means and what to do; made when there is one, for there is a call for each task."""
    where, variable = masked(settings.store_url or ""), store_variable(settings)
    match error:
        case redis.AuthenticationError():
            if not has_password(settings.store_url):
                return (
                    f"the store at {where} asks for a password; put it into {variable}: redis://:PASSWORD@HOST:PORT/0"
                )
            return f"the store at {where} refuses the password; check the one in {variable}"
        case redis.ConnectionError() | redis.TimeoutError():
            return (
                f"the store at {where} does not answer; check that its server runs and that {variable} names it "
                "(a backend that was made before a new `aerq up` keeps the old address)"
            )
        case redis.InvalidResponse():
            return f"what answers at {where} is no Redis or Valkey server; check {variable}"
        case redis.OutOfMemoryError():
            return f"the store at {where} is full (maxmemory with noeviction); delete jobs or give it more memory"
    return refusal(f"the store at {where}", error)


def refusal(server: str, error: redis.RedisError) -> str:
    """The sentence on a server that answers and refuses.

    Args:
        server: how the sentence calls it.
        error: its answer.
    """
    return (
        f"{server} refuses ({code_of(error)}); its log says why, often the rights of its user, a full disk or a "
        "replica that is missing"
    )


def code_of(error: redis.RedisError) -> str:
    """The server's word for an error (MISCONF, BUSY), or the client's. The rest may quote what was in the command."""
    # redis-py puts its own words before those of an error in a pipeline.
    word = re.sub(r"^Command # .* of pipeline caused error: ", "", str(error), flags=re.DOTALL).partition(" ")[0]
    return word if re.fullmatch("[A-Z]{4,16}", word) else type(error).__name__
