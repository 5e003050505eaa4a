"""Which slots a worker's parent kills because the store says that their task is not theirs."""

from types import SimpleNamespace

import pytest

from aerq.config.settings import Settings
from aerq.tasks.celery import worker_app
from aerq.tasks.records.states import TaskRecord, TaskState
from aerq.tasks.worker import keeper
from aerq.tasks.worker.keeper import Keeper

SETTINGS = Settings(broker_url="redis://127.0.0.1:1/0")
REQUEST = SimpleNamespace(id="j.0", worker_pid=7)
ELSEWHERE = TaskRecord(TaskState.RUNNING, 2, instance="other#1")


@pytest.fixture
def parent(monkeypatch):
    """A keeper whose one slot runs `REQUEST`, with the store's word on it in `said` and the kills in `killed`."""
    app = worker_app(SETTINGS)
    app.aerq_slots = 1
    pool = SimpleNamespace(_pool=SimpleNamespace(_pool=[SimpleNamespace(pid=7)]))
    made = Keeper(app, SETTINGS, "w@h", pool)
    made.said, made.killed = ELSEWHERE, []
    monkeypatch.setattr(keeper, "_active", lambda: [REQUEST])
    monkeypatch.setattr(keeper, "_kill", made.killed.append)
    monkeypatch.setattr(made, "_tasks", lambda task_ids: dict.fromkeys(task_ids, made.said))
    return made


def heartbeat(parent, *held):
    parent._stop_what_is_not_ours(frozenset(held))
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
