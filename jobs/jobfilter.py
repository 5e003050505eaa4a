"""Which of the stored jobs are asked for."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass

from qiskit.providers import JobStatus

from ..tasks.records.job import JobCounts, JobRecord
from .errors import JobError
from .status import status_of_counts


@dataclass(frozen=True)
class JobFilter:
    """What a job must be like.

    Attributes:
        statuses: it has one of these, or None for any.
        tags: it has all of these.
        after: it was submitted at this time or later, in seconds since the epoch.
        before: it was submitted at this time or before.
    """

    statuses: frozenset[JobStatus] | None = None
    tags: frozenset[str] = frozenset()
    after: float | None = None
    before: float | None = None

    @classmethod
    def of(
        cls,
        status: JobStatus | str | Iterable[JobStatus | str] | None,
        job_tags: Iterable[str] | None,
        created_after: datetime.datetime | float | None,
        created_before: datetime.datetime | float | None,
    ) -> JobFilter:
        """The filter of what a user gave.

        Raises:
            JobError: if there is no such status, the tags are one string, or a time is none.
        """
        if isinstance(job_tags, str):
            raise JobError(f"job_tags is the string {job_tags!r}; give a list of tags")
        if job_tags is not None and not isinstance(job_tags, Iterable):
            raise JobError(f"job_tags is {job_tags!r}; give a list of tags")
        return cls(
            None if status is None else _statuses(status),
            frozenset(job_tags or ()),
            _seconds("created_after", created_after),
            _seconds("created_before", created_before),
        )

    def admits(self, counts: JobCounts) -> bool:
        """Whether a job has the right status."""
        return self.statuses is None or status_of_counts(counts) in self.statuses

    def admits_tags(self, record: JobRecord) -> bool:
        """Whether a job has all the tags."""
        return self.tags <= set(record.tags)


def _statuses(status: JobStatus | str | Iterable[JobStatus | str]) -> frozenset[JobStatus]:
    several = list(status) if isinstance(status, Iterable) and not isinstance(status, JobStatus | str) else [status]
    try:
        return frozenset(value if isinstance(value, JobStatus) else JobStatus[str(value).upper()] for value in several)
    except KeyError as error:
        raise JobError(
            f"there is no status {error.args[0]!r}; there are {', '.join(status.name for status in JobStatus)}"
        ) from error


def _seconds(name: str, when: datetime.datetime | float | None) -> float | None:
    if isinstance(when, datetime.datetime):
        return when.timestamp()
    if when is None or (isinstance(when, (int, float)) and not math.isnan(when)):
        return when
    raise JobError(f"{name} is {when!r}; give a datetime or seconds since the epoch")
