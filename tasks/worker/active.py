"""What the slots run, as the worker's parent knows it from Celery."""

from __future__ import annotations

import contextlib
from typing import Any

from celery.worker import state as worker_state


def active_requests() -> list[Any]:
    """The messages that slots work on. Celery's set of them changes in the main thread meanwhile."""
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            return list(worker_state.active_requests)
    return []


def reserved_tasks() -> set[str]:
    """The ids of the tasks whose messages this worker has."""
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            return {task_id for request in list(worker_state.requests.values()) for task_id in task_ids_of(request)}
    return set()


def task_ids_of(request: Any) -> tuple[str, ...]:
    """The ids of the tasks that a message carries, in order; Celery's own requests know of one."""
    found: tuple[str, ...] = getattr(request, "task_ids", None) or (request.id,)
    return found


def slot_pids(pool: Any) -> list[int]:
    """The processes of a worker's slots."""
    processes = getattr(getattr(pool, "_pool", None), "_pool", None)
    return [process.pid for process in list(processes or ())]
