"""The lines that tell what became of a task."""

from types import SimpleNamespace

from aerq.jobs.logs import job_logs
from aerq.tasks.message import Message
from aerq.tasks.records.job import JobRecord
from aerq.tasks.records.states import LostRun, TaskRecord, TaskState

MESSAGE = Message("j", 0, "c", "o", None, None, first=0, count=1, offset=0, shots=5, seed=1)
RECORD = JobRecord("j", "b", "1", ("bell",), (0,), (), (MESSAGE,), "aer", False, "1.0")
LOSS = "the process of its slot was aborted (SIGABRT)"


def lines(task, *losses):
    records = SimpleNamespace(
        record=lambda _: RECORD,
        counts=lambda _: [SimpleNamespace(created=1.0)],
        tasks=lambda _: {0: task},
        losses=lambda _: list(losses),
    )
    return [line.partition("Z ")[2].removeprefix("j.0 ('bell', 5 shots) ") for line in job_logs(records, "j")[1:]]


def lost(attempt, counts=True):
    return LostRun(0, attempt, 1.0 + attempt, 1.5 + attempt, f"w{attempt}#1", LOSS, counts)


def told(attempt):
    return [f"attempt {attempt} starts on w{attempt}", f"attempt {attempt} lost: {LOSS}"]


def test_a_task_that_nothing_happened_to():
    assert lines(TaskRecord(TaskState.RUNNING, 1, 2.0, instance="w#1")) == ["attempt 1 starts on w"]


def test_each_attempt_that_was_lost_is_told_of_while_it_waits_runs_and_after_its_end():
    waits = TaskRecord(TaskState.QUEUED, 1, 2.0, instance="w1#1", reason=LOSS)
    assert lines(waits, lost(1)) == told(1)
    runs = TaskRecord(TaskState.RUNNING, 3, 9.0, instance="w#1", reason=LOSS)
    begun = [*told(1), *told(2), "attempt 3 starts on w"]
    assert lines(runs, lost(1), lost(2)) == begun
    ended = {"attempt": 3, "started": 9.0, "finished": 10.0, "instance": "w#1"}
    done = TaskRecord(TaskState.DONE, seconds=0.5, parts=1, **ended)
    assert lines(done, lost(1), lost(2)) == [*begun, "done after 0.500 s in the kernel"]
    failed = TaskRecord(TaskState.FAILED, reason="it never ended", **ended)
    assert lines(failed, lost(1), lost(2), lost(3))[-1] == "failed: it never ended"


def test_what_was_handed_back_is_said_not_to_count():
    waits = TaskRecord(TaskState.QUEUED, 1, 2.0, instance="w1#1")
    assert lines(waits, lost(1, counts=False))[-1] == f"attempt 1 lost, which does not count: {LOSS}"
