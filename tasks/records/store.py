"""The records of jobs. Each change is one script in the store, so nothing is ever half done."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence

import redis

from ...config.errors import UnavailableError
from ...config.store import store_errors
from . import keys
from .completions import MOST_COMPLETIONS, Completion, Completions, result_keys
from .job import JobCounts, JobRecord, perhaps_submitted
from .openjobs import OpenJob, OpenJobs, OpenTasks
from .runs import Release, Runs, Verdict

__all__ = ["MOST_COMPLETIONS", "Completion", "OpenJob", "OpenTasks", "Records", "Release", "Verdict"]

#: Keys whose time is prolonged in one go.
_EXPIRE_AT_ONCE = 1000
_COUNTS = ("tasks", "running", "done", "marked", "failed", "cancelled")


class Records(Runs, Completions, OpenJobs):
    """The records of all jobs in one store; safe to share between threads.

    Args:
        settings: where the store is.

    Raises:
        UnavailableError: from every method, if the store does not answer.
        SettingsError: if no store is configured.
    """

    def create(self, record: JobRecord, payloads: Mapping[str, bytes], metadata: bytes = b"") -> float | None:
        """Stores payloads and record of a new job; its tasks are queued.

        The record is written at once and last, so a job is there whole or not at all.

        Args:
            record: the job.
            payloads: what its messages name, by digest.
            metadata: the circuits' metadata, sealed; empty for none. It lives as long as the record.

        Returns:
            The time of the submit by the store's clock, or None if a job of this id is there already.

        Raises:
            UnavailableError: if the store does not answer; it says so where the job may be there all the same.
        """
        ttl = self._settings.result_ttl_seconds
        with store_errors(self._settings):
            pipe = self._client.pipeline(transaction=False)
            for digest, data in payloads.items():
                pipe.set(keys.payload(digest), data, ex=ttl)
            pipe.execute()
        submit = secrets.token_hex(8)
        arguments = [record.job_id, record.pack(), len(record.messages), ttl, metadata, record.queue, submit]
        arguments.append(max(record.bundles, default=1))
        try:
            created = self._call("create", record.job_id, arguments, keys.JOBS, keys.OPEN)
        except UnavailableError as error:
            if isinstance(error.__cause__, redis.ConnectionError | redis.TimeoutError):  # it may have done it
                raise perhaps_submitted(error, record.job_id) from error
            raise
        return None if created is None else float(created)

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

    def metadata(self, job_id: str) -> bytes | None:
        """The sealed metadata of a job's circuits, or None if there is none."""
        with store_errors(self._settings):
            data: bytes | None = self._client.hget(keys.job(job_id), "metadata")
        return data

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

    def keep(self, job_id: str) -> None:
        """Keeps everything of a job for as long again as it was to be kept at its submit."""
        record = self.record(job_id)
        if record is None:
            return
        found = [keys.job(job_id), keys.tasks(job_id), keys.completions(job_id), keys.losses(job_id)]
        found += [keys.payload(digest) for digest in {digest for one in record.messages for digest in one.digests()}]
        found += [key for _, key in result_keys(job_id, self.tasks(job_id))]
        with store_errors(self._settings):
            ttl = int(self._client.hget(found[0], "ttl") or self._settings.result_ttl_seconds)
            for start in range(0, len(found), _EXPIRE_AT_ONCE):
                pipe = self._client.pipeline(transaction=False)
                for key in found[start : start + _EXPIRE_AT_ONCE]:
                    pipe.expire(key, ttl)
                pipe.execute()

    def forget(self, job_ids: Sequence[str]) -> None:
        """Takes jobs that have expired off the list of jobs."""
        if job_ids:
            with store_errors(self._settings):
                self._client.zrem(keys.JOBS, *job_ids)

    def delete(self, record: JobRecord) -> None:
        """Forgets a job and its results. Payloads stay until they expire: other jobs may share them."""
        tasks = self.tasks(record.job_id)
        with store_errors(self._settings):
            pipe = self._client.pipeline(transaction=True)
            for of_job in (keys.job, keys.tasks, keys.completions, keys.losses):
                pipe.delete(of_job(record.job_id))
            for _, key in result_keys(record.job_id, tasks):
                pipe.delete(key)
            pipe.zrem(keys.JOBS, record.job_id)
            pipe.srem(keys.OPEN, record.job_id)
            pipe.execute()


def _counts(row: list[bytes | None]) -> JobCounts | None:
    if row[0] is None:
        return None
    numbers = [int(value or 0) for value in row[: len(_COUNTS)]]
    created, started, finished = (None if value is None else float(value) for value in row[len(_COUNTS) :])
    return JobCounts(
        **dict(zip(_COUNTS, numbers, strict=True)), created=created or 0.0, started=started, finished=finished
    )
