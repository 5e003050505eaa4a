"""Several short tasks in one Celery message.

Whatever it carries, a message costs the broker, the worker's parent and a slot about two milliseconds of CPU time. So
tasks that are shorter than that share one. Each stays a task: with an id, a record, a seed, attempts, a result and a
state of its own. The message has the id of its first task; a slot runs them one after the other.

The header `aerq_tasks` says which tasks a message carries and what is shown of each, for those who do not read its
body: the worker's parent, and the reconciler, which looks at the messages that wait.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any

from .message import Message, parse_task_id, task_id
from .wire.errors import DecodingError

#: What a message says of the tasks behind its first one.
HEADER = "aerq_tasks"
#: In the arguments of the Celery task: the tasks behind the first one, by what is their own.
_THEN = "then"
_OWN = ("index", "first", "count", "seed", "place", "memory_mb", "seconds")
#: What tasks of one message have in common.
_SHARED = ("circuits", "options", "noise", "binds", "offset", "shots")
#: More tasks are not put into one message, however short they are, and not read from one.
MOST_TASKS = 64


@dataclass(frozen=True)
class Carried:
    """A task as the header of its message names it: its id, and what is shown of it."""

    task_id: str
    shown: str


def to_kwargs(messages: Sequence[Message], aerq: str = "", aer: str = "") -> dict[str, Any]:
    """The arguments of the Celery task that carries these tasks, which share all but `index` and the like.

    Args:
        messages: the tasks; at least one.
        aerq: the version of aerq that submitted the job.
        aer: the version of qiskit-aer there, if Aer runs the tasks.
    """
    first, *others = messages
    kwargs = first.to_kwargs(aerq, aer)
    if others:
        kwargs[_THEN] = [[getattr(message, name) for name in _OWN] for message in others]
    return kwargs


def from_kwargs(kwargs: Mapping[str, Any]) -> list[Message]:
    """Reads the tasks of a message.

    Raises:
        DecodingError: if the message is cut, of a version that this one cannot run, or holds values of the wrong type.
    """
    rows = kwargs.get(_THEN, [])
    first = Message.from_kwargs({name: value for name, value in kwargs.items() if name != _THEN})
    if not isinstance(rows, list) or len(rows) >= MOST_TASKS:
        raise DecodingError("a message carries more tasks than it may, or none that can be read")
    messages = [first]
    plain = first.to_kwargs()
    for row in rows:
        if not isinstance(row, list) or len(row) != len(_OWN):
            raise DecodingError("a message has missing or unknown fields; it was changed or cut on its way")
        messages.append(Message.from_kwargs({**plain, **dict(zip(_OWN, row, strict=True))}))
    if len({message.index for message in messages}) != len(messages):
        raise DecodingError("a message carries a task twice; it was changed on its way")
    return messages


def memory_estimates(kwargs: Mapping[str, Any]) -> dict[str, int]:
    """MiB that each task of a message is estimated to need, by its id; nothing if the message cannot be read."""
    try:
        return {message.task_id: message.memory_mb for message in from_kwargs(kwargs)}
    except DecodingError:
        return {}


def header_of(messages: Sequence[Message], shown: Callable[[Message], str]) -> dict[str, Any]:
    """The header of a message; none for a single task, whose id and shown arguments Celery has.

    Args:
        messages: the tasks that it carries.
        shown: what is shown of a task.
    """
    if len(messages) == 1:
        return {}
    return {HEADER: [[message.index, shown(message)] for message in messages]}


def carried_by(headers: Mapping[str, Any]) -> tuple[Carried, ...]:
    """The tasks that a message carries, from its headers; the first one is the one whose id the message has."""
    leader = str(headers["id"])
    alone = (Carried(leader, str(headers.get("kwargsrepr") or "")),)
    place, rows = parse_task_id(leader), headers.get(HEADER)
    if place is None or not isinstance(rows, list) or not 0 < len(rows) <= MOST_TASKS:
        return alone
    if any(not isinstance(row, list) or len(row) != 2 or type(row[0]) is not int or row[0] < 0 for row in rows):
        return alone
    return tuple(Carried(task_id(place[0], index), str(shown)) for index, shown in rows)


def bundles_of(messages: Sequence[Message], sizes: Sequence[int], indexes: Iterable[int]) -> Iterator[list[Message]]:
    """Puts tasks of a job into messages: those together that were together at the submit.

    Args:
        messages: all tasks of the job.
        sizes: how many consecutive tasks shared a message at the submit; empty where each had its own.
        indexes: the tasks to send; what the job does not have is passed over.
    """
    known = sorted({index for index in indexes if 0 <= index < len(messages)})
    if not sizes:
        yield from ([messages[index]] for index in known)
        return
    ends = list(accumulate(sizes))

    def together(message: Message) -> tuple[Any, ...]:
        return bisect_right(ends, message.index), *(getattr(message, name) for name in _SHARED)

    for _, group in groupby((messages[index] for index in known), key=together):
        yield list(group)
