"""The lines of a worker's log: what they say, as text and as fields."""

import json
import logging

import pytest
from qiskit import QuantumCircuit

from aerq.tasks.message import Message
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from aerq.tasks.records.states import TaskState
from aerq.tasks.tasklog import log_end, log_start, reason_in


def message(**changes):
    values = {"first": 3, "count": 1, "offset": 0, "shots": 50, "seed": 7} | changes
    return Message(job="a-job", index=3, circuits="c", options="o", noise=None, binds=None, **values)


def qobj(name="bell"):
    experiment = QobjExperiment(QuantumCircuit(1, name=name))
    return Qobj("a-job", QobjHeader(), QobjConfig(50, 7), (experiment,))


def test_the_end_of_a_task_is_one_line_and_fields(caplog):
    caplog.set_level(logging.INFO)
    log_start(message(), 1)
    log_end(message(), qobj(), 1, TaskState.DONE, 0.25)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == (
        "job a-job task 3, experiment 3: done, circuit 'bell', 50 shots, 0.250000 s in the kernel, attempt 1"
    )
    fields = ("action", "job", "index", "experiment", "experiments", "circuit", "shots", "seconds", "attempt", "state")
    assert [getattr(record, name) for name in fields] == [
        "end_task", "a-job", 3, 3, 1, "bell", 50, 0.25, 1, "done",
    ]  # fmt: skip
    json.dumps({name: getattr(record, name) for name in fields})


def test_the_start_is_said_to_those_who_debug(caplog):
    caplog.set_level(logging.DEBUG)
    log_start(message(count=4), 2)
    log_start(message(offset=100), 1)
    assert [(record.levelno, record.action) for record in caplog.records] == [(logging.DEBUG, "start_task")] * 2
    assert caplog.messages[0] == "job a-job task 3, experiments 3 to 6: attempt 2 starts"
    assert "experiment 3 from shot 100" in caplog.messages[1]


@pytest.mark.parametrize("state", [TaskState.MARKED, TaskState.FAILED])
def test_a_failure_is_a_warning_with_its_reason(caplog, state):
    log_end(message(), None, 3, state, 0.0, "the payload is gone")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().endswith("attempt 3: the payload is gone")


def test_a_name_forges_no_second_line(caplog):
    caplog.set_level(logging.INFO)
    log_end(message(), qobj("a\n[INFO] job other: done\x1b[2J" + "x" * 500), 1, TaskState.DONE, 0.1, "r\n" + "y" * 5000)
    assert "\n" not in caplog.text.rstrip("\n")
    assert "\x1b" not in caplog.text
    assert len(caplog.messages[0]) < 700


def test_the_reason_is_aers_word_on_the_first_that_failed():
    assert reason_in({"success": True, "results": [{"success": True, "status": "DONE"}]}) == ""
    failed = {"success": False, "status": "ERROR: too wide"}
    assert reason_in({"results": [{"success": True}, failed, failed]}) == "ERROR: too wide"
    assert reason_in({"success": False, "status": "ERROR: cannot load", "results": []}) == "ERROR: cannot load"
