"""Jobs as they end, for `for` and for `async for`."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from .awaiting import in_thread, wait_in_slices
from .deadline import Deadline
from .errors import JobTimeoutError

if TYPE_CHECKING:
    from .aerjob import AerJob
    from .taskset import TaskSet


class ArrivingJobs:
    """The jobs of a set, each once, in the order in which they end; to go through once.

    Args:
        tasks: the tasks of the set.
        count: how many there are.
        job: makes the handle of one.
        timeout: seconds until all must have ended, or None.
        late: makes the error of not all having ended in time.
    """

    def __init__(
        self,
        tasks: TaskSet,
        count: int,
        job: Callable[[int], AerJob],
        timeout: float | None,
        late: Callable[[float | None], JobTimeoutError],
    ) -> None:
        self._tasks = tasks
        self._count = count
        self._job = job
        self._deadline = Deadline.after(timeout)
        self._late = late
        self._seen = 0
        self._waiting: deque[int] = deque()

    def __iter__(self) -> Iterator[AerJob]:
        return self

    def __next__(self) -> AerJob:
        if self._exhausted():
            raise StopIteration
        if not self._waiting:
            self._tasks.wait_beyond(self._seen, self._deadline)
            self._take(self._tasks.ended(self._seen))
        return self._job(self._waiting.popleft())

    def __aiter__(self) -> AsyncIterator[AerJob]:
        return self

    async def __anext__(self) -> AerJob:
        if self._exhausted():
            raise StopAsyncIteration
        if not self._waiting:
            position = self._seen

            def look(deadline: Deadline) -> list[int]:
                self._tasks.wait_beyond(position, deadline)
                return self._tasks.ended(position)

            found = await in_thread(lambda gone: wait_in_slices(look, self._deadline, gone))
            if not found:  # what to say asks the store
                raise await in_thread(lambda gone: self._late(self._deadline.seconds))
            self._take(found)
        return self._job(self._waiting.popleft())

    def _exhausted(self) -> bool:
        return not self._waiting and self._seen == self._count

    def _take(self, indexes: list[int]) -> None:
        """Remembers those that have ended meanwhile.

        Raises:
            JobTimeoutError: if there are none.
        """
        if not indexes:
            raise self._late(self._deadline.seconds)
        self._seen += len(indexes)
        self._waiting.extend(indexes)
