"""The job records in a real store: each change is whole, and the first end of a task stands."""

import contextlib
import threading
from dataclasses import replace

import pytest
import redis

from aerq.config.errors import UnavailableError
from aerq.config.settings import Settings
from aerq.tasks.message import Message
from aerq.tasks.records import keys
from aerq.tasks.records.job import JobRecord
from aerq.tasks.records.runs import RunEnd, Turn, Verdict
from aerq.tasks.records.states import TaskState
from aerq.tasks.records.store import Records
from aerq.tasks.records.workers import (
    WorkerRecord,
    announce_worker,
    held_tasks,
    live_workers,
    silent_workers,
    withdraw_worker,
)
from aerq.tasks.wire.errors import DecodingError


@pytest.fixture
def records(server):
    opened = Records(Settings(broker_url=server.connection_url, max_attempts=2, result_ttl_seconds=1000))
    opened.client.flushdb()
    yield opened
    opened.close()


def job(job_id="j", tasks=3):
    messages = tuple(Message(job_id, i, "c" * 64, "o" * 64, None, None, i, 1, 0, 10, 7) for i in range(tasks))
    return JobRecord(
        job_id=job_id,
        backend_name="aer_simulator",
        backend_version="0.18",
        names=tuple("abcdef"[:tasks]),
        circuits=tuple(range(tasks)),
        tags=("t",),
        messages=messages,
        kind="aer",
        as_set=True,
        aerq="0.1",
        qubits=(2, 3, 4, 5, 6, 7)[:tasks],
    )


def records_ended(records):
    """How the tasks with a result ended."""
    return {c.index: c for c in records.completions("j", "0", None)[1] if c.state.has_result}


def test_after_a_failover_the_address_is_asked_anew(records, server):
    connection = records.client.client_id()
    with redis.Redis.from_url(server.connection_url) as operator:
        operator.replicaof("127.0.0.1", 1)  # nobody is there, so it becomes a replica and stays one
        try:
            with pytest.raises(UnavailableError, match="ReadOnlyError"):
                records.create(job(), {})
        finally:
            operator.replicaof("NO", "ONE")
    assert records.client.client_id() != connection


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
    assert records.start("j", 0, "w", "1:1").answer == "run"
    counts = records.counts(["j", "nope"])
    assert counts[1] is None
    assert (counts[0].tasks, counts[0].running, counts[0].ended) == (3, 1, 0)
    assert records.finish("j", 0, "1:1", TaskState.DONE, seconds=0.5, parts=[b"result"])
    records.fail("j", 1, "because")
    counts = records.counts(["j"])[0]
    assert (counts.running, counts.done, counts.failed, counts.finished) == (0, 1, 1, None)
    records.cancel("j")
    counts = records.counts(["j"])[0]
    assert (counts.cancelled, counts.ended) == (1, 3)
    assert counts.finished >= counts.created


def test_the_first_final_state_stands(records):
    records.create(job(), {})
    records.start("j", 0, "w", "1:1")
    assert records.cancel("j", [0]) == 1
    assert not records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"late"])
    assert not records.fail("j", 0, "late")
    assert records.task("j", 0).state is TaskState.CANCELLED
    assert records.results("j", records_ended(records)) == {}


def test_a_stale_attempt_cannot_write(records):
    records.create(job(), {})
    assert records.start("j", 0, "first", "1:1").attempt == 1
    assert records.release("j", 0, "first", "lost").answer == "queued"
    assert records.start("j", 0, "second", "1:2").attempt == 2
    assert not records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"stale"])
    assert records.finish("j", 0, "1:2", TaskState.DONE, parts=[b"fresh"])
    assert records.results("j", records_ended(records)) == {0: b"fresh"}
    assert records.counts(["j"])[0].running == 0


