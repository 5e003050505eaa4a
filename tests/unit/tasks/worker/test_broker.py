"""What a worker reads of messages that wait: anything may be on the queue."""

import json

import pytest

from aerq.tasks.worker.broker import _task_ids

OURS = {"headers": {"id": "job.3", "task": "aerq.run_experiments"}, "body": "e30="}


def test_our_messages_are_known_waiting_and_out():
    assert _task_ids(json.dumps(OURS).encode()) == {"job.3"}
    assert _task_ids(json.dumps([OURS, "", "aerq"]).encode()) == {"job.3"}


def test_a_message_of_several_tasks_stands_for_all_of_them():
    headers = {**OURS["headers"], "aerq_tasks": [[3, "circuit=a"], [4, "circuit=b"], [7, "circuit=c"]]}
    assert _task_ids(json.dumps({"headers": headers}).encode()) == {"job.3", "job.4", "job.7"}


@pytest.mark.parametrize(
    "data",
    [b"", b"garbage", b"[]", b"17", b"null", b"{}", b'{"headers": null}', b'{"headers": {"id": "a.1"}}', b"\xff\xfe"],
)
def test_what_is_no_message_of_ours_is_passed_over(data):
    assert _task_ids(data) == frozenset()


def test_messages_of_other_applications_are_passed_over():
    assert _task_ids(json.dumps({"headers": {"id": "job.3", "task": "other.task"}}).encode()) == frozenset()
