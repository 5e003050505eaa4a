"""A store that does not answer while somebody waits: when to go on, when to say so, and when to stop asking."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ..config.errors import UnavailableError
from .deadline import Deadline

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: How long a wait without a deadline stays with a store that does not answer, in seconds.
PATIENCE_SECONDS = 120.0
#: Between two tries, in seconds.
PAUSE_SECONDS = 0.5
#: A question gets so many seconds for its answer, however little time is left, and so many beyond the time that is.
_LEAST_SECONDS, _BEYOND_SECONDS = 5.0, 1.0


class Outage:
    """What one wait knows of the store being away.

    Args:
        deadline: when the wait gives up.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._since: float | None = None
        self._error: UnavailableError | None = None

    def happened(self, error: UnavailableError, job_id: str) -> None:
        """Notes that the store did not answer.

        Raises:
            UnavailableError: if the wait has no deadline and the store has been away for two minutes.
        """
        now = time.monotonic()
        if self._since is None:
            self._since = now
            logger.warning("job %s: %s; waiting for it to come back", job_id, error, extra={"action": "wait_for_store"})
        self._error = error
        if self._deadline.at is None and now - self._since > PATIENCE_SECONDS:
            raise error

    def over(self) -> None:
        """Notes that the store answers."""
        self._since = self._error = None

    def end(self) -> None:
        """The wait is at its deadline.

        Raises:
            UnavailableError: if the store is away.
        """
        if self._error is not None:
            raise self._error


class SilentError(UnavailableError):
    """The store has not answered in time, and may do so yet."""


def answered(ask: Callable[[], T], deadline: Deadline) -> T:
    """Asks the store, and stops waiting soon after the deadline where the store, or the network, stands still.

    A connection notices that only after half a minute or more, and nothing can be told to it while it reads. So the
    question is asked by a thread of its own, which is left to itself if need be.

    Args:
        ask: a short question; it may go on when nobody waits for its answer any more.
        deadline: when the caller's time is up; without one the connection's own patience is waited for.

    Raises:
        SilentError: if there is no answer in time.
    """
    return ask() if deadline.at is None else awaited(asked(ask), deadline)


def asked(ask: Callable[[], T]) -> concurrent.futures.Future[T]:
    """Asks in a thread of its own; the answer to come."""
    answer: concurrent.futures.Future[T] = concurrent.futures.Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="aerq-ask", daemon=True).start()
    return answer


def awaited(answer: concurrent.futures.Future[T], deadline: Deadline) -> T:
    """Waits for an answer until soon after the deadline.

    Raises:
        SilentError: if there is none in time.
    """
    left = deadline.remaining(threading.TIMEOUT_MAX / 2)
    concurrent.futures.wait([answer], max(left + _BEYOND_SECONDS, _LEAST_SECONDS))
    if not answer.done():
        raise SilentError("the store does not answer; its server, or the network on the way, stands still")
    return answer.result()


def through_outages(ask: Callable[[], T], deadline: Deadline, job_id: str) -> T:
    """Asks the store until it answers.

    Args:
        ask: what to ask.
        deadline: when to give up.
        job_id: the job, for the log.

    Raises:
        UnavailableError: if the store was away at the deadline, or for two minutes without one.
    """
    outage = Outage(deadline)
    while True:
        try:
            return ask()
        except UnavailableError as error:
            outage.happened(error, job_id)
            if deadline.passed:
                raise
        threading.Event().wait(deadline.remaining(PAUSE_SECONDS))
