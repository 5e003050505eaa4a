"""The completions of one job as they happen, shared by all threads that wait for them."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from ..config.errors import UnavailableError
from ..config.store import BLOCK_SECONDS
from ..tasks.records.job import JobCounts
from ..tasks.records.store import MOST_COMPLETIONS, Completion, Records
from .deadline import Deadline
from .errors import NoSuchJobError
from .outage import PAUSE_SECONDS, Outage, SilentError, answered, asked, awaited

logger = logging.getLogger(__name__)

#: Where tasks end one after the other in less than the second time on average, from the fifth read on, so many seconds
#: lie between two reads. Where they end more slowly that would save no reads, and keep the last one waiting.
_GATHER_SECONDS, _FAST_SECONDS = 0.02, 0.004
_FAST_IN_A_ROW = 4
#: After so many seconds in which none of a job's tasks ran or ended, it is looked whether there are workers.
_IDLE_SECONDS = 3.0


class CompletionLog:
    """What has ended of a job. One waiting thread reads the job's stream, all others wait for it.

    Only a thread whose time is up looks for itself, so that a wait of no time sees all that has ended.

    Args:
        records: the job records.
        job_id: the job.
        missing_workers: tells that no worker is up, as a part of a sentence; empty where one is.
    """

    def __init__(self, records: Records, job_id: str, missing_workers: Callable[[], str] = str) -> None:
        self._records = records
        self._job_id = job_id
        self._missing_workers = missing_workers
        self._idle_seconds = 0.0
        self._idleness_told = False
        self._left: concurrent.futures.Future[bool] | None = None
        self._changed = threading.Condition()
        self._reading = False
        self._last_news = 0.0
        self._fast_in_a_row = 0
        self._cursor = "0"
        self._ended: dict[int, Completion] = {}
        self._order: list[int] = []
        self._taken_back: set[int] = set()

    def __len__(self) -> int:
        """How many tasks are known to have ended; asks nobody."""
        return len(self._ended)

    def get(self, index: int) -> Completion | None:
        """How a task ended, or None if that is not known; asks nobody."""
        return self._ended.get(index)

    def since(self, position: int) -> list[int]:
        """Which tasks are known to have ended, in the order in which they did, without the first ones."""
        with self._changed:
            return self._order[position:]

    def take_back(self, ended: Mapping[int, Completion]) -> bool:
        """Forgets what the store has forgotten: ends that it had told of and lost, with its last writes, when it died.

        Args:
            ended: how tasks are said to have ended.

        Returns:
            Whether one of them has not ended, or not in that way. Whoever waits for it waits again.

        Raises:
            UnavailableError: if the store does not answer.
        """
        tasks = self._records.tasks(self._job_id, list(ended))
        if self._records.counts([self._job_id])[0] is None:
            return False
        lost = [
            index
            for index, completion in ended.items()
            if not tasks[index].state.final or tasks[index].run != completion.run
        ]
        with self._changed:
            for index in lost:
                if self._ended.get(index) == ended[index]:
                    del self._ended[index]
                    self._taken_back.add(index)
        if lost:
            logger.warning(
                "job %s: the store has forgotten the ends of %d tasks, which run again", self._job_id, len(lost)
            )
        return bool(lost)

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
                    fast = self._fast_in_a_row >= _FAST_IN_A_ROW
                    if drained and fast and time.monotonic() - self._last_news < _GATHER_SECONDS:
                        # To be woken for each of a thousand short tasks costs more than to run them.
                        self._changed.wait(deadline.remaining(_GATHER_SECONDS))
                # Else the time is up before the thread that reads has told of what it found: one look of its own.
            try:
                drained = not self._read_in_time(deadline.remaining(BLOCK_SECONDS), deadline)
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
        answered(self._refuse_gone, deadline)
        return False

    def _read_in_time(self, timeout: float, deadline: Deadline) -> bool:
        """Reads what is new, and gives up soon after the deadline; there is one read at most that was given up.

        Raises:
            UnavailableError: if the store does not answer in time.
        """
        if deadline.at is None:
            return self._read(timeout)
        with self._changed:
            if self._left is not None and self._left.done():
                self._left = None
            reading = self._left
        if reading is None:
            reading = asked(partial(self._read, timeout))
        try:
            return awaited(reading, deadline)
        except SilentError:
            with self._changed:
                self._left = self._left or reading
            raise

    def _read(self, timeout: float) -> bool:
        """Reads what is new, and says whether there may be more; what two threads read is taken once."""
        cursor, new = self._records.completions(self._job_id, self._cursor, timeout)
        if new:
            self._note_idle(0.0)
        elif timeout > 0:
            new = self._untold(timeout)
        with self._changed:
            if new:
                now = time.monotonic()
                is_fast = now - self._last_news < _FAST_SECONDS * len(new)
                self._fast_in_a_row = self._fast_in_a_row + 1 if is_fast else 0
                self._last_news = now
            self._cursor = cursor
            for completion in new:
                if completion.index not in self._ended:
                    self._ended[completion.index] = completion
                    if completion.index not in self._taken_back:
                        self._order.append(completion.index)
        return len(new) >= MOST_COMPLETIONS

    def _untold(self, waited: float) -> list[Completion]:
        """What has ended by the records of the tasks and is not told of: the store may have lost its stream's end.

        Args:
            waited: for so many seconds nothing was told of.
        """
        counts = self._refuse_gone()
        if counts.ended <= len(self._ended):
            self._note_idle(waited if counts.waiting and not counts.running else 0.0)
            return []
        known = self._records.tasks(self._job_id)
        return [
            Completion(index, task.state, task.run, task.parts)
            for index, task in known.items()
            if task.state.final and index not in self._ended
        ]

    def _note_idle(self, seconds: float) -> None:
        """Says once why nothing happens, where nobody is there who could make it happen; 0 if something happens."""
        self._idle_seconds = self._idle_seconds + seconds if seconds else 0.0
        self._idleness_told = self._idleness_told and seconds > 0
        if self._idle_seconds < _IDLE_SECONDS or self._idleness_told:
            return
        if missing := self._missing_workers():
            self._idleness_told = True
            logger.warning("job %s waits, because %s", self._job_id, missing, extra={"action": "wait_for_worker"})

    def _refuse_gone(self) -> JobCounts:
        """Raises an error if nothing more can end, because there is no such job any more; counts what has."""
        counts = self._records.counts([self._job_id])[0]
        if counts is None:
            raise NoSuchJobError(f"job {self._job_id} was deleted or has expired while it was waited for")
        return counts
