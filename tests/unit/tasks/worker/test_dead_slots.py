"""What is done to Celery's pool before a worker takes tasks."""

import os
import select
from types import SimpleNamespace

import pytest
from celery.concurrency.asynpool import AsynPool
from kombu.asynchronous import Hub

from aerq.tasks.worker.steps import watch_slots_rightly


@pytest.fixture
def hub():
    made = Hub()
    yield made
    made.close()


@pytest.fixture
def slots():
    """A pool without processes of its own."""
    return AsynPool.__new__(AsynPool)


@pytest.fixture
def living():
    """A slot's process, as far as the pool watches it."""
    ours, theirs = os.pipe()
    process = SimpleNamespace(_popen=SimpleNamespace(sentinel=ours))
    yield process
    for number in (ours, theirs, process._sentinel_poll):
        os.close(number)


def test_a_slot_that_died_is_not_watched_again(hub, slots, living):
    dead = SimpleNamespace(_sentinel_poll=None)
    with pytest.raises(ValueError, match="file descriptor is None"):  # what would end the worker
        slots._track_child_process(dead, hub)
    watch_slots_rightly(SimpleNamespace(_pool=slots))
    slots._track_child_process(dead, hub)
    assert not hub.readers
    slots._track_child_process(living, hub)
    assert set(hub.readers) == {living._sentinel_poll}


def test_a_slot_that_closes_its_pipes_before_it_ends_is_found_when_it_has_ended(hub, slots, monkeypatch):
    """Celery looks for it at once, when it may not have ended, and again after seconds only."""
    ours, theirs = os.pipe()
    go_on, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        for number in (ours, theirs):
            os.close(number)
        os.read(go_on, 1)  # until the parent has been told of the pipe's end
        os._exit(0)
    os.close(theirs)
    ended = []

    def look():
        ended.append(os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)

    try:
        monkeypatch.setattr(slots, "maintain_pool", look, raising=False)
        watch_slots_rightly(SimpleNamespace(_pool=slots))
        slots._track_child_process(SimpleNamespace(_popen=SimpleNamespace(sentinel=ours), pid=pid), hub)
        ((number, (notice, arguments)),) = hub.readers.items()
        assert select.select([number], [], [], 10)[0]
        os.close(told)
        notice(*arguments)
        assert ended == [True]
    finally:
        os.waitpid(pid, 0)
        os.close(ours)
        os.close(go_on)


def test_a_pool_without_processes_is_left_as_it_is():
    watch_slots_rightly(SimpleNamespace())
