"""What one slot does with the tasks of a message, and what it keeps warm between messages."""

from __future__ import annotations

import contextlib
import functools
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from celery.exceptions import Ignore, Reject

from ..config.errors import AerqError, UnavailableError
from ..config.settings import Settings
from .message import Message, parse_task_id
from .qobj import Qobj
from .records.runs import MOST_TOGETHER, RunEnd
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
_NOT_RUN = {"exhausted": TaskState.FAILED.value, "cancelled": TaskState.CANCELLED.value}
#: Tasks start together while they are estimated to take no longer than this in all, in seconds.
_TOGETHER_SECONDS = 0.025
#: So many bytes of results are held while the next task runs, and for so many seconds; then they are recorded first.
_MOST_HELD, _HELD_SECONDS = 256 * 1024, 0.1
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
        verdict = self._persist(lambda: self.records.start(message.job, message.index, instance, run))
        if verdict.answer == "exhausted":
            raise ExperimentsFailedError(_exhausted(verdict))
        if verdict.answer == "cancelled":
            raise CancelledBefore("the task is cancelled")
        if verdict.answer != "run":
            raise Ignore(f"nothing to run: {verdict.answer}")
        end, taken = self._finish(message.job, self._attempt(message, run, verdict.attempt))
        if not taken:
            raise Ignore("the task has ended, or another run was started")
        if end.state is TaskState.FAILED:
            raise ExperimentsFailedError(end.reason)
        return end.state.value

    def run_all(self, messages: Sequence[Message], instance: str) -> str:
        """Runs several tasks of a job, one after the other, and records how each ended; one's failure is its own.

        Very short ones start together, and what they bring is recorded together: to ask the store before each takes as
        long as a third of such a task.

        Args:
            messages: what to run.
            instance: the instance of a worker that this slot belongs to.

        Returns:
            The state in which each ended, in one line; `NOT_HERE` for one that has ended before, or that others run.

        Raises:
            Reject: if the store stays away; the message goes back to the queue.
        """
        states = {message.index: NOT_HERE for message in messages}
        left, ends = list(messages), list[RunEnd]()
        # One name for all: should an answer get lost, what has started all the same is still ours when it is asked for.
        run = new_run()
        while left or ends:
            some = self._together(left)
            verdicts = self._turn(messages[0].job, ends, states, some, instance, run)
            began = time.monotonic()
            del left[: len(verdicts)]
            for message, verdict in zip(some, verdicts, strict=False):
                # The next kernel needs the slot's whole memory; and what was to take a moment may take long.
                held = sum(len(part) for end in ends for part in end.parts)
                if held > _MOST_HELD or (ends and time.monotonic() - began > _HELD_SECONDS):
                    self._turn(message.job, ends, states)
                if verdict.answer == "run":
                    ends.append(self._attempt(message, run, verdict.attempt))
                else:
                    states[message.index] = _NOT_RUN.get(verdict.answer, NOT_HERE)
        return " ".join(states.values())

    def _together(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The tasks that are to start together: the first one, and those behind it while all of them are very short.

        Should the slot die of one of them nobody knows of which, so that start counts for none: not where only one is
        allowed.
        """
        if self._settings.max_attempts == 1:
            return messages[:1]
        seconds = 0.0
        for number, message in enumerate(messages[:MOST_TOGETHER]):
            seconds += message.seconds
            if not message.seconds or seconds > _TOGETHER_SECONDS:
                return messages[: max(number, 1)]
        return messages[:MOST_TOGETHER]

    def _turn(
        self,
        job: str,
        ends: list[RunEnd],
        states: dict[int, str],
        then: Sequence[Message] = (),
        instance: str = "",
        run: str = "",
    ) -> list[Verdict]:
        """Records how tasks ended, and asks to start others in the same step.

        Args:
            job: the job.
            ends: what has ended; empty afterwards, so that nothing holds a result any more.
            states: is told how each ended.
            then: the tasks to start.
            instance: the instance of a worker that starts them.
            run: their run.
        """
        indexes = [message.index for message in then]
        try:
            turn = self._persist(lambda: self.records.turn(job, ends, indexes, instance, run))
            taken, verdicts = turn.taken, turn.verdicts
        except Reject:
            raise
        except Exception:
            if not ends:
                raise
            verdicts = None
        if verdicts is None:  # for a result that cannot be sent: which of them?
            for number, end in enumerate(ends):
                ends[number], found = self._finish(job, end)
                states[end.index] = ends[number].state.value if found else NOT_HERE
            ends.clear()
            return self._turn(job, ends, states, then, instance, run) if then else []
        for end, found in zip(ends, taken, strict=True):
            states[end.index] = end.state.value if found else NOT_HERE
        ends.clear()
        return verdicts

    def _finish(self, job: str, end: RunEnd) -> tuple[RunEnd, bool]:
        """Records how a task ended; a result that cannot be sent, as for want of memory, fails that task alone."""
        try:
            return end, self._persist(lambda: self.records.turn(job, [end]).taken[0])
        except Reject:
            raise
        except Exception as error:
            failed = RunEnd(end.index, end.run, TaskState.FAILED, end.seconds, reason_of(error))
        end.parts.clear()  # it may be their memory that is missing
        found = self._persist(lambda: self.records.turn(job, [failed]).taken[0])
        with contextlib.suppress(Exception):
            logger.warning("a result could not be stored: %s", failed.reason, extra={"action": "end_task"})
        return failed, found

    def refuse(self, task_ids: Iterable[str], reason: str, instance: str) -> None:
        """Ends tasks whose message cannot be read, unless another worker has them by now."""
        for place in filter(None, map(parse_task_id, task_ids)):
            self._persist(functools.partial(self.records.fail, *place, reason, instance=instance))

    def _attempt(self, message: Message, run: str, attempt: int) -> RunEnd:
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
            reason = "" if state is TaskState.DONE else reason_in(output)
            end = RunEnd(message.index, run, state, seconds, reason, parts)
        except Reject:
            raise
        except Exception as error:
            seconds = time.monotonic() - began
            end = RunEnd(message.index, run, TaskState.FAILED, seconds, reason_of(error))
        # Whatever goes wrong in what is told of it is no part of how it ended.
        with contextlib.suppress(Exception):
            log_end(message, qobj, attempt, end.state, end.seconds, end.reason)
        if output is not None and end.state is TaskState.DONE:
            with contextlib.suppress(Exception):
                self._learn(message, output, end.seconds)
        return end

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
