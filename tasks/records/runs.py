"""The runs of tasks: who may begin one, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...config.store import store_errors
from ..wire.errors import DecodingError
from . import keys
from .scripts import Scripts
from .states import QUEUED, LostRun, TaskRecord, TaskState, unpack_loss, unpack_task

#: A longer result is stored before its task ends; a shorter one together with the end, in one round trip.
_LONGEST_INLINE = 1024 * 1024
#: So many tasks start together at most.
MOST_TOGETHER = 16
#: Of what Aer or an error says so much is kept in a task's record.
_LONGEST_REASON = 2000


@dataclass(frozen=True)
class Verdict:
    """The answer to "may I run this task?": run, unknown, final, cancelled, held, exhausted; and the attempt."""

    answer: str
    attempt: int


@dataclass(frozen=True)
class RunEnd:
    """How a run of a task ended.

    Attributes:
        index: the task's number in its job.
        run: the run, as it was given at its start. The same run gets the same answer again.
        state: how it ended.
        seconds: time in the kernel.
        reason: why it failed.
        parts: the result, in pieces: bytes or views of bytes.
    """

    index: int
    run: str
    state: TaskState
    seconds: float = 0.0
    reason: str = ""
    parts: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Turn:
    """What a slot hears between two kernels.

    Attributes:
        taken: for each run that has ended, whether its task ended by it.
        verdicts: for the tasks that it asked to run, in order: of the first one at least, and of those behind it that
            may run together with it.
    """

    taken: list[bool]
    verdicts: list[Verdict]


@dataclass(frozen=True)
class Release:
    """What became of a task that was taken away: queued, failed, held, final, unknown; and the attempts that count."""

    answer: str
    attempts: int


class Runs(Scripts):
    """The part of the records that workers write."""

    def payloads(self, digests: Sequence[str]) -> list[bytes]:
        """Fetches payloads.

        Raises:
            DecodingError: if one is gone.
        """
        with store_errors(self._settings):
            found = self._client.mget([keys.payload(digest) for digest in digests])
        for digest, data in zip(digests, found, strict=True):
            if data is None:
                raise DecodingError(
                    f"the payload {digest[:12]} is no longer in the store; it expired or was deleted, submit again"
                )
        return list(found)

    def start(self, job_id: str, index: int, instance: str, run: str) -> Verdict:
        """Asks to run a task, which counts an attempt.

        Args:
            job_id: the job.
            index: the task's number in it.
            instance: the instance of the worker that asks.
            run: the asking slot's run, see `new_run`. The same run gets the same answer again.
        """
        return self.turn(job_id, [], [index], instance, run).verdicts[0]

    def release(
        self, job_id: str, index: int, instance: str, reason: str, *, pid: int | None = None, charge: bool = True
    ) -> Release:
        """Takes a task away from an instance of a worker that no longer runs it.

        Args:
            job_id: the job.
            index: the task's number in it.
            instance: who held it.
            reason: what happened to it, as the end of a sentence.
            pid: only if this process of the instance ran it.
            charge: whether the attempt counts.
        """
        arguments = [index, instance, pid or "", int(charge), reason, self._settings.max_attempts]
        answer, attempts = self._call("release", job_id, arguments)
        return Release(answer.decode(), int(attempts))

    def finish(
        self,
        job_id: str,
        index: int,
        run: str,
        state: TaskState,
        *,
        seconds: float = 0.0,
        reason: str = "",
        parts: Sequence[bytes | memoryview] = (),
    ) -> bool:
        """Ends a task with what a run of it brought; see `RunEnd`.

        Returns:
            Whether the task ended by this run; False if it had ended otherwise, or another run was started since.
        """
        return self.turn(job_id, [RunEnd(index, run, state, seconds, reason, list(parts))]).taken[0]

    def turn(
        self, job_id: str, ends: Sequence[RunEnd], indexes: Sequence[int] = (), instance: str = "", run: str = ""
    ) -> Turn:
        """Ends tasks and asks to run others of the same job. All of it happens or nothing.

        Args:
            job_id: the job.
            ends: what has ended.
            indexes: the numbers of the tasks that are to start together: one process runs them one after the other,
                and ends them in one step, too. What was started before starts alone.
            instance: the instance of the worker that asks.
            run: the asking slot's run, see `new_run`. The same run gets the same answer again.
        """
        stored = self._store_long(job_id, ends)
        arguments: list[Any] = [instance, run, self._settings.max_attempts, len(ends)]
        for end in ends:
            # Reasons quote names, which may hold halves of characters.
            reason = end.reason[:_LONGEST_REASON].encode("utf-8", "replace")
            arguments += end.index, end.run, end.state.value, repr(end.seconds), reason, len(end.parts)
            arguments.append(bytes(_inline(end.parts)))
        arguments += indexes
        result_keys = [keys.result(job_id, end.index, end.run) for end in ends]
        found, verdicts = self._call("turn", job_id, arguments, keys.WORKERS, *result_keys)
        unused = [key for taken, long in zip(found, stored, strict=True) if not taken for key in long]
        if unused:  # nobody would ever read them
            with store_errors(self._settings):
                self._client.unlink(*unused)
        return Turn(
            [bool(taken) for taken in found],
            [Verdict(word.decode(), int(attempt)) for word, attempt in zip(verdicts[::2], verdicts[1::2], strict=True)],
        )

    def _store_long(self, job_id: str, ends: Sequence[RunEnd]) -> list[list[str]]:
        """Stores the results that are too long for the script; returns the keys of each."""
        stored: list[list[str]] = []
        for end in ends:
            stored.append([])
            if end.parts and not _inline(end.parts):
                with store_errors(self._settings):
                    ttl = int(self._client.hget(keys.job(job_id), "ttl") or self._settings.result_ttl_seconds)
                    pipe = self._client.pipeline(transaction=False)
                    for number, part in enumerate(end.parts):
                        stored[-1].append(keys.result(job_id, end.index, end.run, number))
                        pipe.set(stored[-1][-1], part, ex=ttl)
                    pipe.execute()
        return stored

    def fail(self, job_id: str, index: int, reason: str, *, cancelled: bool = False, instance: str = "") -> bool:
        """Ends a task without a result; returns whether this was the first end.

        Args:
            job_id: the job.
            index: the task's number in it.
            reason: why, in a sentence.
            cancelled: whether somebody wanted that.
            instance: not if another instance of a worker than this one runs it.
        """
        state = TaskState.CANCELLED if cancelled else TaskState.FAILED
        return bool(self._call("fail", job_id, [index, state.value, reason, instance]))

    def tasks(self, job_id: str, indexes: Sequence[int] | None = None) -> dict[int, TaskRecord]:
        """What is known of a job's tasks; tasks that nobody has touched yet are left out when all are asked for."""
        key = keys.tasks(job_id)
        with store_errors(self._settings):
            if indexes is None:
                return {int(index): unpack_task(data) for index, data in self._client.hgetall(key).items()}
            found = self._client.hmget(key, [str(index) for index in indexes]) if indexes else []
        return {index: unpack_task(data) for index, data in zip(indexes, found, strict=True)}

    def losses(self, job_id: str) -> list[LostRun]:
        """The runs of a job's tasks that were lost, oldest first; of very many the newest."""
        with store_errors(self._settings):
            found = self._client.lrange(keys.losses(job_id), 0, -1)
        return [unpack_loss(data) for data in found]

    def task(self, job_id: str, index: int) -> TaskRecord:
        """What is known of one task."""
        return self.tasks(job_id, [index]).get(index, QUEUED)


def _inline(parts: Sequence[bytes | memoryview]) -> bytes | memoryview:
    """A result that is stored together with the end of its task; nothing if it is too long for that."""
    return parts[0] if len(parts) == 1 and len(parts[0]) <= _LONGEST_INLINE else b""
