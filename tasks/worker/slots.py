"""What a slot's process does before its first task."""

from __future__ import annotations

import gc

from billiard.process import current_process

from ...config.local.processes import die_with_parent
from ..kernel import KernelLimits
from .limits import confine_slot


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
