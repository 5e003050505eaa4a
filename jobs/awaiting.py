"""Waiting for jobs from `asyncio`: each wait has a thread of its own, which ends soon after its awaiter is gone.

The loop's own pool of threads will not do: it has a few threads, so many waits would stand in line behind each other,
and `asyncio.run` would not return before each of them had come to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ..config.errors import UnavailableError
from .deadline import Deadline
from .outage import PATIENCE_SECONDS

T = TypeVar("T")

#: The longest single wait of a thread: how long one lives on after its awaiter was cancelled, in seconds.
SLICE_SECONDS = 1.0


async def in_thread(call: Callable[[threading.Event], T]) -> T:
    """Awaits a call that blocks, in a thread of its own.

    Args:
        call: what to call; it is handed an event that is set when nobody waits for it any more.

    Raises:
        BaseException: whatever the call raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    abandoned = threading.Event()

    def settle(value: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)  # type: ignore[arg-type]  # without an error there is a value
        else:
            future.set_exception(error)

    def work() -> None:
        value: T | None = None
        failure: BaseException | None = None
        try:
            value = call(abandoned)
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile, so nobody waits
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=work, name="aerq-await", daemon=True).start()
    try:
        return await future
    finally:
        abandoned.set()


def wait_in_slices(wait: Callable[[Deadline], T], deadline: Deadline, abandoned: threading.Event) -> T:
    """Waits a slice at a time, until something comes of it, the time is up, or nobody waits any more.

    Args:
        wait: waits until a deadline and returns what came of it, false for nothing.
        deadline: when to give up.
        abandoned: set when nobody waits any more.

    Returns:
        What the last wait returned.

    Raises:
        UnavailableError: if the store was away at the deadline, or for two minutes without one.
    """
    away_since: float | None = None
    while True:
        try:
            found = wait(Deadline.after(deadline.remaining(SLICE_SECONDS)))
        except UnavailableError:
            away_since = away_since or time.monotonic()
            impatient = deadline.at is None and time.monotonic() - away_since > PATIENCE_SECONDS
            if deadline.passed or abandoned.is_set() or impatient:
                raise
            continue
        away_since = None
        if found or deadline.passed or abandoned.is_set():
            return found
