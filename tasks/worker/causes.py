"""What a slot died of, in words for whoever submitted the task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: What billiard says of an ended process (billiard/common.py: human_status).
_SIGNAL = re.compile(r"signal \d+ \((SIG\w+)\)")
_EXIT_CODE = re.compile(r"exitcode (\d+)")
_SIGNALS = {
    "SIGKILL": "was killed (SIGKILL), most likely because its host ran out of memory",
    "SIGSEGV": "crashed (SIGSEGV)",
    "SIGBUS": "crashed (SIGBUS)",
    "SIGILL": "crashed (SIGILL): Aer was built for another processor",
    "SIGFPE": "crashed (SIGFPE)",
    "SIGABRT": "was aborted (SIGABRT), as when Aer finds an error that it cannot report or gets no memory",
    "SIGTERM": "was terminated (SIGTERM) from outside",
}


def cause_of_loss(error: BaseException, message: Mapping[str, Any]) -> str:
    """How the process of a slot ended, as the end of a sentence.

    Args:
        error: what Celery says.
        message: the arguments of the task that it ran.
    """
    text = str(error)
    if found := _SIGNAL.search(text):
        what = _SIGNALS.get(found[1], f"was ended by a signal ({found[1]})")
    elif found := _EXIT_CODE.search(text):
        what = f"ended with exit code {found[1]}"
    else:
        what = "ended"
    estimate = message.get("memory_mb")
    needs = f"; the estimate of its memory is {estimate} MiB" if isinstance(estimate, int) and estimate > 0 else ""
    return f"the process of its slot {what}{needs}"
