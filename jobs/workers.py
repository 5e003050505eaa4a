"""The workers that can run an executor's jobs, and what is said of a job that waits for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.errors import AerqError
from ..tasks.records.workers import WorkerRecord, live_workers

if TYPE_CHECKING:
    from .executor import CeleryExecutor


def workers_of(executor: CeleryExecutor, queue: str | None = None) -> tuple[WorkerRecord, ...]:
    """The workers that are alive and read a queue.

    Args:
        executor: says where the store is.
        queue: the queue; by default the executor's.

    Raises:
        UnavailableError: if the store does not answer.
    """
    settings = executor.settings
    wanted = settings.queue if queue is None else queue
    return tuple(worker for worker in live_workers(executor.records, settings) if worker.queue == wanted)


def missing_workers(executor: CeleryExecutor, job_id: str) -> str:
    """That no worker is up for a job, as a part of a sentence; empty where one is, or where that cannot be told."""
    try:
        record = executor.records.record(job_id)
        queue = executor.settings.queue if record is None else record.queue
        if workers_of(executor, queue):
            return ""
    except (AerqError, TypeError, ValueError):  # of a newer version of aerq
        return ""
    return f"no worker that reads the queue {queue!r} is up; `aerq worker` starts one"


def outlook(executor: CeleryExecutor, job_id: str) -> str:
    """What becomes of a job that has not ended, as the end of a sentence."""
    try:
        counts = executor.records.counts([job_id])[0]
    except AerqError:
        return "it runs on"
    waits = counts is not None and counts.waiting and not counts.running
    missing = missing_workers(executor, job_id) if waits else ""
    return f"it waits, because {missing}" if missing else "it runs on"