def test_a_task_that_never_ends_is_not_started_for_ever(records):
    records.create(job(), {})
    for answer in ("queued", "failed"):
        assert records.start("j", 0, "w", "1:1").answer == "run"
        assert records.release("j", 0, "w", "its slot crashed").answer == answer
    task = records.task("j", 0)
    assert task.state is TaskState.FAILED
    assert task.reason == "it was started 2 times and never ended: its slot crashed"
    assert records.start("j", 0, "w", "1:1").answer == "final"
    assert records.counts(["j"])[0].running == 0


@pytest.mark.parametrize("indexes", [[], [0]])
def test_what_is_cancelled_was_not_for_an_earlier_loss(records, indexes):
    records.create(job(), {})
    records.start("j", 0, "w", "1:1")
    records.release("j", 0, "w", "its slot crashed")
    assert records.task("j", 0).reason == "its slot crashed"
    records.cancel("j", indexes)
    assert (records.task("j", 0).state, records.task("j", 0).reason) == (TaskState.CANCELLED, "")


def test_a_lower_limit_ends_what_was_started_more_often(records, server):
    records.create(job(), {})
    records.start("j", 0, "w", "1:1")
    records.release("j", 0, "w", "lost")
    strict = Records(Settings(broker_url=server.connection_url, max_attempts=1))
    assert strict.start("j", 0, "w", "1:2").answer == "exhausted"
    strict.close()
    assert records.task("j", 0).reason == "it was started once and never ended: lost"


def test_a_running_task_is_held_by_whoever_runs_it(records):
    records.create(job(), {})
    assert records.start("j", 0, "a#1", "10:1").answer == "run"
    assert {
        records.start("j", 0, name, run).answer for name, run in (("b#1", "10:1"), ("a#1", "10:2"), ("a#1", "11:1"))
    } == {"held"}
    assert records.counts(["j"])[0].running == 1
    assert records.client.smembers(keys.held("a#1")) == {b"j.0"}
    assert (records.task("j", 0).worker, records.task("j", 0).pid) == ("a", 10)


def test_an_answer_that_got_lost_is_given_again(records):
    records.create(job(), {})
    first = records.start("j", 0, "a#1", "10:1")
    assert records.start("j", 0, "a#1", "10:1") == first
    assert records.task("j", 0).attempts == 1


def test_only_the_holder_can_be_relieved_of_a_task(records):
    records.create(job(), {})
    records.start("j", 0, "a#1", "10:1")
    assert records.release("j", 0, "b#1", "lost").answer == "held"
    assert records.release("j", 0, "a#1", "lost", pid=11).answer == "held"
    assert records.release("j", 0, "a#1", "lost", pid=10).answer == "queued"
    assert records.release("j", 0, "a#1", "lost", pid=10).answer == "queued"
    assert not records.client.exists(keys.held("a#1"))
    assert records.task("j", 0).attempts == 1


def test_what_is_handed_back_costs_no_attempt(records):
    records.create(job(), {})
    for number in range(1, 6):
        assert records.start("j", 0, "w", f"1:{number}").attempt == number
        assert records.release("j", 0, "w", "its worker was stopped", charge=False).answer == "queued"
    records.start("j", 0, "w", "1:6")
    assert records.task("j", 0).attempts == 1
    assert records.finish("j", 0, "1:6", TaskState.DONE, parts=[b"result"])


def test_a_late_result_stands_if_nobody_has_started_again(records):
    records.create(job(), {})
    records.start("j", 0, "first", "1:1")
    records.release("j", 0, "first", "its worker was cut off")
    assert records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"late"])
    assert records.start("j", 0, "second", "1:2").answer == "final"
    counts = records.counts(["j"])[0]
    assert (counts.running, counts.done) == (0, 1)


@pytest.mark.parametrize("end", ["finish", "fail", "cancel", "cancel all"])
def test_nothing_is_held_after_the_end(records, end):
    records.create(job(), {})
    records.start("j", 0, "a#1", "1:1")
    if end == "finish":
        records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"result"])
    elif end == "fail":
        records.fail("j", 0, "because")
    else:
        records.cancel("j", [0] if end == "cancel" else ())
    assert not records.client.exists(keys.held("a#1"))
    assert records.release("j", 0, "a#1", "lost").answer == "final"


