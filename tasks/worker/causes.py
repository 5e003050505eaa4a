"""What a slot died of, in words for whoever submitted the task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: What billiard says of an ended process (billiard/common.py: human_status).
_SIGNAL = re.compile(r"signal \d+ \((SIG\w+)\)")
_EXIT_CODE = re.compile(r"exitcode (\d+)")
#: A task whose estimate is less than this share of its slot's memory is not taken to have used it up.
_LARGE_SHARE = 0.25
_SIGNALS = {
    "SIGSEGV": "crashed (SIGSEGV)",
    "SIGBUS": "crashed (SIGBUS)",
    "SIGILL": "crashed (SIGILL): Aer was built for another processor",
    "SIGFPE": "crashed (SIGFPE)",
    "SIGABRT": "was aborted (SIGABRT), as when Aer finds an error that it cannot report or gets no memory",
    "SIGTERM": "was terminated (SIGTERM) from outside",
}
_KILLED_LARGE = "was killed (SIGKILL), most likely because its host ran out of memory"
_KILLED_SMALL = "was killed (SIGKILL) from outside, or because its host ran out of memory"


def cause_of_loss(error: BaseException, message: Mapping[str, Any], slot_memory_mb: int | None) -> str:
    """How the process of a slot ended, as the end of a sentence.

    Args:
        error: what Celery says.
        message: the arguments of the task that it ran.
        slot_memory_mb: MiB that the slot may use, or None if that is not known.
    """
    text = str(error)
    estimate = message.get("memory_mb")
    needed = estimate if isinstance(estimate, int) and estimate > 0 else None
    if (found := _SIGNAL.search(text)) and found[1] == "SIGKILL":
        small = needed and slot_memory_mb and needed < slot_memory_mb * _LARGE_SHARE
        what = _KILLED_SMALL if small else _KILLED_LARGE
    elif found:
        what = _SIGNALS.get(found[1], f"was ended by a signal ({found[1]})")
    elif found := _EXIT_CODE.search(text):
        what = f"ended with exit code {found[1]}"
    else:
        what = "ended"
    needs = f"; the estimate of its memory is {needed} MiB" if needed else ""
    return f"the process of its slot {what}{needs}"
