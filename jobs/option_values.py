"""Checks of single option values that do not depend on the simulator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .errors import QobjValidationError


def size(name: str, value: Any, wanted: str) -> int | None:
    """A positive whole number, or None.

    Args:
        name: the option.
        value: what was given.
        wanted: the words for what may be given.

    Raises:
        QobjValidationError: if it is something else.
    """
    if value is None:
        return None
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise QobjValidationError(f"the option {name} must be {wanted}, at least 1, not {shown(value)}")


def executor(value: Any) -> Any:
    """Anything with a method `submit`, or None.

    Raises:
        QobjValidationError: if it is something else.
    """
    if value is None or callable(getattr(value, "submit", None)):
        return value
    raise QobjValidationError(f"the option executor must have a method submit(fn, *args), and {shown(value)} has none")


def tags(value: Any) -> tuple[str, ...]:
    """The tags of a list or a set of them.

    Raises:
        QobjValidationError: if it is something else.
    """
    if value is None:
        return ()
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(tag, str) for tag in value):
        raise QobjValidationError(f"the option job_tags must be a list of strings, not {shown(value)}")
    return tuple(sorted(value) if isinstance(value, (set, frozenset)) else value)


def seconds(value: Any) -> float | None:
    """A finite number of seconds above 0, or None.

    Raises:
        QobjValidationError: if it is something else.
    """
    if value is None:
        return None
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and number > 0:
            return number
    raise QobjValidationError(f"the option time_limit_seconds must be a number above 0, not {shown(value)}")


def refuse_time_limit(limit: float | None) -> None:
    """Refuses a time limit where no worker keeps it.

    Raises:
        QobjValidationError: if there is one.
    """
    if limit is not None:
        raise QobjValidationError(
            f"the option time_limit_seconds={limit:g} is kept by Celery workers, and an executor of yours would ignore "
            "it: leave one of the two out"
        )


def flag(name: str, value: Any) -> bool:
    """True or False; None is False.

    Raises:
        QobjValidationError: if it is something else.
    """
    if value is None or isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise QobjValidationError(f"the option {name} must be True or False, not {shown(value)}")


def shown(value: Any) -> str:
    """A short form of a value for a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
