"""The jobs that have tasks left, which may be many: the store is asked for some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import keys
from .runs import MOST_TOGETHER
from .scripts import Scripts

#: About how many open jobs one script looks at: the store answers nobody else for 3 microseconds for each.
_OPEN_AT_ONCE = 200


@dataclass(frozen=True)
class OpenJob:
    """A job with tasks left: how many there are, wait and run, when it was submitted and to which queue."""

    job_id: str
    tasks: int
    queued: int
    running: int
    created: float
    queue: str


@dataclass(frozen=True)
class OpenTasks:
    """How many tasks wait and run, and in how many messages at least.

    Attributes:
        queued: tasks that wait.
        running: tasks that run.
        messages: the least number of messages for those that wait, beside those of what runs.
        busy: the least number of messages that slots work on.
    """

    queued: int
    running: int
    messages: int
    busy: int


class OpenJobs(Scripts):
    """The part of the records in which the reconciler looks for what was lost."""

    def open_jobs(self, queue: str = "") -> list[OpenJob]:
        """The jobs that have tasks left, of one queue or of all."""
        found: dict[str, OpenJob] = {}
        for _, rows in self._open(queue, listed=True):
            for name, tasks, queued, running, created, of_queue in rows:
                job = OpenJob(name.decode(), tasks, queued, running, float(created), of_queue.decode())
                found[job.job_id] = job
        return list(found.values())

    def open_tasks(self, queue: str = "") -> OpenTasks:
        """How many tasks wait and run, of one queue or of all; costs little however many jobs there are."""
        pages = [counts for counts, _ in self._open(queue, listed=False)]
        return OpenTasks(*(sum(column) for column in zip(*pages, strict=True)))

    def _open(self, queue: str, *, listed: bool) -> Iterator[tuple[tuple[int, int, int, int], list[Any]]]:
        cursor = "0"
        while True:
            arguments = [cursor, _OPEN_AT_ONCE, queue, int(listed), MOST_TOGETHER]
            cursor, queued, running, jobs, messages, busy = self.call("open", [keys.OPEN], arguments)
            yield (queued, running, messages, busy), jobs
            if int(cursor) == 0:
                return