def test_a_failure_elsewhere_does_not_end_what_runs(records):
    records.create(job(), {})
    records.start("j", 0, "a#1", "1:1")
    assert not records.fail("j", 0, "its message has another version", instance="b#1")
    assert records.fail("j", 0, "it ran longer than its time limit", instance="a#1")
    assert records.fail("j", 1, "its message has another version", instance="b#1")


def test_open_jobs_are_those_with_tasks_left(records):
    records.create(job("a"), {})
    records.create(job("b", 1), {})
    records.start("a", 1, "w", "1:1")
    records.fail("b", 0, "because")
    found = records.open_jobs()
    assert [(one.job_id, one.tasks, one.queued, one.running, one.queue) for one in found] == [("a", 3, 2, 1, "aerq")]
    assert records.client.smembers(keys.OPEN) == {b"a"}
    records.delete(job("a"))
    assert records.open_jobs() == []


def test_open_jobs_are_read_in_pieces(records):
    """A store that has many of them answers others between two pieces."""
    for number in range(1000):
        queue = "other" if number % 10 == 1 else "aerq"
        records.create(replace(job(f"j{number}", 1), queue=queue), {})
        if number % 10 == 2:
            records.start(f"j{number}", 0, "w", "1:1")
        if number % 10 == 3:
            records.cancel(f"j{number}")
        if number % 10 == 4:
            records.client.delete(keys.job(f"j{number}"))  # as if expired
    before = records.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    tasks = records.open_tasks("aerq")
    assert records.client.info("commandstats")["cmdstat_evalsha"]["calls"] - before >= 4
    assert (tasks.queued, tasks.running) == (600, 100)
    assert records.client.scard(keys.OPEN) == 800
    found = records.open_jobs("aerq")
    assert sorted(int(one.job_id[1:]) for one in found) == [n for n in range(1000) if n % 10 in (0, 2, 5, 6, 7, 8, 9)]
    assert {one.queue for one in found} == {"aerq"}
    assert len(records.open_jobs()) == 800
    tasks = records.open_tasks()
    assert (tasks.queued, tasks.running) == (700, 100)


def test_an_instance_is_alive_while_its_heart_beats(records, server):
    settings = Settings(broker_url=server.connection_url, heartbeat_seconds=60)
    worker = WorkerRecord("w", "w#1", 2, 1, 100, "aerq", {"aerq": "0"}, 0.0)
    assert announce_worker(records, settings, worker).leads
    assert not announce_worker(records, settings, replace(worker, instance="w#2")).leads
    assert not announce_worker(records, settings, worker, able=False).leads
    assert announce_worker(records, settings, replace(worker, instance="w#2")).leads
    assert not announce_worker(records, settings, replace(worker, instance="w#2"), able=False).leads
    assert announce_worker(records, settings, worker).leads
    records.create(job(), {})
    records.start("j", 0, "w#1", "1:1")
    beat = announce_worker(records, settings, worker)
    assert (beat.leads, beat.held) == (True, frozenset({"j.0"}))
    assert [one.instance for one in live_workers(records, settings)] == ["w#1", "w#2"]
    records.client.delete(keys.worker("w#1"))
    assert silent_workers(records, settings) == {"w#1"}
    withdraw_worker(records, settings, "w#1")
    assert silent_workers(records, settings) == {"w#1"}, "it holds something, so it stays listed"
    records.fail("j", 0, "because")
    withdraw_worker(records, settings, "w#1")
    assert silent_workers(records, settings) == set()
    assert announce_worker(records, settings, replace(worker, instance="w#2")).leads


def test_who_never_said_that_it_lives_is_listed_by_what_it_holds(records, server):
    settings = Settings(broker_url=server.connection_url)
    records.create(job(), {})
    records.start("j", 0, "never#1", "1:1")
    assert silent_workers(records, settings) == {"never#1"}


