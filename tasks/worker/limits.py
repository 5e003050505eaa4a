"""What one slot may use: its share of the machine's cores and memory."""

from __future__ import annotations

import os
from pathlib import Path

from ...config.settings import Settings
from ..kernel import KernelLimits

_MEBIBYTE = 1024 * 1024
#: Share of the memory that kernels may plan with; the rest is for Python, encoded results and the system.
_KERNEL_SHARE = 0.8
_CGROUP_V2 = Path("/sys/fs/cgroup/memory.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")


def kernel_limits(settings: Settings, slots: int) -> KernelLimits:
    """The limits of each of a worker's slots.

    Args:
        settings: the operator's numbers, where given.
        slots: how many slots the worker has.
    """
    threads = settings.threads_per_slot or max(1, usable_cores() // slots)
    memory = settings.slot_memory_mb or max(1, int(memory_mb() * _KERNEL_SHARE / slots))
    return KernelLimits(threads, memory)


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_mb() -> int:
    """Memory in MiB that this process's control group may use; without one, what the machine has."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [_limit(path) for path in (_CGROUP_V2, _CGROUP_V1)]
    return min([physical, *(limit for limit in limits if limit is not None)]) // _MEBIBYTE


def _limit(path: Path) -> int | None:
    """The limit in bytes that a control group's file states, or None if there is none."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
