"""The Celery tasks: what a slot does with one message."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from celery import Celery, Task
from celery.exceptions import Ignore, Reject

from ..config.errors import AerqError, UnavailableError
from ..config.queues import RUN_BASIC, RUN_EXPERIMENTS
from ..config.settings import Settings
from .message import Message
from .qobj import Qobj
from .records.states import TaskState
from .records.store import Records
from .tasklog import log_end, log_start, reason_in
from .wire.errors import DecodingError
from .wire.payload import QobjDecoder
from .wire.results import encode_output, split_parts
from .worker.instance import this_instance

T = TypeVar("T")
#: Makes a kernel in the process that calls it.
MakeKernel = Callable[[], Callable[[Qobj], dict[str, Any]]]
logger = logging.getLogger(__name__)

MEBIBYTE = 1024 * 1024
#: Celery's request with what aerq does when a slot dies; only a worker's parent imports it.
REQUEST = "aerq.tasks.worker.request:ExperimentRequest"
#: Pauses between tries while the store is away, in seconds.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0


class ExperimentsFailedError(AerqError):
    """A task failed without a result; its record says why."""


class CancelledBefore(Ignore):  # type: ignore[misc]
    """A message has arrived for a task that is cancelled."""


class Slot:
    """What one slot keeps warm between tasks: connection, decoder and kernel.

    Args:
        settings: store and limits.
        kernel: makes the kernel at the first task, in this process.
    """

    def __init__(self, settings: Settings, kernel: MakeKernel) -> None:
        self._settings = settings
        self._make_kernel = kernel
        self._run: Callable[[Qobj], dict[str, Any]] | None = None
        self.records = Records(settings)
        self._turns = itertools.count(1)
        self._decoder = QobjDecoder(settings.max_payload_mb * MEBIBYTE, self.records.payloads)

    def run(self, message: Message, instance: str) -> str:
        """Runs one task and records how it ended.

        Args:
            message: what to run.
            instance: the instance of a worker that this slot belongs to.

        Returns:
            The state that the task ended in.

        Raises:
            Ignore: if there is nothing to do: the job is gone, cancelled, the task has ended before, or another slot
                runs it. Should that one die, the task gets a new message.
            Reject: if the store stays away; the message goes back to the queue.
            ExperimentsFailedError: if the task failed without a result.
        """
        run = f"{os.getpid()}:{next(self._turns)}"
        verdict = self._persist(lambda: self.records.start(message.job, message.index, instance, run))
        if verdict.answer == "exhausted":
            raise ExperimentsFailedError(f"started {verdict.attempt} times, never ended")
        if verdict.answer == "cancelled":
            raise CancelledBefore("the task is cancelled")
        if verdict.answer != "run":
            raise Ignore(f"nothing to run: {verdict.answer}")
        log_start(message, verdict.attempt)
        began = time.monotonic()
        qobj = None
        try:
            qobj = self._persist(lambda: self._decoder.decode(message))
            if self._run is None:
                self._run = self._make_kernel()
            began = time.monotonic()
            with killable():
                output = self._run(qobj)
            seconds = time.monotonic() - began
            data = encode_output(output)
            if len(data) > self._settings.max_result_mb * MEBIBYTE:
                raise ExperimentsFailedError(
                    f"the result has {len(data) // MEBIBYTE} MiB, the limit is {self._settings.max_result_mb} MiB; "
                    "save less, or raise AERQ_MAX_RESULT_MB on the workers"
                )
        except Reject:
            raise
        except Exception as error:
            reason, seconds = reason_of(error), time.monotonic() - began
            log_end(message, qobj, verdict.attempt, TaskState.FAILED, seconds, reason)
            if not self._finish(message, verdict.attempt, TaskState.FAILED, seconds, reason):
                raise Ignore("the task has ended, or a newer attempt runs") from None
            raise ExperimentsFailedError(reason) from None
        state = TaskState.DONE if output.get("success", False) else TaskState.MARKED
        log_end(message, qobj, verdict.attempt, state, seconds, reason_in(output))
        parts = split_parts(data, self._settings.result_part_mb * MEBIBYTE)
        if not self._finish(message, verdict.attempt, state, seconds, parts=parts):
            raise Ignore("the task has ended, or a newer attempt runs")
        return state.value

    def _finish(
        self,
        message: Message,
        attempt: int,
        state: TaskState,
        seconds: float,
        reason: str = "",
        parts: Sequence[bytes | memoryview] = (),
    ) -> bool:
        """Records the end; a slot holds on to what it has computed until the store takes it."""
        return self._persist(
            lambda: self.records.finish(
                message.job, message.index, attempt, state, seconds=seconds, reason=reason, parts=parts
            )
        )

    def _persist(self, operation: Callable[[], T]) -> T:
        """Does something with the store, trying again while it is away.

        Raises:
            Reject: if it stays away; the message goes back to the queue, and another slot tries.
        """
        deadline = time.monotonic() + self._settings.visibility_timeout_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return operation()
            except UnavailableError as error:
                if time.monotonic() > deadline:
                    raise Reject(str(error), requeue=True) from error
                logger.warning("%s; trying again in %.1f s", error, pause, extra={"action": "wait_for_store"})
            threading.Event().wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


@contextmanager
def killable() -> Iterator[None]:
    """Lets SIGTERM end this process at once while a kernel runs: a Python handler would wait for the kernel's end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def reason_of(error: BaseException) -> str:
    """One sentence on an error, without a traceback: paths of the worker are nobody's business."""
    if isinstance(error, MemoryError):
        return (
            "its slot ran out of memory; save less, use a method that needs less, or give the workers' slots more "
            "memory (fewer slots, or AERQ_SLOT_MEMORY_MB)"
        )
    text = getattr(error, "message", None) or " ".join(str(part) for part in error.args)
    return str(text) if isinstance(error, AerqError) else f"{type(error).__name__}: {text}"


def register(app: Celery, settings: Settings, kernels: Mapping[str, MakeKernel]) -> None:
    """Registers the tasks that a worker runs.

    Args:
        app: the application.
        settings: store and limits.
        kernels: makes the kernel of a slot, by the name of the task that it runs for.
    """
    slots: dict[str, Slot] = {}

    def run(task: Task, kwargs: dict[str, Any]) -> str:
        try:
            message = Message.from_kwargs(kwargs)
        except DecodingError as error:
            logger.error("a message was refused: %s", error, extra={"action": "refuse_message"})
            raise ExperimentsFailedError(str(error)) from None
        if task.name not in slots:
            slots[task.name] = Slot(settings, kernels[task.name])
        return slots[task.name].run(message, this_instance(task.request.hostname or ""))

    options = {"bind": True, "max_retries": None, "throws": (ExperimentsFailedError,), "Request": REQUEST}

    @app.task(name=RUN_EXPERIMENTS, **options)  # type: ignore[untyped-decorator]
    def run_experiments(self: Task, **kwargs: Any) -> str:
        """Runs the experiments that a message names with Aer, once per cluster at a time."""
        return run(self, kwargs)

    @app.task(name=RUN_BASIC, **options)  # type: ignore[untyped-decorator]
    def run_basic(self: Task, **kwargs: Any) -> str:
        """Runs the circuits that a message names with Qiskit's BasicSimulator, once per cluster at a time."""
        return run(self, kwargs)
