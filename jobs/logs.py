"""What workers did with an experiment, in lines, from the job's record.

Workers write the same to their own logs, where an operator finds more (`aerq.tasks.tasklog`). Nothing else of those
logs is kept with a job: they tell of hosts and of other people's jobs.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from ..tasks.message import Message
from ..tasks.records.job import JobRecord
from ..tasks.records.states import QUEUED, LostRun, TaskRecord, TaskState
from ..tasks.records.store import Records
from .errors import NoSuchJobError


def job_logs(records: Records, job_id: str, index: int | None = None) -> list[str]:
    """The lines of a job's tasks, or of one of them, in the order in which things happened.

    Raises:
        NoSuchJobError: if the job was deleted or has expired.
        UnavailableError: if the store does not answer.
    """
    record, counts = records.record(job_id), records.counts([job_id])[0]
    if record is None or counts is None:
        raise NoSuchJobError(f"no such job: {job_id}")
    indexes = range(len(record.messages)) if index is None else [index]
    known = records.tasks(job_id) if index is None else records.tasks(job_id, [index])
    lines = [(counts.created, f"job {job_id} submitted by aerq {record.aerq}, {_plural(len(record.messages), 'task')}")]
    lost: dict[int, list[LostRun]] = {}
    for loss in records.losses(job_id):
        lost.setdefault(loss.index, []).append(loss)
    for number in indexes:
        lines += _task_lines(record, record.messages[number], known.get(number, QUEUED), lost.get(number, ()))
    return [f"{_clock(seconds)} {text}" for seconds, text in sorted(lines, key=lambda line: line[0])]


def _task_lines(
    record: JobRecord, message: Message, task: TaskRecord, losses: Sequence[LostRun]
) -> Iterator[tuple[float, str]]:
    """What happened to one task, and when by the store's clock."""
    name = f"{message.task_id} ({record.names[message.first]!r}, {_plural(message.shots, 'shot')})"
    if message.count > 1:
        name = f"{message.task_id} ({message.count} experiments from {record.names[message.first]!r} on)"
    for loss in losses:
        yield loss.started, f"{name} attempt {loss.attempt} starts on {loss.worker}"
        spared = "" if loss.counts else ", which does not count"
        yield loss.lost, f"{name} attempt {loss.attempt} lost{spared}: {loss.reason}"
    if task.started and task.attempt not in {loss.attempt for loss in losses}:
        yield task.started, f"{name} attempt {task.attempt} starts on {task.worker}"
    if task.finished:
        kernel = f" after {task.seconds:.3f} s in the kernel" if task.state.has_result else ""
        reason = f": {task.reason}" if task.reason else ""
        if task.state is TaskState.MARKED and not reason:
            reason = ": Aer marked an experiment as failed, result() says which"
        yield task.finished, f"{name} {_WORDS[task.state]}{kernel}{reason}"


_WORDS = {
    TaskState.DONE: "done",
    TaskState.MARKED: "failed",
    TaskState.FAILED: "failed",
    TaskState.CANCELLED: "cancelled",
}


def _plural(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _clock(seconds: float) -> str:
    """A time of the store's clock, in UTC to the millisecond."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
