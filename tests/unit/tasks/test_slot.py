"""What a slot does with the tasks of one message: one's failure, and one's memory, are none of the others'."""

import tracemalloc

import numpy as np
import pytest

from aerq.config import Settings
from aerq.tasks import slot as slot_module
from aerq.tasks.message import Message
from aerq.tasks.records.runs import Verdict
from aerq.tasks.records.states import TaskState
from aerq.tasks.slot import ExperimentsFailedError, Slot

INSTANCE = "w@h#1"
MEBIBYTE = 1024 * 1024
LARGE = 8 * MEBIBYTE


class Records:
    """Takes what a slot records, or raises what it is told to."""

    def __init__(self):
        self.ended, self.raises = {}, {}

    def start(self, job_id, index, instance, run):
        return Verdict("run", 1)

    def finish(self, job_id, index, run, state, *, seconds, reason, parts):
        if parts and index in self.raises:
            raise self.raises[index]
        self.ended[index] = state, reason
        return True

    def finish_and_start(self, job_id, index, run, state, *, then, **fields):
        taken = self.finish(job_id, index, run, state, **fields)
        return taken, self.start(job_id, *then)


class Decoder:
    def decode(self, message):
        return message


@pytest.fixture
def made():
    """Numbers of the task and MiB that were in use, at each start of the kernel."""
    return []


@pytest.fixture
def slot(made):
    def kernel(message):
        made.append((message.index, tracemalloc.get_traced_memory()[0] // MEBIBYTE))
        result = {"success": True, "data": {"statevector": np.zeros(LARGE // 16, complex)}, "metadata": {}}
        return {"success": True, "results": [result]}

    found = Slot(Settings(broker_url="redis://127.0.0.1:1/0"), lambda: kernel)
    found.records, found._decoder, found._measured = Records(), Decoder(), None
    return found


def messages(number):
    return [Message("j", index, "c", "o", None, None, index, 1, 0, 1, 1) for index in range(number)]


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
