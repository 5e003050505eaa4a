"""What one slot does with the tasks of a message, and what it keeps warm between messages."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from celery.exceptions import Ignore, Reject

from ..config.errors import AerqError, UnavailableError
from ..config.settings import Settings
from .message import Message, parse_task_id
from .qobj import Qobj
from .records.speeds import Measured
from .records.states import TaskState, new_run
from .records.store import Records, Verdict
from .tasklog import log_end, log_start, reason_in
from .wire.payload import QobjDecoder
from .wire.results import encode_output, split_parts

T = TypeVar("T")
#: Makes a kernel in the process that calls it.
MakeKernel = Callable[[], Callable[[Qobj], dict[str, Any]]]
logger = logging.getLogger(__name__)

MEBIBYTE = 1024 * 1024
#: In what a slot says of several tasks: one that did not end in it.
NOT_HERE = "-"
#: Of what Aer or an error says so much is kept in a task's record.
_LONGEST_REASON = 2000
#: Pauses between tries while the store is away, in seconds.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0


class ExperimentsFailedError(AerqError):
    """A task failed without a result; its record says why."""


class CancelledBefore(Ignore):  # type: ignore[misc]
    """A message has arrived for a task that is cancelled."""


@dataclass(frozen=True)
class Ended:
    """How an attempt at a task ended: its state, seconds in the kernel, why it failed, and its result in pieces."""

    state: TaskState
    seconds: float
    reason: str = ""
    parts: list[memoryview] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """What is recorded of it."""
        reason = self.reason[:_LONGEST_REASON]
        return {"state": self.state, "seconds": self.seconds, "reason": reason, "parts": self.parts}


@dataclass(frozen=True)
class _Start:
    """A task that is to start: its message, the worker's instance that starts it, and the token of that run."""

    message: Message
    instance: str
    run: str


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
        self._measured = Measured(self.records, settings)
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
        run = new_run()
        verdict = self._start(message, instance, run)
        if verdict.answer == "exhausted":
            raise ExperimentsFailedError(_exhausted(verdict))
        if verdict.answer == "cancelled":
            raise CancelledBefore("the task is cancelled")
        if verdict.answer != "run":
            raise Ignore(f"nothing to run: {verdict.answer}")
        ended, taken = self._finish(message, run, self._attempt(message, verdict.attempt))
        if not taken:
            raise Ignore("the task has ended, or another run was started")
        if ended.state is TaskState.FAILED:
            raise ExperimentsFailedError(ended.reason)
        return ended.state.value

    def run_all(self, messages: Sequence[Message], instance: str) -> str:
        """Runs several tasks, one after the other, and records how each ended; one's failure is none of the others'.

        Args:
            messages: what to run.
            instance: the instance of a worker that this slot belongs to.

        Returns:
            The state in which each ended, in one line; `NOT_HERE` for one that has ended before, or that others run.

        Raises:
            Reject: if the store stays away; the message goes back to the queue.
        """
        found = []
        run = new_run()
        verdict = self._start(messages[0], instance, run)
        for message, following in itertools.zip_longest(messages, messages[1:]):
            then = _Start(following, instance, new_run()) if following is not None else None
            if verdict.answer == "run":
                state, verdict = self._run_one(message, run, verdict.attempt, then)
                found.append(state)
            else:
                states = {"exhausted": TaskState.FAILED.value, "cancelled": TaskState.CANCELLED.value}
                found.append(states.get(verdict.answer, NOT_HERE))
                if then is not None:
                    verdict = self._start(then.message, then.instance, then.run)
            run = then.run if then is not None else ""
        return " ".join(found)

    def _run_one(self, message: Message, run: str, attempt: int, then: _Start | None) -> tuple[str, Verdict]:
        """Runs one of several tasks, and starts the following one in the same step that records the end of this one.

        When this returns nothing holds the result any more: the next kernel needs the slot's whole memory.
        """
        ended = self._attempt(message, attempt)
        if then is None:
            ended, taken = self._finish(message, run, ended)
            verdict = Verdict("none", 0)
        else:
            ended, (taken, verdict) = self._finish_and_start(message, run, ended, then)
        return ended.state.value if taken else NOT_HERE, verdict

    def _finish(self, message: Message, run: str, ended: Ended) -> tuple[Ended, bool]:
        def finish(how: Ended) -> bool:
            return self.records.finish(message.job, message.index, run, **how.fields())

        return self._recorded(ended, finish)

    def _finish_and_start(
        self, message: Message, run: str, ended: Ended, then: _Start
    ) -> tuple[Ended, tuple[bool, Verdict]]:
        start = then.message.index, then.instance, then.run

        def finish_and_start(how: Ended) -> tuple[bool, Verdict]:
            return self.records.finish_and_start(message.job, message.index, run, then=start, **how.fields())

        return self._recorded(ended, finish_and_start)

    def _recorded(self, ended: Ended, record: Callable[[Ended], T]) -> tuple[Ended, T]:
        """Records how a task ended; a result that cannot be sent, as for want of memory, fails that task alone."""
        try:
            return ended, self._persist(lambda: record(ended))
        except Reject:
            raise
        except Exception as error:
            failed = Ended(TaskState.FAILED, ended.seconds, reason_of(error))
        ended.parts.clear()  # it may be their memory that is missing
        found = self._persist(lambda: record(failed))
        with contextlib.suppress(Exception):
            logger.warning("a result could not be stored: %s", failed.reason, extra={"action": "end_task"})
        return failed, found

    def refuse(self, task_ids: Iterable[str], reason: str, instance: str) -> None:
        """Ends tasks whose message cannot be read, unless another worker has them by now."""
        for place in filter(None, map(parse_task_id, task_ids)):
            self._persist(functools.partial(self.records.fail, *place, reason, instance=instance))

    def _start(self, message: Message, instance: str, run: str) -> Verdict:
        return self._persist(lambda: self.records.start(message.job, message.index, instance, run))

    def _attempt(self, message: Message, attempt: int) -> Ended:
        """Runs a task that was started here; a slot holds on to what it has computed until the store takes it."""
        began = time.monotonic()
        qobj = output = None
        try:
            log_start(message, attempt)
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
            state = TaskState.DONE if output.get("success", False) else TaskState.MARKED
            parts = split_parts(data, self._settings.result_part_mb * MEBIBYTE)
            ended = Ended(state, seconds, "" if state is TaskState.DONE else reason_in(output), parts)
        except Reject:
            raise
        except Exception as error:
            ended = Ended(TaskState.FAILED, time.monotonic() - began, reason_of(error))
        # Whatever goes wrong in what is told of it is no part of how it ended.
        with contextlib.suppress(Exception):
            log_end(message, qobj, attempt, ended.state, ended.seconds, ended.reason)
        if output is not None and ended.state is TaskState.DONE:
            with contextlib.suppress(Exception):
                self._learn(message, output, ended.seconds)
        return ended

    def _learn(self, message: Message, output: Mapping[str, Any], seconds: float) -> None:
        """Tells how long the kernel took. Nobody waits for that, and a store that is away misses it."""
        method = str(output["results"][0].get("metadata", {}).get("method", ""))
        self._measured.add(method, message.seconds, seconds)

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


def _exhausted(verdict: Verdict) -> str:
    return f"started {verdict.attempt} times, never ended"


def reason_of(error: BaseException) -> str:
    """One sentence on an error, without a traceback: paths of the worker are nobody's business."""
    if isinstance(error, MemoryError):
        return (
            "its slot ran out of memory; save less, use a method that needs less, or give the workers' slots more "
            "memory (fewer slots, or AERQ_SLOT_MEMORY_MB)"
        )
    text = getattr(error, "message", None) or " ".join(str(part) for part in error.args)
    return str(text) if isinstance(error, AerqError) else f"{type(error).__name__}: {text}"
