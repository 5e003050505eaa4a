"""What a worker's log says of each task: one line at its start (DEBUG) and one at its end.

Each line names job, experiment, circuit and shots in its text, and the same as fields of the log record for handlers
that write JSON. A slot runs one task at a time, so what else its process logs between the two lines is of that task.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .message import Message
from .qobj import Qobj
from .records.states import TaskState

logger = logging.getLogger(__name__)

#: Names are the user's, and reasons quote them.
_LONGEST_NAME, _LONGEST_REASON = 60, 400


def log_start(message: Message, attempt: int) -> None:
    """Says that a slot has begun a task."""
    if logger.isEnabledFor(logging.DEBUG):
        fields = _fields("start_task", message, None) | {"attempt": attempt}
        logger.debug("%s: attempt %d starts", _place(message), attempt, extra=fields)


def log_end(
    message: Message, qobj: Qobj | None, attempt: int, state: TaskState, seconds: float, reason: str = ""
) -> None:
    """Says how an attempt at a task ended.

    Args:
        message: the task.
        qobj: what it carried, or None if that could not be read.
        attempt: which attempt it was.
        state: how it ended.
        seconds: time in the kernel.
        reason: why it failed.
    """
    level = logging.INFO if state is TaskState.DONE else logging.WARNING
    if not logger.isEnabledFor(level):
        return
    fields = _fields("end_task", message, qobj)
    fields |= {"attempt": attempt, "state": state.value, "seconds": seconds}
    why = f": {_one_line(reason, _LONGEST_REASON)}" if reason else ""
    logger.log(
        level,
        "%s: %s, circuit %r, %d shots, %.6f s in the kernel, attempt %d%s",
        _place(message),
        state.value,
        fields["circuit"],
        message.shots,
        seconds,
        attempt,
        why,
        extra=fields,
    )


def reason_in(output: Mapping[str, Any]) -> str:
    """Aer's words on the first experiment that it has marked as failed; empty if there is none."""
    results = output.get("results") or [output]
    return next((str(result.get("status", "")) for result in results if not result.get("success", False)), "")


def _place(message: Message) -> str:
    experiments = f"experiment {message.first}"
    if message.count > 1:
        experiments = f"experiments {message.first} to {message.first + message.count - 1}"
    elif message.offset:
        experiments += f" from shot {message.offset}"
    return f"job {message.job} task {message.index}, {experiments}"


def _fields(action: str, message: Message, qobj: Qobj | None) -> dict[str, Any]:
    circuit = "" if qobj is None else _one_line(qobj.experiments[0].circuit.name, _LONGEST_NAME)
    return {
        "action": action,
        "job": message.job,
        "index": message.index,
        "experiment": message.first,
        "experiments": message.count,
        "circuit": circuit,
        "shots": message.shots,
    }


def _one_line(text: str, most: int) -> str:
    """Text on one line, without characters that could forge another line or steer a terminal."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(str(text).split()))
    return line if len(line) <= most else line[:most] + "..."
