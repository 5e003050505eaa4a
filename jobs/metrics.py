"""What happened to a job and when, from its record: one read of the job, one of all its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tasks.records.job import JobCounts, JobRecord
from ..tasks.records.states import QUEUED, TaskRecord, TaskState
from ..tasks.records.store import Records
from .errors import NoSuchJobError


def task_metrics(task_id: str, task: TaskRecord, submitted: float) -> dict[str, Any]:
    """What happened to one task.

    A task is queued by the submit itself, and `started` is the start of its last attempt, so `seconds_queued` holds
    earlier attempts too, where there were any.

    Args:
        task_id: the Celery task's id.
        task: its record.
        submitted: when its job was submitted, in seconds since the epoch by the store's clock.
    """
    started = task.started or None
    return {
        "job_id": task_id,
        "state": task.state.value,
        "submitted": submitted,
        "queued": submitted,
        "started": started,
        "finished": task.finished or None,
        "seconds_queued": None if started is None else max(0.0, started - submitted),
        "seconds_kernel": task.seconds if task.state.has_result else None,
        "worker": task.worker or None,
        "attempts": task.attempts,
    }


def job_metrics(records: Records, job_id: str, index: int) -> dict[str, Any]:
    """What happened to one task of a job, with the versions that submitted it.

    Raises:
        NoSuchJobError: if the job was deleted or has expired.
        UnavailableError: if the store does not answer.
    """
    record, counts = _job(records, job_id)
    submitted = counts.created
    task = records.task(job_id, index)
    return {**task_metrics(record.messages[index].task_id, task, submitted), "versions": _versions(record)}


def set_metrics(records: Records, job_id: str) -> dict[str, Any]:
    """What happened to all tasks of a job: totals, and `tasks` with one entry for each.

    Raises:
        NoSuchJobError: if the job was deleted or has expired.
        UnavailableError: if the store does not answer.
    """
    record, counts = _job(records, job_id)
    submitted = counts.created
    known = records.tasks(job_id)
    tasks = [
        task_metrics(message.task_id, known.get(index, QUEUED), submitted)
        for index, message in enumerate(record.messages)
    ]
    finished = [task["finished"] for task in tasks]
    return {
        "job_id": job_id,
        "submitted": submitted,
        "queued": submitted,
        "started": counts.started,
        "finished": None if None in finished else max(finished),
        "seconds_queued": sum(_known(tasks, "seconds_queued")),
        "seconds_kernel": sum(_known(tasks, "seconds_kernel")),
        "workers": sorted(set(_known(tasks, "worker"))),
        "attempts": sum(task["attempts"] for task in tasks),
        "versions": _versions(record),
        "tasks": tasks,
    }


def queue_position(records: Records, job_id: str, index: int | None = None) -> int | None:
    """The place of a task, or of a job's first task that waits, among all tasks, short and long, that wait for a slot.

    Returns:
        1 for the next one, None if it does not wait.

    Raises:
        NoSuchJobError: if the job was deleted or has expired.
        UnavailableError: if the store does not answer.
    """
    counts = records.counts([job_id])[0]
    if counts is None:
        raise NoSuchJobError(f"no such job: {job_id}")
    if counts.waiting == 0:
        return None
    before = 0
    if index is not None:
        tasks = records.tasks(job_id, range(index + 1))
        if tasks[index].state is not TaskState.QUEUED:
            return None
        before = sum(task.state is TaskState.QUEUED for task in tasks.values()) - 1
    earlier = [other for other, _ in records.job_ids(False, None, counts.created) if other != job_id]
    before += sum(other.waiting for other in records.counts(earlier) if other is not None)
    return before + 1


def _job(records: Records, job_id: str) -> tuple[JobRecord, JobCounts]:
    record, counts = records.record(job_id), records.counts([job_id])[0]
    if record is None or counts is None:
        raise NoSuchJobError(f"no such job: {job_id}")
    return record, counts


def _versions(record: JobRecord) -> dict[str, str]:
    """The versions of the process that submitted the job."""
    found = {"aerq": record.aerq}
    if record.kind == "aer" and record.backend_version:
        found["qiskit-aer"] = record.backend_version
    return found


def _known(tasks: Sequence[dict[str, Any]], name: str) -> list[Any]:
    return [task[name] for task in tasks if task[name] is not None]
