"""The sign by which a worker tells the process that started it that it takes tasks."""

from __future__ import annotations

import contextlib
import os
import stat

#: Number of an inherited pipe. The name starts with an underscore: it is no setting.
READY_FD = "_AERQ_READY_FD"


def signal_ready() -> None:
    """Says that this worker takes tasks, to whoever started it and waits for it; does nothing otherwise.

    Call it as often as you like: only the first call says something.
    """
    number = os.environ.pop(READY_FD, "")
    if not number.isdecimal():
        return
    with contextlib.suppress(OSError):  # nobody waits any longer
        pipe = int(number)
        if stat.S_ISFIFO(os.fstat(pipe).st_mode):  # an inherited variable may outlive its pipe
            os.write(pipe, b"1")
            os.close(pipe)