def test_what_became_of_each_run_that_was_lost_is_kept_with_the_job_and_goes_with_it(records):
    records.create(job(), {})
    for number, charge in enumerate([True, False, True], 1):
        records.start("j", 0, f"w{number}#1", f"{number}:a")
        records.release("j", 0, f"w{number}#1", f"reason {number}", charge=charge)
    found = records.losses("j")
    assert [(loss.index, loss.attempt, loss.worker, loss.reason, loss.counts) for loss in found] == [
        (0, 1, "w1", "reason 1", True),
        (0, 2, "w2", "reason 2", False),
        (0, 3, "w3", "reason 3", True),
    ]
    assert all(loss.started <= loss.lost <= records.ping() for loss in found)
    assert 0 < records.client.ttl(keys.losses("j")) <= 1000
    records.release("j", 0, "w3#1", "again")  # which does not run it
    assert records.losses("j") == found
    records.delete(job())
    assert not records.client.exists(keys.losses("j"))


@pytest.mark.parametrize("index", [-1, 3])
def test_a_task_that_a_job_does_not_have_is_neither_started_nor_cancelled_nor_ended(records, index):
    records.create(job(), {})
    assert records.cancel("j", [index]) == 0
    assert records.start("j", index, "w#1", "1:a").answer == "unknown"
    assert records.release("j", index, "w#1", "lost").answer == "unknown"
    assert not records.finish("j", index, "1:a", TaskState.DONE)
    assert not records.fail("j", index, "why", instance="w#1")
    assert records.tasks("j") == {}
    assert records.client.hget(keys.job("j"), "left") == b"3"


def test_nothing_starts_after_cancel(records):
    records.create(job(), {})
    assert records.cancel("j") == 3
    assert records.cancel("j") == 0
    assert {records.start("j", i, "w", "1:1").answer for i in range(3)} == {"cancelled"}
    assert records.cancel("nope") is None
    assert records.start("nope", 0, "w", "1:1").answer == "unknown"


def test_a_job_id_is_used_once(records):
    assert records.create(job(), {}) > 0
    assert records.create(job(tasks=1), {}) is None
    assert records.counts(["j"])[0].tasks == 3


def test_a_submit_whose_answer_got_lost_is_no_second_submit(records, monkeypatch):
    read = redis.Connection.read_response
    lost = []

    def lose_the_time_of_the_submit(connection, *arguments, **options):
        answer = read(connection, *arguments, **options)
        if not lost and isinstance(answer, bytes) and answer.replace(b".", b"").isdigit():
            lost.append(answer)
            raise redis.ConnectionError("the connection dropped")
        return answer

    monkeypatch.setattr(redis.Connection, "read_response", lose_the_time_of_the_submit)
    assert records.create(job(), {}) == float(lost[0])
    assert records.create(job(), {}) is None


def test_the_list_of_jobs_does_not_grow_for_ever(records):
    for number in range(5):
        records.create(job(f"old{number}"), {})
        records.client.delete(keys.job(f"old{number}"))  # as if expired
    for number in range(3):
        records.create(job(f"new{number}"), {})
    assert [name for name, _ in records.job_ids(False, None, None)] == ["new0", "new1", "new2"]


def test_metadata_lives_with_the_record(records):
    records.create(job(), {}, b"sealed")
    records.create(job("other"), {})
    assert (records.metadata("j"), records.metadata("other")) == (b"sealed", None)


def test_a_task_that_the_job_does_not_have_is_unknown(records):
    records.create(job(), {})
    assert records.start("j", 3, "w", "1:1").answer == "unknown"
    assert not records.fail("j", 99, "because")
    assert records.cancel("j", [98, 99]) == 0
    assert records.counts(["j"])[0].ended == 0


def test_parts_of_a_stale_attempt_do_not_touch_the_result(records):
    records.create(job(), {})
    records.start("j", 0, "first", "1:1")
    records.release("j", 0, "first", "lost")
    records.start("j", 0, "second", "1:2")
    assert records.finish("j", 0, "1:2", TaskState.DONE, parts=[b"fresh", b"er"])
    assert not records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"stale", b"stale"])
    assert records.results("j", records_ended(records)) == {0: b"fresher"}


