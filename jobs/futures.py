"""Futures of any executor: `concurrent.futures`, Dask, and ours."""

from __future__ import annotations

import concurrent.futures
import threading
from typing import Any

from qiskit.providers import JobStatus

from .celeryfuture import CeleryFuture
from .deadline import Deadline
from .errors import JobError


def future_status(future: Any) -> JobStatus:
    """The status of a future.

    Raises:
        JobError: if it is in no state that a future can be in.
    """
    if isinstance(future, CeleryFuture):
        return future.job_status()
    # The order matters: a future that is not running, cancelled or done is waiting for its turn.
    try:
        if hasattr(future, "running") and future.running():
            return JobStatus.RUNNING
        if future.cancelled():
            return JobStatus.CANCELLED
        if future.done():
            return JobStatus.DONE if future.exception() is None and _succeeded(future) else JobStatus.ERROR
    except AttributeError as error:
        raise JobError(f"the executor's future {type(future).__name__} cannot tell its state") from error
    return JobStatus.QUEUED


def wait_for_future(future: Any, deadline: Deadline) -> bool:
    """Waits for a future to end; returns whether that came before the deadline."""
    if isinstance(future, CeleryFuture):
        return future.wait(deadline)
    ended = threading.Event()
    if hasattr(future, "add_done_callback"):
        future.add_done_callback(lambda _: ended.set())
        return ended.wait(None if deadline.at is None else deadline.remaining(threading.TIMEOUT_MAX))
    concurrent.futures.wait([future], None if deadline.at is None else deadline.remaining(threading.TIMEOUT_MAX))
    return bool(future.done())


def _succeeded(future: Any) -> bool:
    """Whether what a finished future holds says that its simulation succeeded."""
    value = future.result()
    if isinstance(value, dict):
        return bool(value.get("success", True))
    return bool(getattr(value, "success", True))
