"""Messages: plain data that is checked before it is used."""

import pytest

from aerq.tasks.message import Message, parse_task_id, task_id
from aerq.tasks.wire.errors import DecodingError

MESSAGE = Message("job", 3, "c" * 64, "o" * 64, None, "b" * 64, 4, 2, 0, 100, -5)


def test_a_message_survives_its_trip():
    assert Message.from_kwargs(MESSAGE.to_kwargs()) == MESSAGE
    assert MESSAGE.digests() == ["c" * 64, "o" * 64, "b" * 64]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version 2, this aerq reads version 1"),
        ({"version": None}, "version None"),
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
