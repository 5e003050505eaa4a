"""Reading and changing the records of jobs. Each change is one script in the store, so nothing is ever half done."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import redis

from ...config.settings import Settings
from ...config.store import BLOCK_SECONDS, connect_store, store_errors
from ..wire.errors import DecodingError
from ..wire.results import join_parts
from . import keys
from .job import JobCounts, JobRecord
from .states import QUEUED, TaskRecord, TaskState, unpack_task

_SCRIPTS = ("create", "start", "release", "finish", "fail", "cancel", "beat", "leave")
#: Those that a full store runs all the same: they write little, and they are how it gets
#: room again, or how workers stay alive.
_RUN_WHEN_FULL = frozenset({"cancel", "release", "beat", "leave"})
#: A longer result is stored before its task ends; a shorter one together with the end, in one round trip.
_LONGEST_INLINE = 1024 * 1024
#: Completions in one read.
MOST_COMPLETIONS = 2000
#: Keys whose time is prolonged in one go.
_EXPIRE_AT_ONCE = 1000
_COUNTS = ("tasks", "running", "done", "marked", "failed", "cancelled")


@dataclass(frozen=True)
class Completion:
    """The end of one task: its index, its state, the attempt that ended it, and the parts of its result."""

    index: int
    state: TaskState
    attempt: int
    parts: int


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


@dataclass(frozen=True)
class OpenJob:
    """A job with tasks left: how many there are, wait and run, when it was submitted and to which queue."""

    job_id: str
    tasks: int
    queued: int
    running: int
    created: float
    queue: str


class Records:
    """The records of all jobs in one store; safe to share between threads.

    Args:
        settings: where the store is.

    Raises:
        UnavailableError: from every method, if the store does not answer.
        SettingsError: if no store is configured.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = connect_store(settings)
        folder = resources.files(__package__) / "lua"
        common = (folder / "common.lua").read_text()
        self._scripts = {
            name: self._client.register_script(
                ("#!lua flags=allow-oom\n" if name in _RUN_WHEN_FULL else "")
                + common
                + (folder / f"{name}.lua").read_text()
            )
            for name in _SCRIPTS
        }

    @property
    def client(self) -> redis.Redis:
        """The connection to the store."""
        return self._client

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def ping(self) -> float:
        """Asks for the store's time.

        Returns:
            Seconds since the epoch by the store's clock.
        """
        with store_errors(self._settings):
            seconds, micros = self._client.time()
        return float(seconds) + float(micros) / 1e6

    # -- submit ---------------------------------------------------------------------------------------------------

    def create(self, record: JobRecord, payloads: Mapping[str, bytes], metadata: bytes = b"") -> float | None:
        """Stores payloads and record of a new job; its tasks are queued.

        The record is written at once and last, so a job is there whole or not at all.

        Args:
            record: the job.
            payloads: what its messages name, by digest.
            metadata: the circuits' metadata, sealed; empty for none. It lives as long as the record.

        Returns:
            The time of the submit by the store's clock, or None if a job of this id is there already.
        """
        ttl = self._settings.result_ttl_seconds
        with store_errors(self._settings):
            pipe = self._client.pipeline(transaction=False)
            for digest, data in payloads.items():
                pipe.set(keys.payload(digest), data, ex=ttl)
            pipe.execute()
        submit = secrets.token_hex(8)
        arguments = [record.job_id, record.pack(), len(record.messages), ttl, metadata, record.queue, submit]
        created = self._call("create", record.job_id, arguments, keys.JOBS, keys.OPEN)
        return None if created is None else float(created)

    # -- worker ---------------------------------------------------------------------------------------------------

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

    def start(self, job_id: str, index: int, instance: str, run: str = "") -> Verdict:
        """Asks to run a task, which counts an attempt.

        Args:
            job_id: the job.
            index: the task's number in it.
            instance: the instance of the worker that asks.
            run: the asking slot's process and the number of its run. The same run gets the same answer again.
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

    def open_jobs(self) -> list[OpenJob]:
        """The jobs that have tasks left; those that have ended or expired are taken off the list."""
        fields = ["left", "running", "created", "queue", "tasks"]
        with store_errors(self._settings):
            names = [name.decode() for name in self._client.smembers(keys.OPEN)]
            pipe = self._client.pipeline(transaction=False)
            for name in names:
                pipe.hmget(keys.job(name), fields)
            rows = dict(zip(names, pipe.execute() if names else [], strict=True))
            ended = [name for name, row in rows.items() if not int(row[0] or 0)]
            if ended:
                self._client.srem(keys.OPEN, *ended)
        return [
            OpenJob(
                job_id=name,
                tasks=int(row[4]),
                queued=int(row[0]) - int(row[1] or 0),
                running=int(row[1] or 0),
                created=float(row[2]),
                queue=row[3].decode(),
            )
            for name, row in rows.items()
            if name not in ended
        ]

    def keep(self, job_id: str) -> None:
        """Keeps everything of a job for as long again as it was to be kept at its submit."""
        record = self.record(job_id)
        if record is None:
            return
        found = [keys.job(job_id), keys.tasks(job_id), keys.completions(job_id)]
        found += [keys.payload(digest) for digest in {digest for one in record.messages for digest in one.digests()}]
        found += [
            keys.result(job_id, index, task.attempt, part)
            for index, task in self.tasks(job_id).items()
            for part in range(task.parts)
        ]
        with store_errors(self._settings):
            ttl = int(self._client.hget(found[0], "ttl") or self._settings.result_ttl_seconds)
            for start in range(0, len(found), _EXPIRE_AT_ONCE):
                pipe = self._client.pipeline(transaction=False)
                for key in found[start : start + _EXPIRE_AT_ONCE]:
                    pipe.expire(key, ttl)
                pipe.execute()

    def finish(
        self,
        job_id: str,
        index: int,
        attempt: int,
        state: TaskState,
        *,
        seconds: float = 0.0,
        reason: str = "",
        parts: Sequence[bytes | memoryview] = (),
    ) -> bool:
        """Ends a task with what an attempt brought.

        Returns:
            Whether this was the first end; False if the task had ended before or a newer attempt runs.
        """
        inline: bytes | memoryview = b""
        if len(parts) == 1 and len(parts[0]) <= _LONGEST_INLINE:
            inline = parts[0]
        elif parts:
            with store_errors(self._settings):
                ttl = int(self._client.hget(keys.job(job_id), "ttl") or self._settings.result_ttl_seconds)
                pipe = self._client.pipeline(transaction=False)
                for number, part in enumerate(parts):
                    pipe.set(keys.result(job_id, index, attempt, number), part, ex=ttl)
                pipe.execute()
        arguments = [index, attempt, state.value, repr(seconds), reason, len(parts), bytes(inline)]
        return bool(self._call("finish", job_id, arguments, keys.result(job_id, index, attempt)))

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

    # -- producer -------------------------------------------------------------------------------------------------

    def cancel(self, job_id: str, indexes: Iterable[int] = ()) -> int | None:
        """Cancels all tasks that have not ended, or those given.

        Returns:
            How many were cancelled now, or None if there is no such job.
        """
        known, cancelled = self._call("cancel", job_id, list(indexes))
        return int(cancelled) if known else None

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None if there is no such job."""
        with store_errors(self._settings):
            data = self._client.hget(keys.job(job_id), "record")
        return None if data is None else JobRecord.unpack(data)

    def counts(self, job_ids: Sequence[str]) -> list[JobCounts | None]:
        """Where the tasks of several jobs stand, in one round trip; None for a job that is not there."""
        with store_errors(self._settings):
            pipe = self._client.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hmget(keys.job(job_id), [*_COUNTS, "created", "started", "finished"])
            return [_counts(row) for row in pipe.execute()]

    def tasks(self, job_id: str, indexes: Sequence[int] | None = None) -> dict[int, TaskRecord]:
        """What is known of a job's tasks; tasks that nobody has touched yet are left out when all are asked for."""
        key = keys.tasks(job_id)
        with store_errors(self._settings):
            if indexes is None:
                return {int(index): unpack_task(data) for index, data in self._client.hgetall(key).items()}
            found = self._client.hmget(key, [str(index) for index in indexes]) if indexes else []
        return {index: unpack_task(data) for index, data in zip(indexes, found, strict=True)}

    def task(self, job_id: str, index: int) -> TaskRecord:
        """What is known of one task."""
        return self.tasks(job_id, [index]).get(index, QUEUED)

    def completions(self, job_id: str, cursor: str, timeout: float | None) -> tuple[str, list[Completion]]:
        """Reads the completions after a cursor, waiting for the first one.

        Args:
            job_id: the job.
            cursor: where the last read ended; `"0"` reads from the beginning.
            timeout: seconds to wait, at most `BLOCK_SECONDS` at once; None or 0 does not wait.

        Returns:
            The new cursor and the completions, in the order in which they happened; none if the time ran out.
        """
        block = None if not timeout else max(1, int(min(timeout, BLOCK_SECONDS) * 1000))
        with store_errors(self._settings):
            found = self._client.xread({keys.completions(job_id): cursor}, count=MOST_COMPLETIONS, block=block)
        if not found:
            return cursor, []
        entries = found[0][1]
        return entries[-1][0].decode(), [_completion(fields) for _, fields in entries]

    def results(self, job_id: str, completions: Mapping[int, Completion]) -> dict[int, bytes | bytearray | memoryview]:
        """Fetches stored results.

        Args:
            job_id: the job.
            completions: how each wanted task ended.

        Returns:
            The bytes by task; a task whose result has expired is left out.
        """
        wanted = [
            (index, keys.result(job_id, index, ended.attempt, part))
            for index, ended in completions.items()
            for part in range(ended.parts)
        ]
        found: dict[int, list[bytes]] = {}
        with store_errors(self._settings):
            values = self._client.mget([key for _, key in wanted]) if wanted else []
        for (index, _), data in zip(wanted, values, strict=True):
            if data is not None:
                found.setdefault(index, []).append(data)
        return {index: join_parts(pieces) for index, pieces in found.items() if len(pieces) == completions[index].parts}

    def metadata(self, job_id: str) -> bytes | None:
        """The sealed metadata of a job's circuits, or None if there is none."""
        with store_errors(self._settings):
            data: bytes | None = self._client.hget(keys.job(job_id), "metadata")
        return data

    def forget(self, job_ids: Sequence[str]) -> None:
        """Takes jobs that have expired off the list of jobs."""
        if job_ids:
            with store_errors(self._settings):
                self._client.zrem(keys.JOBS, *job_ids)

    def job_ids(self, newest_first: bool, after: float | None, before: float | None) -> list[tuple[str, float]]:
        """Ids and submit times of all jobs in a span of time (store's clock, seconds), in order."""
        low, high = "-inf" if after is None else after, "+inf" if before is None else before
        with store_errors(self._settings):
            found = self._client.zrange(
                keys.JOBS,
                *((high, low) if newest_first else (low, high)),
                byscore=True,
                desc=newest_first,
                withscores=True,
            )
        return [(job_id.decode(), score) for job_id, score in found]

    def delete(self, record: JobRecord) -> None:
        """Forgets a job and its results. Payloads stay until they expire: other jobs may share them."""
        tasks = self.tasks(record.job_id)
        with store_errors(self._settings):
            pipe = self._client.pipeline(transaction=True)
            pipe.delete(keys.job(record.job_id), keys.tasks(record.job_id), keys.completions(record.job_id))
            for index, task in tasks.items():
                for part in range(task.parts):
                    pipe.delete(keys.result(record.job_id, index, task.attempt, part))
            pipe.zrem(keys.JOBS, record.job_id)
            pipe.srem(keys.OPEN, record.job_id)
            pipe.execute()

    def call(self, script: str, script_keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Calls one of the scripts in `lua/`."""
        with store_errors(self._settings):
            return self._scripts[script](keys=list(script_keys), args=list(arguments))

    def _call(self, script: str, job_id: str, arguments: list[Any], *more_keys: str) -> Any:
        own = [keys.job(job_id), keys.tasks(job_id), keys.completions(job_id)]
        return self.call(script, [*own, *more_keys], arguments)


def _counts(row: list[bytes | None]) -> JobCounts | None:
    if row[0] is None:
        return None
    numbers = [int(value or 0) for value in row[: len(_COUNTS)]]
    created, started, finished = (None if value is None else float(value) for value in row[len(_COUNTS) :])
    return JobCounts(
        **dict(zip(_COUNTS, numbers, strict=True)), created=created or 0.0, started=started, finished=finished
    )


def _completion(fields: Mapping[bytes, bytes]) -> Completion:
    return Completion(int(fields[b"i"]), TaskState(fields[b"s"].decode()), int(fields[b"a"]), int(fields[b"p"]))
