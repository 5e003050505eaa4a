"""What a slot's process does before its first task."""

from __future__ import annotations

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
    return confine_slot(limits)
