"""The states of a task and what is kept about each one."""

from __future__ import annotations

import enum
import os
import secrets
from dataclasses import dataclass
from typing import Any

import msgpack

from ..wire.errors import DecodingError


class TaskState(enum.StrEnum):
    """Where a task stands. The first final state stands, whatever arrives later."""

    QUEUED = "queued"
    RUNNING = "running"
    #: Every experiment succeeded.
    DONE = "done"
    #: Aer ran and marked at least one experiment as failed; there is a result.
    MARKED = "marked"
    #: The task failed without a result; `reason` says why.
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the task has ended."""
        return self not in (TaskState.QUEUED, TaskState.RUNNING)

    @property
    def has_result(self) -> bool:
        """Whether a result was stored."""
        return self in (TaskState.DONE, TaskState.MARKED)


@dataclass(frozen=True)
class TaskRecord:
    """What is known of one task.

    Attributes:
        state: where it stands.
        attempt: how often it was started, 0 before the first start.
        started: the store's time of the last start in seconds since the epoch, 0 before.
        finished: the store's time of the end, 0 before.
        instance: the instance of a worker that ran it last: its name and what tells it from its next start.
        seconds: time in the kernel.
        reason: why it failed, or what happened to the last attempt.
        parts: in how many pieces the result is stored.
        run: the run that was started last, see `new_run`; once the task has ended, the run that brought the end, or
            nothing if it was ended from outside.
        spared: how many of its starts do not count: they were handed back without a fault of the task.
    """

    state: TaskState = TaskState.QUEUED
    attempt: int = 0
    started: float = 0.0
    finished: float = 0.0
    instance: str = ""
    seconds: float = 0.0
    reason: str = ""
    parts: int = 0
    run: str = ""
    spared: int = 0

    @property
    def worker(self) -> str:
        """Name of the worker that ran it last."""
        return self.instance.partition("#")[0]

    @property
    def attempts(self) -> int:
        """How many of its starts count."""
        return self.attempt - self.spared

    @property
    def pid(self) -> int | None:
        """The process of the slot that runs it, or None."""
        number = self.run.partition(":")[0]
        return int(number) if number.isdigit() else None


@dataclass(frozen=True)
class LostRun:
    """A run of a task that was taken from its worker: when it began and was lost, why, and whether that counts.

    Times are seconds since the epoch by the store's clock.
    """

    index: int
    attempt: int
    started: float
    lost: float
    instance: str
    reason: str
    counts: bool

    @property
    def worker(self) -> str:
        """Name of the worker that ran it."""
        return self.instance.partition("#")[0]


QUEUED = TaskRecord()


def new_run() -> str:
    """Names one run of a task in this process, as `PID:TOKEN`: no other run is ever called so.

    The number of an attempt is not enough: a store that lost its last writes gives the same one twice.
    """
    return f"{os.getpid()}:{secrets.token_hex(8)}"


def unpack_loss(data: bytes) -> LostRun:
    """Reads a lost run as `lua/release.lua` has packed it.

    Raises:
        DecodingError: if it is not one.
    """
    try:
        index, attempt, started, lost, instance, reason, counts = msgpack.unpackb(data)
        return LostRun(int(index), int(attempt), float(started), float(lost), str(instance), str(reason), bool(counts))
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise DecodingError("a lost run cannot be read; it was written by another version of aerq") from error


def unpack_task(data: bytes | None) -> TaskRecord:
    """Reads what the scripts in `lua/` have packed; None is a task that nobody has touched yet.

    Raises:
        DecodingError: if it is not such a record.
    """
    if data is None:
        return QUEUED
    try:
        fields: list[Any] = msgpack.unpackb(data)
        state, attempt, started, finished, instance, seconds, reason, parts, run, spared = fields
        return TaskRecord(
            TaskState(state),
            int(attempt),
            float(started),
            float(finished),
            instance,
            float(seconds),
            reason,
            int(parts),
            run,
            int(spared),
        )
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise DecodingError("the record of a task cannot be read; it was written by another version of aerq") from error
