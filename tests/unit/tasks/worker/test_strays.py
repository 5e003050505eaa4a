"""Which slots a worker's parent kills because the store says that their task is not theirs."""

from types import SimpleNamespace

import pytest

from aerq.tasks.records.states import TaskRecord, TaskState
from aerq.tasks.worker import strays
from aerq.tasks.worker.strays import Strays

REQUEST = SimpleNamespace(id="j.0", worker_pid=7)
HEARTBEAT = 10.0
ELSEWHERE = TaskRecord(TaskState.RUNNING, 2, instance="other#1")


class Worker:
    """A worker whose one slot runs `request`; the store's word on each task is in `said`, the kills are in `killed`."""

    def __init__(self, monkeypatch):
        pool = SimpleNamespace(_pool=SimpleNamespace(_pool=[SimpleNamespace(pid=7)]))
        self.request, self.said, self.killed, self.given_back = REQUEST, ELSEWHERE, [], []
        self.now = 0.0
        self.strays = Strays(
            None,
            "w@h#1",
            pool,
            lambda *args: self.given_back.append(args),
            heartbeat_seconds=HEARTBEAT,
            clock=lambda: self.now,
        )
        monkeypatch.setattr(strays, "active_requests", lambda: [self.request])
        monkeypatch.setattr(strays, "kill", self.killed.append)
        monkeypatch.setattr(strays, "read_tasks", lambda _, task_ids: {one: self.word(one) for one in task_ids})

    def word(self, task_id):
        return self.said.get(task_id, TaskRecord()) if isinstance(self.said, dict) else self.said


@pytest.fixture
def parent(monkeypatch):
    return Worker(monkeypatch)


def heartbeat(parent, *held, after=HEARTBEAT):
    parent.now += after
    parent.strays.stop_what_is_not_ours(frozenset(held))
    return parent.killed


def test_what_was_held_here_and_runs_elsewhere_is_killed_at_once(parent):
    assert heartbeat(parent, "j.0") == []
    assert heartbeat(parent) == [7]


def test_what_was_never_seen_to_be_held_is_killed_when_it_stays(parent):
    """A worker that was cut off before the first heartbeat after the start does not know that it held the task."""
    assert heartbeat(parent) == []
    assert heartbeat(parent) == []
    assert heartbeat(parent) == [7]


def test_what_is_about_to_start_is_left_alone(parent):
    parent.said = TaskRecord()
    heartbeat(parent)
    assert heartbeat(parent) == []
    for _ in range(5):
        assert heartbeat(parent, "j.0") == []


def test_what_was_cancelled_is_killed_at_once(parent):
    parent.said = TaskRecord(TaskState.CANCELLED, 1)
    assert heartbeat(parent) == [7]


@pytest.fixture
def bundle(parent):
    """The slot works on a message with three tasks."""
    parent.request = SimpleNamespace(id="j.0", worker_pid=7, task_ids=("j.0", "j.1", "j.2"))
    return parent


HERE = "w@h#1"


def running(pid=7, started=20.0):
    return TaskRecord(TaskState.RUNNING, 1, started=started, instance=HERE, run=f"{pid}:token")


def cancelled(started=10.0):
    return TaskRecord(TaskState.CANCELLED, 1, started=started, instance=HERE)


def test_a_slot_that_goes_from_task_to_task_of_its_message_is_left_alone(bundle):
    ended = TaskRecord(TaskState.DONE, 1, instance=HERE)
    for index in range(3):
        bundle.said = {f"j.{n}": ended for n in range(index)} | {f"j.{index}": running()}
        assert heartbeat(bundle, f"j.{index}") == []
        bundle.said[f"j.{index}"] = ended
        assert heartbeat(bundle) == []


def test_the_cancel_of_one_of_several_tasks_kills_the_slot_only_while_that_one_runs(bundle):
    bundle.said = {"j.0": running(), "j.1": cancelled()}
    assert heartbeat(bundle, "j.0") == []
    bundle.said = {"j.0": TaskRecord(TaskState.DONE, 1, instance=HERE), "j.1": cancelled()}
    assert heartbeat(bundle) == []  # it might be between two tasks
    assert heartbeat(bundle) == [7]
    assert bundle.strays.was_killed(7)


def test_a_cancelled_task_is_stopped_though_others_that_started_with_it_are_not(bundle):
    """Only the slot knows which of them it is at, and all of them were to take a moment."""
    bundle.said = {"j.0": running(started=10.0), "j.1": cancelled(started=10.0)}
    assert heartbeat(bundle, "j.0") == []
    assert heartbeat(bundle, "j.0", after=strays._BETWEEN_SECONDS / 2) == []
    assert heartbeat(bundle, "j.0", after=strays._BETWEEN_SECONDS) == [7]
    assert bundle.strays.was_killed(7)


def test_a_slot_that_is_through_with_what_started_with_a_cancelled_task_is_left_alone(bundle):
    for started in (10.0, 11.0):
        bundle.said = {"j.0": running(started=started), "j.1": cancelled(started=10.0)}
        assert heartbeat(bundle, "j.0") == []
    assert heartbeat(bundle, "j.0") == []


def test_a_cancelled_task_is_stopped_though_another_slot_here_runs_one_of_the_same_message(bundle):
    bundle.said = {"j.0": TaskRecord(TaskState.CANCELLED, 1, instance=HERE), "j.1": running(pid=8)}
    heartbeat(bundle, "j.1")
    assert heartbeat(bundle, "j.1") == [7]


def test_after_what_may_be_a_cancelled_task_it_looks_again_soon(bundle):
    assert bundle.strays.stop_what_is_not_ours(frozenset()) is False
    bundle.said = {"j.1": TaskRecord(TaskState.CANCELLED, 1, instance=HERE)}
    assert bundle.strays.stop_what_is_not_ours(frozenset()) is True


def test_a_task_that_was_cancelled_before_its_turn_kills_nothing(bundle):
    bundle.said = {"j.1": TaskRecord(TaskState.CANCELLED, 0)}
    assert heartbeat(bundle) == []
    assert heartbeat(bundle) == []


def test_one_of_several_tasks_that_was_held_here_and_runs_elsewhere_kills_the_slot(bundle):
    bundle.said = {"j.1": running()}
    assert heartbeat(bundle, "j.1") == []
    bundle.said = {"j.1": ELSEWHERE}
    assert heartbeat(bundle) == [7]


def test_looks_that_follow_at_once_wait_for_no_heartbeat(parent):
    """A cancel makes a worker look at once, and a hundred of them a hundred times: that is not a hundred heartbeats."""
    for _ in range(100):
        assert heartbeat(parent, after=0.001) == []
    assert heartbeat(parent, after=2 * HEARTBEAT) == [7]


def test_a_slot_between_two_tasks_is_left_alone_however_often_it_is_looked_at(bundle):
    bundle.said = {"j.1": TaskRecord(TaskState.CANCELLED, 1, instance=HERE)}
    for _ in range(100):
        assert heartbeat(bundle, after=0.001) == []
    assert heartbeat(bundle, after=0.3) == [7]


def test_a_slot_is_killed_once(parent):
    parent.said = TaskRecord(TaskState.CANCELLED, 1)
    heartbeat(parent)
    assert heartbeat(parent) == [7]
