"""What is done to Celery's pool before a worker takes tasks."""

import os
from types import SimpleNamespace

import pytest
from celery.concurrency.asynpool import AsynPool
from kombu.asynchronous import Hub

from aerq.tasks.worker.steps import watch_no_dead_slot


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
    watch_no_dead_slot(SimpleNamespace(_pool=slots))
    slots._track_child_process(dead, hub)
    assert not hub.readers
    slots._track_child_process(living, hub)
    assert set(hub.readers) == {living._sentinel_poll}


def test_a_pool_without_processes_is_left_as_it_is():
    watch_no_dead_slot(SimpleNamespace())