@pytest.fixture
def forget_last_writes(records):
    """Takes the store back to where it was before the block, as one that was killed and had not yet written it down."""

    @contextlib.contextmanager
    def forgetful():
        before = {key: records.client.dump(key) for key in records.client.keys("aerq:*")}
        yield
        for key in records.client.keys("aerq:job:*"):
            records.client.delete(key)
        for key, value in before.items():
            records.client.restore(key, 0, value, replace=True)

    return forgetful


@pytest.mark.parametrize("first_to_end", ["forgotten", "known"])
def test_a_run_whose_start_the_store_forgot_does_not_touch_the_result(records, forget_last_writes, first_to_end):
    record = job()
    records.create(record, {})
    with forget_last_writes():
        assert records.start("j", 0, "a#1", "1:forgotten").attempt == 1
    assert records.start("j", 0, "b#1", "1:known").attempt == 1
    # Several parts are stored before the end is asked for, and so touch whatever has their names.
    parts = {"forgotten": [b"x" * 20, b"y" * 20, b"z"], "known": [b"a" * 10, b"b" * 10]}
    taken = {
        run: records.finish("j", 0, f"1:{run}", TaskState.DONE, parts=parts[run])
        for run in sorted(parts, key=lambda run: run != first_to_end)
    }
    assert taken == {"known": True, "forgotten": False}
    assert records.results("j", records_ended(records)) == {0: b"a" * 10 + b"b" * 10}
    found = records.client.keys("aerq:result:*")
    assert sorted(found) == [keys.result("j", 0, "1:known", part).encode() for part in range(2)]
    for key in found:
        records.client.expire(key, 10)
    records.keep("j")
    assert all(records.client.ttl(key) > 10 for key in found)
    records.delete(record)
    assert not records.client.keys("aerq:result:*")


@pytest.mark.parametrize("end", ["fail", "cancel", "exhausted"])
def test_an_end_from_outside_is_not_taken_for_that_of_the_run(records, end):
    records.create(job(), {})
    records.start("j", 0, "w", "1:1")
    if end == "fail":
        records.fail("j", 0, "too long")
    elif end == "cancel":
        records.cancel("j", [0])
    else:
        records.release("j", 0, "w", "lost")
        records.start("j", 0, "w", "1:1")
        records.release("j", 0, "w", "lost")
    before = records.task("j", 0)
    assert before.state.final
    assert not records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"late"])
    assert records.task("j", 0) == before
    assert not records.client.keys("aerq:result:*")


@pytest.fixture
def lose_the_answer_to_an_end(monkeypatch):
    """The connection drops once, when the store has ended a task and says so."""
    read = redis.Connection.read_response
    lost = []

    def read_and_lose(connection, *arguments, **options):
        answer = read(connection, *arguments, **options)
        if not lost and answer == [[1], []]:
            lost.append(answer)
            raise redis.ConnectionError("the connection dropped")
        return answer

    monkeypatch.setattr(redis.Connection, "read_response", read_and_lose)
    return lost


@pytest.mark.parametrize("state", [TaskState.DONE, TaskState.FAILED])
def test_an_end_whose_answer_got_lost_is_told_again(records, lose_the_answer_to_an_end, state):
    records.create(job(), {})
    records.start("j", 0, "w", "1:1")
    parts = [b"result"] if state.has_result else []
    assert records.finish("j", 0, "1:1", state, reason="because", parts=parts)
    assert lose_the_answer_to_an_end == [[[1], []]]
    assert len(records.completions("j", "0", None)[1]) == 1
    counts = records.counts(["j"])[0]
    assert (counts.ended, counts.running) == (1, 0)
    assert records.results("j", records_ended(records)) == ({0: b"result"} if state.has_result else {})


def done(index, run, *parts, **fields):
    return RunEnd(index, run, TaskState.DONE, parts=list(parts), **fields)


