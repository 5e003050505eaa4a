"""The processes of an embedded cluster, seen from outside of them."""

from __future__ import annotations

import psutil


def cluster_processes(starter: int | None = None) -> dict[str, list[psutil.Process]]:
    """The cluster's processes by what they are: store, worker (its parent), slot.

    Args:
        starter: the process that started the cluster; this one if None.
    """
    found: dict[str, list[psutil.Process]] = {"store": [], "worker": [], "slot": []}
    for process in psutil.Process(starter).children(recursive=True):
        words = " ".join(process.cmdline())
        if "valkey" in words:
            found["store"].append(process)
        elif "aerq.tasks" in words or "traced_worker" in words:
            parent = process.parent()
            above = " ".join(parent.cmdline()) if parent is not None else ""
            found["slot" if words == above else "worker"].append(process)
    return found


def cpu_seconds(processes: dict[str, list[psutil.Process]]) -> dict[str, float]:
    """CPU seconds of each sort of process so far."""
    sums = {}
    for name, members in processes.items():
        times = [process.cpu_times() for process in members]
        sums[name] = sum(each.user + each.system for each in times)
    return sums


def peak_mb(processes: list[psutil.Process]) -> int:
    """The most memory in MiB that one of these processes has had, as far as the system tells."""
    peaks = [0]
    for process in processes:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as lines:
                peaks += [int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")]
        except OSError:
            peaks.append(process.memory_info().rss // 2**20)
    return max(peaks)
