"""The workers that can run an executor's jobs, and what is said of a job that waits for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.errors import UnavailableError
from ..tasks.records.workers import WorkerRecord, live_workers

if TYPE_CHECKING:
    from .executor import CeleryExecutor


def workers_of(executor: CeleryExecutor) -> tuple[WorkerRecord, ...]:
    """The workers that are alive and read the executor's queue.

    Raises:
        UnavailableError: if the store does not answer.
    """
    settings = executor.settings
    return tuple(worker for worker in live_workers(executor.records, settings) if worker.queue == settings.queue)


def missing_workers(executor: CeleryExecutor) -> str:
    """That no worker is up, as a part of a sentence; empty where one is, or where that cannot be told."""
    try:
        if workers_of(executor):
            return ""
    except UnavailableError:
        return ""
    return f"no worker that reads the queue {executor.settings.queue!r} is up; `aerq worker` starts one"


def outlook(executor: CeleryExecutor, job_id: str) -> str:
    """What becomes of a job that has not ended, as the end of a sentence."""
    try:
        counts = executor.records.counts([job_id])[0]
    except UnavailableError:
        counts = None
    missing = missing_workers(executor) if counts is not None and not counts.running else ""
    return f"it waits, because {missing}" if missing else "it runs on"
