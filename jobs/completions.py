"""The completions of one job as they happen, shared by all threads that wait for them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from ..config.errors import UnavailableError
from ..config.store import BLOCK_SECONDS
from ..tasks.records.store import Completion, Records
from .deadline import Deadline
from .errors import NoSuchJobError

logger = logging.getLogger(__name__)

#: How long a wait without a deadline stays with a store that does not answer, in seconds.
PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.5


class CompletionLog:
    """What has ended of a job. One waiting thread reads the job's stream, all others wait for it.

    Args:
        records: the job records.
        job_id: the job.
    """

    def __init__(self, records: Records, job_id: str) -> None:
        self._records = records
        self._job_id = job_id
        self._changed = threading.Condition()
        self._reading = False
        self._cursor = "0"
        self._ended: dict[int, Completion] = {}

    def ended(self) -> dict[int, Completion]:
        """What is known to have ended, in the order in which it happened; asks nobody."""
        with self._changed:
            return dict(self._ended)

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
        away: UnavailableError | None = None
        away_since = 0.0
        first = True
        while True:
            with self._changed:
                if enough(self._ended):
                    return True
                if deadline.passed and not first:
                    if away is not None:
                        raise away
                    return False
                if self._reading:
                    self._changed.wait(deadline.remaining(BLOCK_SECONDS))
                    first = False
                    continue
                self._reading = True
            try:
                self._read(0.0 if first else deadline.remaining(BLOCK_SECONDS))
                away = None
            except UnavailableError as error:
                if away is None:
                    away_since = time.monotonic()
                    logger.warning("job %s: %s; waiting for it to come back", self._job_id, error)
                away = error
                if deadline.at is None and time.monotonic() - away_since > PATIENCE_SECONDS:
                    raise
                with self._changed:
                    self._changed.wait(deadline.remaining(_PAUSE_SECONDS))
            finally:
                with self._changed:
                    self._reading = False
                    self._changed.notify_all()
            first = False

    def _read(self, timeout: float) -> None:
        """Reads what is new; only one thread at a time is here."""
        cursor, new = self._records.completions(self._job_id, self._cursor, timeout)
        if not new and timeout > 0 and self._records.counts([self._job_id])[0] is None:
            raise NoSuchJobError(f"job {self._job_id} was deleted or has expired while it was waited for")
        with self._changed:
            self._cursor = cursor
            for completion in new:
                self._ended.setdefault(completion.index, completion)
