"""Futures of any executor as jobs see them: `concurrent.futures`, Dask, Celery's `AsyncResult`, and ours."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any, Protocol

from celery import states
from celery.exceptions import TaskRevokedError
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult
from qiskit.providers import JobStatus
from qiskit.providers.jobstatus import JOB_FINAL_STATES

from .celeryfuture import CeleryFuture
from .deadline import Deadline
from .errors import JobError
from .status import ASYNC_RESULT_STATUS

#: Pause between two looks at a future that cannot call back, in seconds.
_PAUSE_SECONDS = 0.05


class JobFuture(Protocol):
    """What a job asks of its future."""

    def job_status(self) -> JobStatus:
        """The status in Qiskit's words."""

    def wait(self, deadline: Deadline) -> bool:
        """Waits for the end; returns whether that came before the deadline."""

    def result(self, timeout: float | None = None) -> Any:
        """What it brought; raises as a `concurrent.futures.Future` does."""

    def error_message(self) -> str | None:
        """Why it failed, or None if it did not."""

    def cancel(self) -> bool:
        """Cancels it; returns whether that came before its end."""

    def on_end(self, callback: Callable[[], object]) -> bool:
        """Has something called at the end; returns whether this future can do that."""


def job_future(future: Any) -> JobFuture:
    """The future of any executor, as jobs see it."""
    if isinstance(future, CeleryFuture):
        return future
    return TaskResultFuture(future) if isinstance(future, AsyncResult) else OtherFuture(future)


class OtherFuture:
    """A future of a user's own executor.

    Args:
        future: anything with `done`, `cancelled`, `cancel`, `exception` and `result`.
    """

    def __init__(self, future: Any) -> None:
        self._future = future
        self._final: JobStatus | None = None
        self._ended = threading.Event()
        self._calls_back = self.on_end(self._ended.set)

    def job_status(self) -> JobStatus:
        """The status of the future; the first end that was seen stands, whatever its executor says later.

        Raises:
            JobError: if it is in no state that a future can be in.
        """
        if self._final is None:
            status = self._ask()
            if status not in JOB_FINAL_STATES:
                return status
            self._final = status
        return self._final

    def _ask(self) -> JobStatus:
        future = self._future
        # The order matters: a future that is not running, cancelled or done is waiting for its turn.
        try:
            if hasattr(future, "running") and future.running():
                return JobStatus.RUNNING
            if future.cancelled():
                return JobStatus.CANCELLED
            if future.done():
                return JobStatus.DONE if future.exception() is None and _succeeded(future.result()) else JobStatus.ERROR
        except AttributeError as error:
            raise JobError(f"the executor's future {type(future).__name__} cannot tell its state") from error
        return JobStatus.QUEUED

    def wait(self, deadline: Deadline) -> bool:
        """Waits for the end; returns whether that came before the deadline."""
        if self._calls_back:
            return self._ended.wait(None if deadline.at is None else deadline.remaining(threading.TIMEOUT_MAX))
        while not self._future.done():
            if deadline.passed:
                return False
            self._ended.wait(deadline.remaining(_PAUSE_SECONDS))
        return True

    def result(self, timeout: float | None = None) -> Any:
        """What the function returned; raises what it raised."""
        try:
            return self._future.result(timeout=timeout)
        except asyncio.CancelledError as error:  # Dask's
            raise concurrent.futures.CancelledError(str(error)) from error

    def error_message(self) -> str | None:
        """Why it failed, or None if it did not."""
        if self.job_status() is not JobStatus.ERROR:
            return None
        error = self._future.exception()
        return "an experiment failed; result() says which" if error is None else str(error) or type(error).__name__

    def cancel(self) -> bool:
        """Cancels it; returns whether that came before its end."""
        if self._future.done():  # Dask forgets what it has then
            return self.job_status() is JobStatus.CANCELLED
        answer = self._future.cancel()
        return bool(self._future.cancelled() if answer is None else answer)

    def on_end(self, callback: Callable[[], object]) -> bool:
        """Has something called at the end; returns whether this future can do that."""
        if not hasattr(self._future, "add_done_callback"):
            return False
        self._future.add_done_callback(lambda _: callback())
        return True


class TaskResultFuture:
    """The `AsyncResult` of a Celery task that the user wrote.

    Args:
        result: the `AsyncResult`.
    """

    def __init__(self, result: AsyncResult) -> None:
        self._result = result

    def async_result(self) -> AsyncResult:
        """Celery's own object."""
        return self._result

    def job_status(self) -> JobStatus:
        """The status by the task's state.

        Raises:
            JobError: if the task is in a state that is not one of Celery's.
        """
        state = self._result.state
        if state == states.SUCCESS:
            return JobStatus.DONE if _succeeded(self._result.result) else JobStatus.ERROR
        try:
            return ASYNC_RESULT_STATUS[state]
        except KeyError:
            raise JobError(f"task {self._result.id} is in the state {state!r}, which is none of Celery's") from None

    def wait(self, deadline: Deadline) -> bool:
        """Waits for the end; returns whether that came before the deadline."""
        pause = threading.Event()
        while self.job_status() not in JOB_FINAL_STATES:
            if deadline.passed:
                return False
            pause.wait(deadline.remaining(_PAUSE_SECONDS))
        return True

    def result(self, timeout: float | None = None) -> Any:
        """What the task returned; raises what it raised."""
        if not self.wait(Deadline.after(timeout)):
            raise TimeoutError
        try:
            return self._result.get(timeout=timeout)
        except TaskRevokedError as error:
            raise concurrent.futures.CancelledError(str(error)) from error
        except CeleryTimeoutError as error:
            raise TimeoutError from error

    def error_message(self) -> str | None:
        """Why it failed, or None if it did not."""
        if self.job_status() is not JobStatus.ERROR:
            return None
        found = self._result.result
        return str(found) if isinstance(found, BaseException) else "an experiment failed; result() says which"

    def cancel(self) -> bool:
        """Revokes the task and kills what runs of it; returns whether that came before its end, now or earlier."""
        if self._result.ready():
            return self.job_status() is JobStatus.CANCELLED
        self._result.revoke(terminate=True, signal="SIGKILL")
        return True

    def on_end(self, callback: Callable[[], object]) -> bool:
        """Celery's results call nobody back."""
        return False


def _succeeded(value: Any) -> bool:
    """Whether what a finished future holds says that its simulation succeeded."""
    if isinstance(value, dict):
        return bool(value.get("success", True))
    return bool(getattr(value, "success", True))
