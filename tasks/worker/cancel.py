"""The control command that stops what runs of a cancelled job."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from celery.worker import state as worker_state
from celery.worker.control import Panel

from ...config.queues import CANCEL_COMMAND
from ..message import parse_task_id, task_id
from .active import task_ids_of

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
    wanted = None if indexes is None else {task_id(job, index) for index in indexes}
    killed = 0
    for request in list(worker_state.active_requests):
        here = task_ids_of(request)
        place = parse_task_id(here[0])
        if place is None or place[0] != job:
            continue
        if wanted is None or wanted.issuperset(here):
            request.terminate(state.consumer.pool, signal="KILL")
            killed += 1
        elif not wanted.isdisjoint(here):
            # Only the store knows which task of a message runs at this moment.
            state.app.aerq_keeper.look()
    if killed:
        logger.info("killed %d running tasks of job %s", killed, job, extra={"action": "cancel", "job": job})
    return {"killed": killed}
