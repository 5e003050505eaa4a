"""One deadline for everything that a call waits for."""

from __future__ import annotations

import math
import numbers
import time
from dataclasses import dataclass

from .errors import JobError


@dataclass(frozen=True)
class Deadline:
    """A point in time on this process's monotonic clock, or never.

    Attributes:
        at: the point, or None for never.
        seconds: the time that the caller gave, for messages.
    """

    at: float | None
    seconds: float | None

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """The deadline that many seconds from now; 0 and less mean "what is there already".

        Raises:
            JobError: if it is no number.
        """
        if seconds is not None and (not isinstance(seconds, numbers.Real) or math.isnan(seconds)):
            raise JobError(f"a timeout is a number of seconds or None, not {seconds!r}")
        return cls(None if seconds is None else time.monotonic() + max(0.0, seconds), seconds)

    def remaining(self, at_most: float) -> float:
        """Seconds left, never less than 0 nor more than `at_most`."""
        return at_most if self.at is None else max(0.0, min(at_most, self.at - time.monotonic()))

    @property
    def left(self) -> float | None:
        """Seconds left, never less than 0; None for never."""
        return None if self.at is None else self.remaining(float("inf"))

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self.at is not None and time.monotonic() >= self.at
