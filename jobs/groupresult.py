"""Celery's `GroupResult` of a job set, which asks the store for many tasks at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from celery import states
from celery.result import GroupResult

#: How many tasks are asked for in the most; the first reads bring fewer, for often the first tasks tell the answer.
_MOST, _GROWTH = 1000, 8


class SetResult(GroupResult):  # type: ignore[misc]
    """A `GroupResult` of tasks of ours. Celery's asks for each task alone, 0.2 ms each."""

    def ready(self) -> bool:
        """Whether all tasks have ended."""
        return all(state in states.READY_STATES for state in self._states())

    def waiting(self) -> bool:
        """Whether a task has not ended."""
        return not self.ready()

    def successful(self) -> bool:
        """Whether all tasks have ended with a result."""
        return all(state == states.SUCCESS for state in self._states())

    def failed(self) -> bool:
        """Whether a task has failed."""
        return any(state == states.FAILURE for state in self._states())

    def completed_count(self) -> int:
        """How many tasks have ended with a result."""
        return sum(state == states.SUCCESS for state in self._states())

    def _states(self) -> Iterator[str]:
        """Celery's state of each task, in order; what has ended is not asked for again."""
        read: dict[str, dict[str, object]] = {}
        size = 1
        for place, result in enumerate(self.results):
            if result._cache is None and result.id not in read:
                unknown = (other.id for other in islice(self.results, place, None) if other._cache is None)
                read.update(self.backend.get_task_metas(list(islice(unknown, size))))
                size = min(size * _GROWTH, _MOST)
            meta = result._cache or result._maybe_set_cache(read[result.id])
            yield meta["status"]
