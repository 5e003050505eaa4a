"""The processes of a worker's slots: of which kind they must be, and what each does before its first task."""

from __future__ import annotations

import gc
from typing import Any

from billiard.process import current_process
from celery.concurrency import get_implementation
from celery.concurrency.prefork import TaskPool

from ...config.local.processes import die_with_parent
from ..kernel import KernelLimits
from .limits import confine_slot


def refuse_other_pools(sender: Any, **_: Any) -> None:
    """Ends a worker whose slots would not be forked from it; Celery's signal `worker_init` calls it.

    A kernel holds the interpreter until it ends: a worker that ran one in its own process could not say that it lives,
    hear of a cancel, or keep a time limit. A slot that is not forked knows no tasks and would fail each that it gets.

    Args:
        sender: the worker.
    """
    if not issubclass(get_implementation(sender.pool_cls), TaskPool):
        raise SystemExit(
            "aerq's workers run each kernel in a process of its own, and this pool has none; start the worker with "
            "--pool prefork, Celery's default"
        )
    if sender.pool_start_method != "fork":
        raise SystemExit(
            "aerq's workers fork their slots; start the worker with --pool-start-method fork, Celery's default"
        )


def prepare_slot(limits: KernelLimits) -> bool:
    """Runs in each new slot: it ends when its parent does, so that no kernel computes for nobody, and keeps its share.

    Args:
        limits: what its kernel may plan with.

    Returns:
        Whether allocations beyond the slot's share fail.
    """
    die_with_parent(parent=current_process()._parent_pid)
    # What Qiskit and Aer have loaded stays for good: to look through it for garbage takes as long as fifty short tasks,
    # and copies the memory that a slot shares with its parent.
    gc.freeze()
    return confine_slot(limits)
