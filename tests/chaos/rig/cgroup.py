"""A memory control group for a worker, where this machine lets us make one."""

import contextlib
import os
from pathlib import Path

from .waiting import until

_ROOT = Path("/sys/fs/cgroup/memory")


class MemoryGroup:
    """Processes that together may use so much memory; beyond it the operating system kills one of them.

    Args:
        name: of the group.
        limit_mb: MiB that they may use from now on; what they have by now does not count.
    """

    def __init__(self, name, limit_mb):
        self._folder = _ROOT / name
        self._folder.mkdir()
        (self._folder / "memory.limit_in_bytes").write_text(str(limit_mb * 1024 * 1024))

    @classmethod
    def make(cls, limit_mb):
        """One of a name of its own, or None where control groups (version 1) cannot be written."""
        with contextlib.suppress(OSError):
            return cls(f"aerq-chaos-{os.getpid()}-{os.urandom(4).hex()}", limit_mb)
        return None

    def take(self, pids):
        """Puts processes into it; their children will be in it, too."""
        for pid in pids:
            (self._folder / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self):
        """How many of its processes were killed for want of memory."""
        lines = (self._folder / "memory.oom_control").read_text().split("\n")
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def end(self):
        """Removes it; its processes have ended by then."""
        until("the group is empty", lambda: not (self._folder / "cgroup.procs").read_text())
        self._folder.rmdir()
