"""What tasks bring is fetched while others still run, once each, and comes in the order that was asked for."""

import threading

import pytest

from aerq.config.errors import UnavailableError
from aerq.jobs import taskset
from aerq.jobs.deadline import Deadline
from aerq.jobs.errors import JobError
from aerq.jobs.outputs import Outputs
from aerq.jobs.taskset import CeleryTasks
from aerq.tasks.records.states import TaskState
from aerq.tasks.records.store import Completion

TASKS = 4
PATIENCE = 30


def done(index, run="1:1"):
    return Completion(index, TaskState.DONE, run, 1)


class Executor:
    """Its records tell of what a test has put in, and it notes what is fetched."""

    def __init__(self, stream):
        self.changed = threading.Condition()
        self.records, self.put = stream, stream.put
        self.fetched, self.raises = [], []

    def outputs(self, job_id, completions):
        with self.changed:
            self.fetched.append(sorted(completions))
            self.changed.notify_all()
            if self.raises:
                raise self.raises.pop()
        return {index: f"{index} by {completion.run}" for index, completion in completions.items()}

    def await_fetches(self, number):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.fetched) >= number, PATIENCE)


@pytest.fixture
def executor(stream, monkeypatch):
    monkeypatch.setattr(taskset, "_FETCH_SECONDS", 0.0)
    return Executor(stream)


@pytest.fixture
def tasks(executor):
    return CeleryTasks(executor, "j", range(TASKS))


@pytest.fixture
def collected(tasks):
    """What `values` gives in a thread of its own, when that has ended."""
    found = []
    thread = threading.Thread(
        target=lambda: found.append(tasks.values([2, 0, 1], Deadline.after(PATIENCE))), daemon=True
    )
    thread.start()

    def collect():
        thread.join(PATIENCE)
        return found[0]

    return collect


ALL = {2: "2 by 1:1", 0: "0 by 1:1", 1: "1 by 1:1"}


def test_what_has_ended_is_fetched_while_others_run_and_once(executor, collected):
    executor.put(done(0), done(3))  # the last is not asked for
    executor.await_fetches(1)
    assert executor.fetched == [[0]]
    executor.put(done(2), done(1))
    found = collected()
    assert list(found.items()) == list(ALL.items())
    assert executor.fetched == [[0], [1, 2]]


@pytest.mark.parametrize("error", [UnavailableError("away"), JobError("cannot be read")])
def test_what_could_not_be_fetched_before_is_fetched_at_the_end(executor, collected, error):
    executor.raises.append(error)
    executor.put(done(0))
    executor.await_fetches(1)
    executor.put(done(1), done(2))
    assert collected() == ALL
    assert executor.fetched == [[0], [0, 1, 2]]


def test_while_one_has_failed_nothing_is_fetched_for_its_sake(executor, tasks):
    executor.put(done(0), Completion(1, TaskState.FAILED, "1:1", 0))
    assert tasks.values([0, 1, 2], Deadline.after(0)) is None
    assert executor.fetched == []


def test_who_asks_again_after_a_deadline_fetches_nothing_twice(executor, tasks):
    executor.put(done(0))
    assert tasks.values([0, 1], Deadline.after(0)) is None
    assert executor.fetched == [[0]]
    executor.put(done(1))
    assert tasks.values([0, 1], Deadline.after(0)) == {0: "0 by 1:1", 1: "1 by 1:1"}
    assert executor.fetched == [[0], [1]]
    # and nothing is held that nobody will ask for
    assert tasks.values([0], Deadline.after(0)) == {0: "0 by 1:1"}
    assert executor.fetched == [[0], [1], [0]]


def test_who_waits_in_slices_fetches_what_has_ended_once(executor, tasks):
    executor.put(done(0))
    assert not tasks.gather([0, 1], Deadline.after(0.01))
    executor.put(done(1))
    assert tasks.gather([0, 1], Deadline.after(PATIENCE))
    assert tasks.values([0, 1], Deadline.after(0)) == {0: "0 by 1:1", 1: "1 by 1:1"}
    assert executor.fetched == [[0], [1]]


def test_two_threads_may_take_the_same_outputs(executor):
    class Raced(dict):
        """What is in it has been taken by another thread when it is asked for."""

        def __contains__(self, key):
            was_there = super().__contains__(key)
            self.pop(key, None)
            return was_there

    outputs = Outputs(lambda completions: executor.outputs("j", completions))
    outputs._ahead = Raced()
    outputs.fetch_ahead({0: done(0)})
    assert outputs.take({0: done(0), 1: done(1)}) == {0: "0 by 1:1", 1: "1 by 1:1"}


def test_all_that_has_ended_long_ago_is_fetched_in_one_go(executor, tasks, monkeypatch):
    monkeypatch.setattr(taskset, "_FETCH_SECONDS", 3600.0)
    executor.put(*map(done, range(TASKS)))
    assert list(tasks.values(range(TASKS), Deadline.after(0))) == list(range(TASKS))
    assert executor.fetched == [list(range(TASKS))]


def test_an_output_counts_only_with_the_end_that_brought_it(executor):
    """A store that has lost its last writes tells of another end later."""
    outputs = Outputs(lambda completions: executor.outputs("j", completions))
    outputs.fetch_ahead({0: done(0), 1: done(1)})
    outputs.fetch_ahead({0: done(0)})
    assert outputs.take({1: done(1), 0: done(0, "2:2")}) == {1: "1 by 1:1", 0: "0 by 2:2"}
    assert executor.fetched == [[0, 1], [0]]
