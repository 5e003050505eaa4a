"""What the commands on stored jobs say of one: the JSON object, and the words for people."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ...tasks.records.job import JobCounts

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class JobSummary:
    """A job in one line; the fields are those of the JSON document.

    Attributes:
        job_id: its id.
        status: `QUEUED`, `RUNNING`, `DONE`, `ERROR` or `CANCELLED`.
        tags: its tags.
        tasks: how many tasks it has.
        queued: how many of them wait.
        running: how many run.
        done: how many have a result without a failure.
        failed: how many failed, with a result or without one.
        cancelled: how many were cancelled.
        submitted: when it was submitted, in seconds since the epoch by the store's clock.
        started: when its first task started, or null.
        finished: when its last task ended, or null.
    """

    job_id: str
    status: str
    tags: Sequence[str]
    tasks: int
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int
    submitted: float
    started: float | None
    finished: float | None

    @classmethod
    def of_counts(cls, job_id: str, tags: Sequence[str], counts: JobCounts) -> JobSummary:
        """The summary of a whole job."""
        from ..status import status_of_counts

        return cls(
            job_id=job_id,
            status=status_of_counts(counts).name,
            tags=list(tags),
            tasks=counts.tasks,
            queued=counts.tasks - counts.running - counts.ended,
            running=counts.running,
            done=counts.done,
            failed=counts.failed + counts.marked,
            cancelled=counts.cancelled,
            submitted=counts.created,
            started=counts.started,
            finished=counts.finished if counts.ended == counts.tasks else None,
        )

    @classmethod
    def of_metrics(cls, job_id: str, metrics: dict[str, Any], tags: Sequence[str]) -> JobSummary:
        """The summary of a job, or of one task of it, from its metrics; the id is the one that the user knows."""
        states = [task["state"] for task in metrics.get("tasks", [metrics])]
        number = {state: states.count(state) for state in ("running", "done", "marked", "failed", "cancelled")}
        created, started, finished = metrics["submitted"], metrics["started"], metrics["finished"]
        counts = JobCounts(tasks=len(states), created=created, started=started, finished=finished, **number)
        return cls.of_counts(job_id, tags, counts)

    @property
    def ended(self) -> int:
        """How many tasks have ended."""
        return self.done + self.failed + self.cancelled

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return asdict(self)


def clock(seconds: float | None) -> str:
    """A time for people, on this machine's clock; empty for none."""
    if seconds is None:
        return ""
    return datetime.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def style(status: str) -> str:
    """The colour of a status."""
    return {"DONE": "green", "ERROR": "red", "CANCELLED": "yellow", "RUNNING": "cyan"}.get(status, "")
