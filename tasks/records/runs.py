"""The runs of tasks: who may begin one, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...config.store import store_errors
from ..wire.errors import DecodingError
from . import keys
from .scripts import Scripts
from .states import QUEUED, LostRun, TaskRecord, TaskState, unpack_loss, unpack_task

#: A longer result is stored before its task ends; a shorter one together with the end, in one round trip.
_LONGEST_INLINE = 1024 * 1024


@dataclass(frozen=True)
class Verdict:
    """The answer to "may I run this task?": run, unknown, final, cancelled, held, exhausted; and the attempt."""

    answer: str
    attempt: int


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
        arguments = [index, instance, run, self._settings.max_attempts]
        answer, attempt = self._call("start", job_id, arguments, keys.WORKERS)
        return Verdict(answer.decode(), int(attempt))

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
        """Ends a task with what a run of it brought.

        Args:
            job_id: the job.
            index: the task's number in it.
            run: the run, as it was given to `start`. The same run gets the same answer again.
            state: how it ended.
            seconds: time in the kernel.
            reason: why it failed.
            parts: the result, in pieces.

        Returns:
            Whether the task ended by this run; False if it had ended otherwise, or another run was started since.
        """
        inline = _inline(parts)
        stored: list[str] = []
        if parts and not inline:
            with store_errors(self._settings):
                ttl = int(self._client.hget(keys.job(job_id), "ttl") or self._settings.result_ttl_seconds)
                pipe = self._client.pipeline(transaction=False)
                for number, part in enumerate(parts):
                    stored.append(keys.result(job_id, index, run, number))
                    pipe.set(stored[-1], part, ex=ttl)
                pipe.execute()
        arguments = [index, run, state.value, repr(seconds), reason, len(parts), bytes(inline)]
        taken = bool(self._call("finish", job_id, arguments, keys.result(job_id, index, run)))
        if stored and not taken:  # nobody would ever read them
            with store_errors(self._settings):
                self._client.unlink(*stored)
        return taken

    def finish_and_start(
        self,
        job_id: str,
        index: int,
        run: str,
        state: TaskState,
        then: tuple[int, str, str],
        *,
        seconds: float = 0.0,
        reason: str = "",
        parts: Sequence[bytes | memoryview] = (),
    ) -> tuple[bool, Verdict]:
        """Ends a task and asks to run another one of the same job; see `finish` and `start`.

        With a short result both happen or neither: at no moment does one slot hold two tasks, which its death
        would charge both.

        Args:
            job_id: the job.
            index: the number of the task that has ended.
            run: its run.
            state: how it ended.
            then: the number of the other task, the instance of the worker that asks, and its run.
            seconds: time in the kernel.
            reason: why it failed.
            parts: the result, in pieces.
        """
        inline = _inline(parts)
        if parts and not inline:
            taken = self.finish(job_id, index, run, state, seconds=seconds, reason=reason, parts=parts)
            return taken, self.start(job_id, *then)
        arguments = [index, run, state.value, repr(seconds), reason, len(parts), bytes(inline)]
        arguments += [*then, self._settings.max_attempts]
        more_keys = (keys.result(job_id, index, run), keys.WORKERS)
        found, answer, attempt = self._call("turn", job_id, arguments, *more_keys)
        return bool(found), Verdict(answer.decode(), int(attempt))

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