@pytest.mark.parametrize("forgets", [False, True], ids=["", "store-without-scripts"])
@pytest.mark.parametrize("parts", [[b"small"], [b"x" * 2_000_000], [b"one", b"two"]], ids=["small", "large", "several"])
def test_a_task_ends_and_the_next_one_starts_in_one_go(records, parts, forgets):
    records.create(job(), {})
    records.start("j", 0, "w#1", "7:a")
    if forgets:
        records.client.script_flush()
    expected = Turn([True], [Verdict("run", 1)])
    assert records.turn("j", [done(0, "7:a", *parts)], [1], "w#1", "7:b") == expected
    ended = records_ended(records)
    assert bytes(records.results("j", ended)[0]) == b"".join(parts)
    assert records.task("j", 1).run == "7:b"
    # whoever lost the answer asks again
    assert records.turn("j", [done(0, "7:a", *parts)], [1], "w#1", "7:b") == expected
    assert records.task("j", 1).attempts == 1


def test_a_task_that_was_taken_away_does_not_end_and_the_next_one_starts(records):
    records.create(job(), {})
    records.start("j", 0, "w#1", "7:a")
    records.cancel("j", [0])
    turn = records.turn("j", [done(0, "7:a", b"late")], [1], "w#1", "7:b")
    assert (turn.taken, turn.verdicts[0].answer) == ([False], "run")
    assert records_ended(records) == {}


def test_tasks_start_together_and_end_together_and_each_is_counted(records):
    records.create(job(tasks=6), {})
    assert records.turn("j", [], [0, 1, 2], "w#1", "7:a") == Turn([], [Verdict("run", 1)] * 3)
    assert records.counts(["j"])[0].running == 3
    assert held_tasks(records, records._settings, "w#1") == {"j.0", "j.1", "j.2"}
    assert {records.task("j", index).started for index in range(3)} == {records.task("j", 0).started}
    ends = [done(0, "7:a", b"0"), RunEnd(1, "7:a", TaskState.FAILED, reason="because"), done(2, "7:a", b"2")]
    for _ in range(2):  # the second time by who has lost the answer
        assert records.turn("j", ends, [3, 4], "w#1", "7:b") == Turn([True] * 3, [Verdict("run", 1)] * 2)
    counts = records.counts(["j"])[0]
    assert (counts.done, counts.failed, counts.running, counts.waiting) == (2, 1, 2, 1)
    assert held_tasks(records, records._settings, "w#1") == {"j.3", "j.4"}
    found = records_ended(records)
    assert {index: bytes(data) for index, data in records.results("j", found).items()} == {0: b"0", 2: b"2"}
    assert records.turn("j", [done(3, "7:b", b""), done(4, "7:b", b"")], [5], "w#1", "7:c").taken == [True, True]
    records.turn("j", [done(5, "7:c", b"")])
    assert records.counts(["j"])[0].finished
    assert len(records.completions("j", "0", None)[1]) == 6


def test_what_was_lost_before_starts_alone(records):
    """Of tasks that start together nobody knows which one a slot died of."""
    records.create(job(tasks=5), {})
    records.start("j", 2, "dead#1", "1:1")
    records.release("j", 2, "dead#1", "it died")
    verdicts = [
        records.turn("j", [], some, "w#1", run).verdicts for some, run in (([0, 1, 2, 3], "7:a"), ([2, 3], "7:b"))
    ]
    assert verdicts == [[Verdict("run", 1), Verdict("run", 1)], [Verdict("run", 2)]]
    # whoever lost that answer hears the same
    assert records.turn("j", [], [2, 3], "w#1", "7:b").verdicts == [Verdict("run", 2)]
    assert records.turn("j", [], [3, 4], "w#1", "7:c").verdicts == [Verdict("run", 1)] * 2


def test_of_tasks_that_are_to_start_together_those_that_cannot_are_passed_over(records):
    records.create(job(tasks=6), {})
    records.cancel("j", [1])
    records.start("j", 2, "other#1", "1:1")
    records.fail("j", 3, "because")
    verdicts = records.turn("j", [], [0, 1, 2, 3, 4, 9], "w#1", "7:a").verdicts
    assert [verdict.answer for verdict in verdicts] == ["run", "cancelled", "held", "final", "run", "unknown"]


