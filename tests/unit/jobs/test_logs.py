"""The lines that tell what became of a task."""

from types import SimpleNamespace

import pytest

from aerq.jobs.logs import job_logs
from aerq.tasks.message import Message
from aerq.tasks.records.job import JobRecord
from aerq.tasks.records.states import TaskRecord, TaskState

MESSAGE = Message("j", 0, "c", "o", None, None, first=0, count=1, offset=0, shots=5, seed=1)
RECORD = JobRecord("j", "b", "1", ("bell",), (0,), (), (MESSAGE,), "aer", False, "1.0")
LOSS = "the process of its slot was aborted (SIGABRT)"


def lines(task):
    records = SimpleNamespace(
        record=lambda _: RECORD, counts=lambda _: [SimpleNamespace(created=1.0)], tasks=lambda _: {0: task}
    )
    return [line.partition("Z ")[2].removeprefix("j.0 ('bell', 5 shots) ") for line in job_logs(records, "j")[1:]]


@pytest.mark.parametrize(
    ("state", "attempt", "reason", "said"),
    [
        (TaskState.RUNNING, 1, "", "attempt 1 starts on w"),
        (TaskState.QUEUED, 1, LOSS, f"attempt 1 starts on w; lost: {LOSS}"),
        (TaskState.RUNNING, 2, LOSS, f"attempt 2 starts on w; 1 attempt before; the last: {LOSS}"),
        (TaskState.QUEUED, 2, LOSS, f"attempt 2 starts on w; 1 attempt before; lost: {LOSS}"),
        (TaskState.RUNNING, 3, LOSS, f"attempt 3 starts on w; 2 attempts before; the last: {LOSS}"),
    ],
)
def test_attempts_that_were_lost_are_told_of(state, attempt, reason, said):
    assert lines(TaskRecord(state, attempt, 2.0, instance="w#1", reason=reason)) == [said]


def test_attempts_that_were_lost_are_told_of_after_the_end_too():
    ended = {"attempt": 3, "started": 2.0, "finished": 3.0, "instance": "w#1"}
    begun = "attempt 3 starts on w; 2 attempts before"
    done = TaskRecord(TaskState.DONE, seconds=0.5, parts=1, **ended)
    assert lines(done) == [begun, "done after 0.500 s in the kernel"]
    assert lines(TaskRecord(TaskState.CANCELLED, **ended)) == [begun, "cancelled"]
    assert lines(TaskRecord(TaskState.FAILED, reason="it never ended", **ended)) == [begun, "failed: it never ended"]
