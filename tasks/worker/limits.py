"""What one slot may use: its share of the cores and the memory that this worker's process may use."""

from __future__ import annotations

import contextlib
import math
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from ...config.settings import Settings
from ..kernel import KernelLimits

_MEBIBYTE = 1024 * 1024
#: Share of a slot's memory that its kernel may plan with; the rest is for Python and encoded results.
_KERNEL_SHARE = 0.8
#: Room of a slot beside its kernel, however small its share: Python, compression, the network.
_LEAST_ROOM_MB = 512
#: What a thread takes of the room before it does anything: its stack, and the first of its own heap.
_THREAD_MB = 16
#: Added to a slot's likeliness to be chosen when the system is out of memory (-1000 to 1000).
_SACRIFICE = 500

#: Which groups this process is in, and where their files are.
_GROUPS = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")
#: Their limits in bytes; the two versions of control groups name them differently.
_MEMORY = ("memory.max", "memory.high", "memory.limit_in_bytes")
#: What this process says of itself.
_STATUS = Path("/proc/self/status")
_SCORE = Path("/proc/self/oom_score_adj")


def kernel_limits(settings: Settings, slots: int) -> KernelLimits:
    """The limits of each of a worker's slots.

    Args:
        settings: the operator's numbers, where given.
        slots: how many slots the worker has.
    """
    threads = settings.threads_per_slot or max(1, usable_cores() // slots)
    memory = settings.slot_memory_mb or max(1, int(memory_mb() * _KERNEL_SHARE / slots))
    return KernelLimits(threads, memory)


def confine_slot(limits: KernelLimits) -> bool:
    """Keeps this process within its share, so that what it runs cannot take its siblings or its parent down.

    Whatever it allocates beyond that fails in it alone: Aer marks the experiment as failed, Python raises
    `MemoryError`. Should memory run out all the same, the kernel of the operating system is told to end a slot rather
    than the parent, which would take all slots with it.

    Args:
        limits: what the slot's kernel may plan with.

    Returns:
        Whether allocations beyond the share fail; not every system can do it.
    """
    with contextlib.suppress(OSError, ValueError):
        score = int(_SCORE.read_text())
        _SCORE.write_text(str(max(score, min(1000, score + _SACRIFICE))))
    held = _data_mb()
    if held is None or limits.memory_mb is None:
        return False
    most = (held + slot_room_mb(limits)) * _MEBIBYTE
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return True


def slot_room_mb(limits: KernelLimits) -> int:
    """MiB that a slot may allocate in all: its kernel's, and room beside it."""
    kernel = limits.memory_mb or 0
    beside = max(int(kernel * (1 / _KERNEL_SHARE - 1)), _LEAST_ROOM_MB)
    return kernel + beside + _THREAD_MB * (limits.threads or 1)


def usable_cores() -> int:
    """Cores that this process may use: those it may run on, or its control group's share of time where less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _folders("cpu") if (quota := _quota(folder)) is not None]
    return max(1, min([cores, *(math.ceil(quota) for quota in quotas)]))


def memory_mb() -> int:
    """Memory in MiB that this process's control groups may use; without a limit, what the machine has."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (_number(folder / name) for folder in _folders("memory") for name in _MEMORY)
    return min([physical, *(limit for limit in limits if limit)]) // _MEBIBYTE


def _folders(controller: str) -> Iterator[Path]:
    """The folders of the control groups that limit this process, from its own to the outermost one that shows.

    A limit of any of them holds. In a container the paths may be those of the host, of which only the outermost
    shows, and there it is the container's own.
    """
    try:
        lines = _GROUPS.read_text().splitlines()
    except OSError:
        lines = []
    places = {_ROOT: "/", _ROOT / controller: "/"}
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            places[_ROOT] = path
        elif controller in controllers.split(","):
            places[_ROOT / controller] = path
    for root, path in places.items():
        folder = root / path.strip("/")
        while folder != root and root in folder.parents:
            yield folder
            folder = folder.parent
        yield root


def _quota(folder: Path) -> float | None:
    """The number of cores that a control group may use in the mean, or None if it may use all."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    quota_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota_us / period_us if quota_us and period_us else None


def _number(path: Path) -> int | None:
    """The number in a control group's file, or None if it states none."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _data_mb() -> int | None:
    """MiB of private memory that this process has mapped by now, or None if the system does not say."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    kibibytes = next((line.split()[1] for line in lines if line.startswith("VmData:")), None)
    return None if kibibytes is None else int(kibibytes) // 1024
