"""From what the records say to Qiskit's `JobStatus`."""

from __future__ import annotations

from collections.abc import Iterable

from celery import states
from qiskit.providers import JobStatus

from ..tasks.records.job import JobCounts
from ..tasks.records.states import TaskState

#: The status of one task.
TASK_STATUS = {
    TaskState.QUEUED: JobStatus.QUEUED,
    TaskState.RUNNING: JobStatus.RUNNING,
    TaskState.DONE: JobStatus.DONE,
    TaskState.MARKED: JobStatus.ERROR,
    TaskState.FAILED: JobStatus.ERROR,
    TaskState.CANCELLED: JobStatus.CANCELLED,
}

#: The status by the state of an `AsyncResult`; SUCCESS is ERROR where an experiment failed.
ASYNC_RESULT_STATUS = {
    states.PENDING: JobStatus.QUEUED,
    states.RECEIVED: JobStatus.QUEUED,
    states.RETRY: JobStatus.QUEUED,
    states.STARTED: JobStatus.RUNNING,
    states.SUCCESS: JobStatus.DONE,
    states.FAILURE: JobStatus.ERROR,
    states.REVOKED: JobStatus.CANCELLED,
}


def status_of_counts(counts: JobCounts) -> JobStatus:
    """The one status of a set: QUEUED until one starts, RUNNING until all have ended, then the worst of them."""
    if counts.ended < counts.tasks:
        # A set that has begun does not go back; a task whose slot was lost waits again, and so does a job of one task.
        begun = counts.running or counts.ended or (counts.started and counts.tasks > 1)
        return JobStatus.RUNNING if begun else JobStatus.QUEUED
    if counts.failed or counts.marked:
        return JobStatus.ERROR
    return JobStatus.CANCELLED if counts.cancelled else JobStatus.DONE


def status_of_statuses(statuses: Iterable[JobStatus]) -> JobStatus:
    """The same rule for jobs that run on a user's own executor."""
    found = list(statuses)
    final = [status for status in found if status in (JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED)]
    if len(final) < len(found):
        if final or JobStatus.RUNNING in found:
            return JobStatus.RUNNING
        return JobStatus.INITIALIZING if JobStatus.INITIALIZING in found else JobStatus.QUEUED
    for status in (JobStatus.ERROR, JobStatus.CANCELLED):
        if status in found:
            return status
    return JobStatus.DONE
