"""The control command that stops what runs of a cancelled job."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from celery.worker import state as worker_state
from celery.worker.control import Panel

from ...config.queues import CANCEL_COMMAND
from ..records.states import TaskState
from ..records.store import Records

logger = logging.getLogger(__name__)


def install_cancel_command() -> None:
    """Makes a worker understand `aerq_cancel`; Celery keeps its commands in one table for the process."""
    Panel.register(cancel_running, type="control", name=CANCEL_COMMAND, visible=True)


def cancel_running(state: Any, job: str, indexes: Iterable[int] | None = None) -> dict[str, int]:
    """Kills the slots that run tasks of a job; a new slot takes each one's place.

    The job's record already says that the tasks are cancelled, so nothing of them can start again. SIGKILL, because
    a kernel answers to nothing else.

    Args:
        state: the worker's consumer and pool.
        job: the job's id.
        indexes: only these tasks, or None for all.

    Returns:
        How many were killed.
    """
    wanted = None if indexes is None else set(indexes)
    killed = 0
    for request in list(worker_state.active_requests):
        kwargs = request.kwargs or {}
        if kwargs.get("job") == job and (wanted is None or kwargs.get("index") in wanted):
            request.terminate(state.consumer.pool, signal="KILL")
            killed += 1
    if killed:
        logger.info("killed %d running tasks of job %s", killed, job, extra={"action": "cancel", "job": job})
    return {"killed": killed}


def cancelled_among(records: Records, places: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of these running tasks are cancelled by their records: for a worker that missed the command."""
    gone = set()
    by_job: dict[str, list[int]] = {}
    for job, index in places:
        by_job.setdefault(job, []).append(index)
    for job, indexes in by_job.items():
        for index, task in records.tasks(job, indexes).items():
            if task.state is TaskState.CANCELLED:
                gone.add((job, index))
    return gone
