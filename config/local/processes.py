"""Who ends with whom: processes that end with their parent, and groups that end together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import weakref
from typing import IO, Any

# of <linux/prctl.h>
_SET_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36


def die_with_parent(number: int = signal.SIGKILL, parent: int | None = None) -> str | None:
    """Asks the kernel to signal this process when its parent ends, by whatever death.

    The kernel means the parent's *thread* that started this process: call it only in children of a process that
    starts them from a thread which stays (its main thread). The wish survives `exec`, and not `fork`.

    Args:
        number: the signal.
        parent: the pid of the parent, where the caller knows it from before the fork. With it, a parent that ended
            before this call is noticed too, and the signal is sent at once.

    Returns:
        None if it holds, else the reason why this platform cannot do it.
    """
    if sys.platform != "linux":
        return "only Linux can signal a process when its parent ends"
    before = os.getppid() if parent is None else parent
    reason = _prctl(_SET_DEATH_SIGNAL, int(number))
    if reason is None and os.getppid() != before:
        os.kill(os.getpid(), number)
    return reason


def adopt_orphans() -> str | None:
    """Makes grandchildren whose parent ends children of this process, so that it can see and reap them.

    Returns:
        None if it holds, else the reason why this platform cannot do it.
    """
    if sys.platform != "linux":
        return "only Linux gives orphans to another process than the first"
    return _prctl(_SET_CHILD_SUBREAPER, 1)


def has_ended(child: int) -> bool:
    """Whether a child has ended. It is not reaped, so that its pid stays its own."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def signal_group(leader: int, number: int) -> None:
    """Sends a signal to a whole process group, if there still is one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        os.killpg(leader, number)


def close_in_forked_children(file: IO[Any]) -> None:
    """Closes a file in every child that this process forks, as close-on-exec does for those that exec.

    For a file whose end others wait for: a forked child that keeps it open would hold back that end.
    """
    reference = weakref.ref(file)

    def close() -> None:
        mine = reference()
        if mine is not None:
            mine.close()

    os.register_at_fork(after_in_child=close)


def _prctl(option: int, value: int) -> str | None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) == 0:
        return None
    return f"the kernel refused: {os.strerror(ctypes.get_errno())}"
