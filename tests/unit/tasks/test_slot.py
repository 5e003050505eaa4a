"""What a slot does with the tasks of one message: one's failure, and one's memory, are none of the others'."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from aerq.config import Settings
from aerq.tasks import slot as slot_module
from aerq.tasks.message import Message
from aerq.tasks.records.runs import Turn, Verdict
from aerq.tasks.records.states import TaskState
from aerq.tasks.slot import ExperimentsFailedError, Slot

INSTANCE = "w@h#1"
MEBIBYTE = 1024 * 1024
LARGE = 8 * MEBIBYTE


class Records:
    """Takes what a slot records, or raises what it is told to; notes what was asked for and recorded in each step."""

    def __init__(self):
        self.ended, self.raises, self.turns, self.runs = {}, {}, [], set()
        #: What it says to who asks for a task, and of which tasks it says that they start alone.
        self.answers, self.alone = {}, set()

    def start(self, job_id, index, instance, run):
        return self.turn(job_id, [], [index], instance, run).verdicts[0]

    def turn(self, job_id, ends, indexes=(), instance="", run=""):
        for end in ends:
            if end.parts and end.index in self.raises:
                raise self.raises[end.index]
        self.turns.append(([end.index for end in ends], list(indexes)))
        self.runs.add(run)
        self.ended |= {end.index: (end.state, end.reason) for end in ends}
        verdicts = []
        for index in indexes:
            if index in self.alone and verdicts:
                break
            verdicts.append(Verdict(self.answers.get(index, "run"), 1))
            if index in self.alone:
                break
        return Turn([True] * len(ends), verdicts)


class Decoder:
    def decode(self, message):
        return message


@pytest.fixture
def made():
    """Numbers of the task and MiB that were in use, at each start of the kernel."""
    return []


def slot_of(made, size, **settings):
    """A slot whose kernel gives results of that many bytes."""

    def kernel(message):
        made.append((message.index, tracemalloc.get_traced_memory()[0] // MEBIBYTE))
        result = {"success": True, "data": {"statevector": np.zeros(size // 16, complex)}, "metadata": {}}
        return {"success": True, "results": [result]}

    found = Slot(Settings(broker_url="redis://127.0.0.1:1/0", **settings), lambda: kernel)
    found.records, found._decoder, found._measured = Records(), Decoder(), None
    return found


@pytest.fixture
def slot(made):
    return slot_of(made, LARGE)


@pytest.fixture
def small(made):
    """A slot whose results are small."""
    return slot_of(made, 16)


def messages(number, seconds=0.0):
    return [Message("j", index, "c", "o", None, None, index, 1, 0, 1, 1, seconds=seconds) for index in range(number)]


def test_no_result_is_held_while_the_next_kernel_runs(slot, made):
    tracemalloc.start()
    try:
        assert slot.run_all(messages(4), INSTANCE) == "done done done done"
    finally:
        tracemalloc.stop()
    assert made == [(index, 0) for index in range(4)]


@pytest.mark.parametrize("broken", range(3))
@pytest.mark.parametrize("error", [MemoryError(), ValueError("too long")])
def test_a_result_that_cannot_be_sent_fails_its_task_alone(slot, broken, error):
    slot.records.raises[broken] = error
    states = slot.run_all(messages(3), INSTANCE).split()
    assert states == ["failed" if index == broken else "done" for index in range(3)]
    state, reason = slot.records.ended.pop(broken)
    assert state is TaskState.FAILED
    assert ("ran out of memory" if isinstance(error, MemoryError) else "ValueError: too long") in reason
    assert {state for state, _ in slot.records.ended.values()} == {TaskState.DONE}


def test_a_result_that_cannot_be_sent_fails_a_task_that_is_alone(slot):
    slot.records.raises[0] = MemoryError()
    with pytest.raises(ExperimentsFailedError, match="ran out of memory"):
        slot.run(messages(1)[0], INSTANCE)
    assert slot.records.ended[0][0] is TaskState.FAILED


def test_what_cannot_be_logged_or_learnt_changes_no_end(slot, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(slot_module, "log_end", fails)
    slot._learn = fails
    assert slot.run_all(messages(2), INSTANCE) == "done done"


def test_what_cannot_be_logged_at_the_start_fails_the_task_alone(slot, monkeypatch):
    broken = []

    def fails_once(*_):
        if not broken:
            broken.append(True)
            raise MemoryError

    monkeypatch.setattr(slot_module, "log_start", fails_once)
    assert slot.run_all(messages(2), INSTANCE) == "failed done"


#: Ten of these take less than what may start together.
SHORT = 0.0024


def test_very_short_tasks_start_and_end_together(small):
    assert small.run_all(messages(25, SHORT), INSTANCE) == " ".join(["done"] * 25)
    first, second, third = list(range(10)), list(range(10, 20)), list(range(20, 25))
    assert small.records.turns == [([], first), (first, second), (second, third), (third, [])]


def test_no_more_tasks_than_that_start_together_however_short_they_are(small):
    small.run_all(messages(40, 1e-9), INSTANCE)
    assert [len(then) for _, then in small.records.turns] == [16, 16, 8, 0]


@pytest.mark.parametrize("seconds", [0.0, 0.03, 3600.0])
def test_a_task_that_is_long_or_of_which_nobody_knows_starts_alone(small, seconds):
    short = messages(6, SHORT)
    short[2] = replace(short[2], seconds=seconds)
    assert small.run_all(short, INSTANCE) == " ".join(["done"] * 6)
    assert [then for _, then in small.records.turns] == [[0, 1], [2], [3, 4, 5], []]


def test_where_one_start_is_allowed_each_task_starts_alone(made):
    """What starts together and is lost was started, and is started again."""
    small = slot_of(made, 16, max_attempts=1)
    small.run_all(messages(3, SHORT), INSTANCE)
    assert [then for _, then in small.records.turns] == [[0], [1], [2], []]


def test_what_the_store_lets_start_alone_runs_alone_and_the_rest_behind_it(small):
    small.records.alone = {2, 3}
    assert small.run_all(messages(6, SHORT), INSTANCE) == " ".join(["done"] * 6)
    assert [ended for ended, _ in small.records.turns] == [[], [0, 1], [2], [3], [4, 5]]


def test_what_has_ended_or_runs_elsewhere_is_passed_over(small, made):
    small.records.answers = {0: "held", 1: "cancelled", 3: "exhausted", 4: "final", 5: "unknown"}
    assert small.run_all(messages(7, SHORT), INSTANCE) == "- cancelled done failed - - done"
    assert [index for index, _ in made] == [2, 6]


def test_no_result_is_held_while_the_next_kernel_runs_not_even_of_tasks_that_start_together(slot, made):
    tracemalloc.start()
    try:
        assert slot.run_all(messages(4, SHORT), INSTANCE) == "done done done done"
    finally:
        tracemalloc.stop()
    assert made == [(index, 0) for index in range(4)]
    assert slot.records.turns[0] == ([], [0, 1, 2, 3])


@pytest.mark.parametrize("broken", range(3))
def test_a_result_that_cannot_be_sent_fails_its_task_alone_among_those_that_end_together(small, broken):
    small.records.raises[broken] = ValueError("too long")
    states = small.run_all(messages(6, 0.003), INSTANCE).split()
    assert states == ["failed" if index == broken else "done" for index in range(6)]
    assert [state for state, _ in dict(sorted(small.records.ended.items())).values()] == [
        TaskState.FAILED if index == broken else TaskState.DONE for index in range(6)
    ]


def test_what_was_to_take_a_moment_and_takes_long_is_recorded_at_once(small, monkeypatch):
    """An estimate is wrong at times; what has ended is not to wait for the rest of what started with it."""
    monkeypatch.setattr(slot_module, "_HELD_SECONDS", -1.0)
    assert small.run_all(messages(4, SHORT), INSTANCE) == "done done done done"
    assert small.records.turns == [([], [0, 1, 2, 3]), ([0], []), ([1], []), ([2], []), ([3], [])]


def test_all_tasks_of_a_message_have_one_run(small):
    small.run_all(messages(25, SHORT), INSTANCE)
    assert len(small.records.runs - {""}) == 1