def test_a_record_that_cannot_be_read_stops_the_step_before_its_first_change(records):
    records.create(job(tasks=4), {})
    records.turn("j", [], [0, 1], "w#1", "7:a")
    records.client.hset(keys.tasks("j"), "2", b"\xc1")
    with pytest.raises(UnavailableError):
        records.turn("j", [done(0, "7:a", b"0"), done(1, "7:a", b"1")], [2], "w#1", "7:a")
    assert records_ended(records) == {}
    assert records.counts(["j"])[0].running == 2
    assert records.turn("j", [done(0, "7:a", b"0"), done(1, "7:a", b"1")]).taken == [True, True]
    assert records.counts(["j"])[0].done == 2


def test_a_reason_may_hold_what_no_text_can(records):
    records.create(job(), {})
    records.start("j", 0, "w", "1:1")
    assert records.finish("j", 0, "1:1", TaskState.FAILED, reason="half \ud800")
    assert records.task("j", 0).reason == "half ?"


def test_in_a_cancelled_job_nothing_starts_together_either(records):
    records.create(job(tasks=3), {})
    records.client.hset("aerq:job:j", "cancel", "1")
    verdicts = records.turn("j", [], [0, 1, 2], "w#1", "7:a").verdicts
    assert [verdict.answer for verdict in verdicts] == ["cancelled"] * 3
    assert records.counts(["j"])[0].cancelled == 3


def test_nothing_of_a_job_that_is_gone_starts_or_ends(records):
    turn = records.turn("gone", [done(0, "7:a", b"x")], [1, 2], "w#1", "7:b")
    assert (turn.taken, [verdict.answer for verdict in turn.verdicts]) == ([False], ["unknown", "unknown"])
    assert records.client.keys("aerq:*") == []


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
    records.start("j", 0, "w", "1:1")
    assert records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"a" * 10, b"b" * 5])
    assert records.results("j", records_ended(records)) == {0: b"a" * 10 + b"b" * 5}


def test_every_key_expires(records):
    records.create(job(), {"d": b"payload"})
    records.start("j", 0, "w", "1:1")
    records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"a", b"b"])
    lists = {keys.JOBS, keys.OPEN, keys.WORKERS}
    left = {key: records.client.ttl(key) for key in records.client.keys("aerq:*") if key.decode() not in lists}
    assert left
    assert all(0 < ttl <= 1000 for ttl in left.values()), left


def test_everything_of_an_open_job_is_kept_anew(records):
    record = job()
    digests = {digest: b"payload" for digest in record.messages[0].digests()}
    records.create(record, digests)
    records.start("j", 0, "w", "1:1")
    records.finish("j", 0, "1:1", TaskState.DONE, parts=[b"a", b"b"])
    found = set(records.client.keys("aerq:*")) - {name.encode() for name in (keys.JOBS, keys.OPEN, keys.WORKERS)}
    assert len(found) == 3 + len(digests) + 2
    for key in found:
        records.client.expire(key, 10)
    records.keep("j")
    assert {key: records.client.ttl(key) for key in found if records.client.ttl(key) <= 10} == {}
    records.keep("nope")
    assert not records.client.keys("aerq:*nope*")


def test_jobs_are_listed_by_time_and_deleted_whole(records):
    for name in ("first", "second"):
        records.create(job(name), {})
    assert [name for name, _ in records.job_ids(True, None, None)] == ["second", "first"]
    times = dict(records.job_ids(False, None, None))
    assert [name for name, _ in records.job_ids(False, times["second"], None)] == ["second"]
    records.start("first", 0, "w", "1:1")
    records.finish("first", 0, "1:1", TaskState.DONE, parts=[b"a", b"b"])
    records.delete(job("first"))
    assert [name for name, _ in records.job_ids(True, None, None)] == ["second"]
    assert not records.client.keys("aerq:*first*")
