"""How long kernels really took beside what was estimated: workers write it, and who submits estimates by it.

Kept for each queue and each of Aer's methods, in one hash. Of what was measured long ago half is forgotten again and
again, so that new machines count.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from ...config.settings import Settings
from ...config.store import store_errors
from . import keys
from .store import Records

#: After so many estimated seconds half of all is forgotten.
_REMEMBERED_SECONDS = 600.0
#: Less than this says nothing yet.
_LEAST_SECONDS = 0.25
#: An estimate is corrected by this factor at most, up or down.
_MOST = 8.0


class Measured:
    """What one slot has measured since it last told of it.

    Args:
        records: the job records.
        settings: the queue, and how long to keep what is learned.
    """

    #: It tells of it after so many tasks, or seconds of kernels.
    TASKS, SECONDS = 200, 1.0

    def __init__(self, records: Records, settings: Settings) -> None:
        self._records = records
        self._settings = settings
        self._script = records.client.register_script((resources.files(__package__) / "lua" / "speed.lua").read_text())
        self._forget()

    def _forget(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}
        self._tasks = 0

    def add(self, method: str, estimated: float, seconds: float) -> None:
        """Notes a task that ran.

        Args:
            method: Aer's method.
            estimated: the estimated seconds of its kernel; 0 if there was no estimate.
            seconds: those that it took.

        Raises:
            UnavailableError: if it is time to tell, and the store does not answer.
        """
        if estimated <= 0:
            return
        sums = self._sums.get(method, (0.0, 0.0))
        self._sums[method] = sums[0] + estimated, sums[1] + seconds
        self._tasks += 1
        if self._tasks < self.TASKS and sum(took for _, took in self._sums.values()) < self.SECONDS:
            return
        told = [value for name, sums in self._sums.items() for value in (name, *map(repr, sums))]
        self._forget()
        with store_errors(self._settings):
            arguments = [self._settings.result_ttl_seconds, _REMEMBERED_SECONDS, *told]
            self._script(keys=[keys.speeds(self._settings.queue)], args=arguments)


def read_speeds(records: Records, settings: Settings) -> Mapping[str, float]:
    """By Aer's method, how much longer kernels took than was estimated; a method that nobody used yet is left out."""
    with store_errors(settings):
        found = {
            name.decode(): float(value) for name, value in records.client.hgetall(keys.speeds(settings.queue)).items()
        }
    speeds = {}
    for name, estimated in found.items():
        method, _, what = name.rpartition(":")
        if what == "estimated" and estimated >= _LEAST_SECONDS:
            factor = found.get(f"{method}:measured", estimated) / estimated
            speeds[method] = min(_MOST, max(1 / _MOST, factor))
    return speeds
