"""The completions of one job as they happen, shared by all threads that wait for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from ..config.errors import UnavailableError
from ..config.store import BLOCK_SECONDS
from ..tasks.records.store import MOST_COMPLETIONS, Completion, Records
from .deadline import Deadline
from .errors import NoSuchJobError
from .outage import PAUSE_SECONDS, Outage

#: Tasks that end faster than this one after the other are read several at a time.
_GATHER_SECONDS = 0.02


class CompletionLog:
    """What has ended of a job. One waiting thread reads the job's stream, all others wait for it.

    Only a thread whose time is up looks for itself, so that a wait of no time sees all that has ended.

    Args:
        records: the job records.
        job_id: the job.
    """

    def __init__(self, records: Records, job_id: str) -> None:
        self._records = records
        self._job_id = job_id
        self._changed = threading.Condition()
        self._reading = False
        self._last_news = 0.0
        self._cursor = "0"
        self._ended: dict[int, Completion] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        """How many tasks are known to have ended; asks nobody."""
        return len(self._order)

    def get(self, index: int) -> Completion | None:
        """How a task ended, or None if that is not known; asks nobody."""
        return self._ended.get(index)

    def since(self, position: int) -> list[int]:
        """Which tasks are known to have ended, in the order in which they did, without the first ones."""
        with self._changed:
            return self._order[position:]

    def wait(self, enough: Callable[[Mapping[int, Completion]], bool], deadline: Deadline) -> bool:
        """Waits until enough has ended.

        Args:
            enough: told what has ended, says whether that is enough.
            deadline: when to give up.

        Returns:
            Whether it was enough before the deadline.

        Raises:
            UnavailableError: if the store was away at the deadline, or for two minutes without one.
            NoSuchJobError: if the job was deleted or has expired meanwhile.
        """
        outage = Outage(deadline)
        # A wait of no time sees all that has ended already, so it goes on as long as reads bring all they can.
        drained = False
        while True:
            with self._changed:
                if enough(self._ended):
                    return True
                if deadline.passed and drained:
                    outage.end()
                    break
                reads = not self._reading
                if not reads and not deadline.passed:
                    self._changed.wait(deadline.remaining(BLOCK_SECONDS))
                    continue
                if reads:
                    self._reading = True
                    if drained and time.monotonic() - self._last_news < _GATHER_SECONDS:
                        # To be woken for each of a thousand short tasks costs more than to run them.
                        self._changed.wait(deadline.remaining(_GATHER_SECONDS))
                # Else the time is up before the thread that reads has told of what it found: one look of its own.
            try:
                drained = not self._read(deadline.remaining(BLOCK_SECONDS) if drained else 0.0)
                outage.over()
            except UnavailableError as error:
                drained = True
                outage.happened(error, self._job_id)
                with self._changed:
                    self._changed.wait(deadline.remaining(PAUSE_SECONDS))
            finally:
                with self._changed:
                    self._reading = self._reading and not reads
                    self._changed.notify_all()
        self._refuse_gone()
        return False

    def _read(self, timeout: float) -> bool:
        """Reads what is new, and says whether there may be more; what two threads read is taken once."""
        cursor, new = self._records.completions(self._job_id, self._cursor, timeout)
        if not new and timeout > 0:
            self._refuse_gone()
        with self._changed:
            if new:
                self._last_news = time.monotonic()
            self._cursor = cursor
            for completion in new:
                if completion.index not in self._ended:
                    self._ended[completion.index] = completion
                    self._order.append(completion.index)
        return len(new) >= MOST_COMPLETIONS

    def _refuse_gone(self) -> None:
        """Raises an error if nothing more can end, because there is no such job any more."""
        if self._records.counts([self._job_id])[0] is None:
            raise NoSuchJobError(f"job {self._job_id} was deleted or has expired while it was waited for")
