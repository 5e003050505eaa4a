"""Messages: plain data that is checked before it is used."""

import pytest

from aerq.tasks.message import Message, parse_task_id, task_id
from aerq.tasks.versions import versions
from aerq.tasks.wire.errors import DecodingError

AER = ".".join(versions()["qiskit-aer"].split(".")[:2])
MESSAGE = Message("job", 3, "c" * 64, "o" * 64, None, "b" * 64, 4, 2, 0, 100, -5)


def test_a_message_survives_its_trip():
    assert Message.from_kwargs(MESSAGE.to_kwargs()) == MESSAGE
    assert Message.from_kwargs(MESSAGE.to_kwargs("0.2.0", f"{AER}.99")) == MESSAGE
    assert MESSAGE.digests() == ["c" * 64, "o" * 64, "b" * 64]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"version": 3, "aerq": "9.0"},
            r"aerq 9\.0 in messages of version 3, and this worker's aerq [\d.]+ reads version 2",
        ),
        ({"version": None}, "messages of version unknown"),
        ({"aer": "0.17.4"}, r"qiskit-aer 0\.17\.4, and this worker has 0\.18"),
        ({"aer": "1.18.2"}, r"qiskit-aer 1\.18\.2"),
        ({"extra": 1}, "missing or unknown fields"),
        ({"shots": "10"}, "'shots'"),
        ({"shots": True}, "'shots'"),
        ({"index": -1}, "'index'"),
        ({"job": ""}, "'job'"),
        ({"circuits": None}, "'circuits'"),
        ({"noise": 5}, "'noise'"),
        ({"job": "x" * 200}, "'job'"),
    ],
)
def test_a_changed_message_is_refused_by_name(change, said):
    with pytest.raises(DecodingError, match=said):
        Message.from_kwargs({**MESSAGE.to_kwargs(), **change})


def test_a_cut_message_is_refused():
    kwargs = MESSAGE.to_kwargs()
    del kwargs["seed"]
    with pytest.raises(DecodingError, match="missing or unknown fields"):
        Message.from_kwargs(kwargs)


def test_task_ids_name_job_and_index():
    assert MESSAGE.task_id == task_id("job", 3) == "job.3"
    assert parse_task_id("a.b.12") == ("a.b", 12)
    assert parse_task_id("job") is None
    assert parse_task_id("job.x") is None
    assert parse_task_id("job.-1") is None
