"""What a slot died of, in words for whoever submitted the task."""

from __future__ import annotations

import re

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


def cause_of_loss(error: BaseException, estimate_mb: int, slot_memory_mb: int | None) -> str:
    """How the process of a slot ended, as the end of a sentence.

    Args:
        error: what Celery says.
        estimate_mb: MiB that the task was estimated to need; 0 if that is not known.
        slot_memory_mb: MiB that the slot may use, or None if that is not known.
    """
    text = str(error)
    if (found := _SIGNAL.search(text)) and found[1] == "SIGKILL":
        small = estimate_mb and slot_memory_mb and estimate_mb < slot_memory_mb * _LARGE_SHARE
        what = _KILLED_SMALL if small else _KILLED_LARGE
    elif found:
        what = _SIGNALS.get(found[1], f"was ended by a signal ({found[1]})")
    elif found := _EXIT_CODE.search(text):
        what = f"ended with exit code {found[1]}"
        if found[1] == "0":  # which a slot does by itself only when it cannot even say what is wrong
            what += ", as when it has no memory left"
    elif "out of memory" in text:
        what = "ran out of memory"
    else:
        what = "ended"
    needs = f"; the estimate of its memory is {estimate_mb} MiB" if estimate_mb else ""
    return f"the process of its slot {what}{needs}"
