"""`AerqProvider`: the backends, and every job that was submitted, from any process."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable
from typing import Any, Literal, overload

from qiskit.providers import JobStatus
from qiskit_aer import AerSimulator

from ..config.settings import Settings
from ..tasks.basickernel import run_basic_qobj
from ..tasks.message import parse_task_id
from ..tasks.qobj import Share
from ..tasks.records.job import JobRecord
from ..tasks.wire.errors import DecodingError
from .aerjob import AerJob
from .aerjobset import AerJobSet
from .basicaerjob import BasicAerJob
from .basicsimulator import AerqBasicSimulator
from .errors import JobError, NoSuchJobError
from .executor import CeleryExecutor
from .simulator import AerqSimulator
from .status import status_of_counts
from .submission import Submission

logger = logging.getLogger(__name__)

_BASIC = "basic_simulator"


class AerqProvider:
    """Backends on Celery workers, and the jobs that they have run.

    Args:
        settings: broker and store; without them as `AerqSimulator` finds them.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._executor = CeleryExecutor(settings)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._executor.settings

    def backends(self, name: str | None = None) -> list[AerqSimulator | AerqBasicSimulator]:
        """All backends, or those of a name: `aer_simulator`, one for each of its methods, and `basic_simulator`."""
        methods = AerSimulator().available_methods()
        found: list[AerqSimulator | AerqBasicSimulator] = [
            AerqSimulator(settings=self.settings, provider=self, method=method) for method in methods
        ]
        found.append(AerqBasicSimulator(self, settings=self.settings))
        return [backend for backend in found if name is None or backend.name == name]

    @overload
    def get_backend(self, name: Literal["basic_simulator"], **options: Any) -> AerqBasicSimulator: ...
    @overload
    def get_backend(self, name: str = "aer_simulator", **options: Any) -> AerqSimulator: ...

    def get_backend(self, name: str = "aer_simulator", **options: Any) -> Any:
        """The backend of a name.

        Args:
            name: `aer_simulator`, `aer_simulator_METHOD`, or `basic_simulator` for Qiskit's `BasicSimulator`.
            **options: backend options.

        Raises:
            JobError: if there is no such backend.
        """
        if name == _BASIC:
            return AerqBasicSimulator(self, settings=self.settings, **options)
        prefix = "aer_simulator"
        method = "automatic" if name == prefix else name.removeprefix(prefix + "_")
        known = AerSimulator().available_methods()
        if method not in known or (name != prefix and not name.startswith(prefix + "_")):
            names = ", ".join([prefix, *(f"{prefix}_{method}" for method in known if method != "automatic"), _BASIC])
            raise JobError(f"there is no backend {name!r}; there are {names}")
        return AerqSimulator(settings=self.settings, provider=self, method=method, **options)

    def job(self, job_id: str) -> AerJob | AerJobSet:
        """A job by its id, whoever submitted it. A task's id (`JOB.INDEX`) gives that task's `AerJob`.

        Raises:
            NoSuchJobError: if there is no such job.
            JobError: if it was submitted by a newer version of aerq.
            UnavailableError: if the store does not answer.
        """
        record = self._record(job_id)
        if record is not None:
            return self._handle(record)
        place = parse_task_id(job_id)
        record = None if place is None else self._record(place[0])
        if place is None or record is None or place[1] >= len(record.messages):
            raise NoSuchJobError(f"no such job: {job_id}")
        handle = self._handle(record)
        return handle.worker_job(place[1]) if isinstance(handle, AerJobSet) else handle

    def jobs(
        self,
        limit: int | None = 10,
        skip: int = 0,
        status: JobStatus | str | Iterable[JobStatus | str] | None = None,
        job_tags: Iterable[str] | None = None,
        created_after: datetime.datetime | float | None = None,
        created_before: datetime.datetime | float | None = None,
        descending: bool = True,
    ) -> list[AerJob | AerJobSet]:
        """The jobs in the store, newest first.

        Args:
            limit: at most this many, or None for all.
            skip: leave out this many first.
            status: only jobs of this status, or of one of these.
            job_tags: only jobs that have all these tags.
            created_after: only jobs submitted at this time or later, a datetime or seconds since the epoch.
            created_before: only jobs submitted at this time or before.
            descending: newest first, or oldest first.

        Raises:
            UnavailableError: if the store does not answer.
        """
        if isinstance(job_tags, str):
            raise JobError(f"job_tags is the string {job_tags!r}; give a list of tags")
        if skip < 0 or (limit is not None and limit < 0):
            raise JobError("limit and skip must not be negative")
        wanted = None if status is None else _statuses(status)
        tags = set(job_tags or ())
        ids = [
            job_id
            for job_id, _ in self._executor.records.job_ids(
                descending, _seconds(created_after), _seconds(created_before)
            )
        ]
        found: list[AerJob | AerJobSet] = []
        expired: list[str] = []
        for first in range(0, len(ids), 100):
            some = ids[first : first + 100]
            for job_id, counts in zip(some, self._executor.records.counts(some), strict=True):
                if counts is None:
                    expired.append(job_id)
                    continue
                if wanted is not None and status_of_counts(counts) not in wanted:
                    continue
                try:
                    record = self._record(job_id)
                except JobError as error:  # of a newer aerq
                    logger.warning("left out: %s", error)
                    continue
                if record is None or not tags <= set(record.tags):
                    continue
                if skip > 0:
                    skip -= 1
                    continue
                if limit is not None and len(found) >= limit:
                    return found
                found.append(self._handle(record))
        self._executor.records.forget(expired)
        return found

    def delete_job(self, job_id: str) -> None:
        """Forgets a job and its results.

        Raises:
            NoSuchJobError: if there is no such job.
            JobError: if it has not ended; cancel it first.
        """
        record = self._record(job_id)
        counts = self._executor.records.counts([job_id])[0]
        if record is None or counts is None:
            raise NoSuchJobError(f"no such job: {job_id}")
        if counts.ended < counts.tasks:
            raise JobError(f"job {job_id} has not ended; cancel it before deleting it")
        self._executor.records.delete(record)

    def _record(self, job_id: str) -> JobRecord | None:
        try:
            return self._executor.records.record(job_id)
        except DecodingError as error:
            raise JobError(f"job {job_id}: {error}") from error

    def _handle(self, record: JobRecord) -> AerJob | AerJobSet:
        """The handle of a stored job."""
        futures = self._executor.attach(record)
        submission = Submission(record.tags, record.as_set, record.kind, record.time_limit_seconds)
        metadata = self._executor.metadata(record)
        shares = [Share.of_message(message) for message in record.messages]
        if record.kind == "basic":
            basic = BasicAerJob(
                AerqBasicSimulator(self, settings=self.settings),
                record.job_id,
                run_basic_qobj,
                None,
                executor=self._executor,
                submission=submission,
                metadata_objects=metadata,
            )
            basic._attach(futures[0], shares[0])
            return basic
        backend = AerqSimulator(settings=self.settings, provider=self)
        if not record.as_set and len(futures) == 1:
            job = AerJob(
                backend,
                record.job_id,
                CeleryExecutor.FUNCTION,
                None,
                executor=self._executor,
                submission=submission,
                metadata_objects=metadata,
                circuits=record.circuits,
            )
            job._attach(futures[0], shares[0])
            return job
        return AerJobSet.attached(
            backend,
            record.job_id,
            self._executor,
            futures,
            shares,
            list(record.names),
            record.circuits,
            metadata,
            submission,
        )


def _statuses(status: JobStatus | str | Iterable[JobStatus | str]) -> set[JobStatus]:
    several = [status] if isinstance(status, JobStatus | str) else list(status)
    try:
        return {value if isinstance(value, JobStatus) else JobStatus[value.upper()] for value in several}
    except KeyError as error:
        raise JobError(
            f"there is no status {error.args[0]!r}; there are {', '.join(status.name for status in JobStatus)}"
        ) from error


def _seconds(when: datetime.datetime | float | None) -> float | None:
    return when.timestamp() if isinstance(when, datetime.datetime) else when
