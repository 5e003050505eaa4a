"""One thread reads the stream of completions, all threads that wait are served."""

import threading

import pytest

from aerq.config.errors import UnavailableError
from aerq.jobs import completions, outage
from aerq.jobs.completions import CompletionLog
from aerq.jobs.deadline import Deadline
from aerq.jobs.errors import NoSuchJobError
from aerq.tasks.records.states import TaskState
from aerq.tasks.records.store import Completion


def done(index):
    return Completion(index, TaskState.DONE, "1:1", 1)


def test_what_has_ended_before_is_seen_without_waiting(stream):
    stream.put(done(1), done(0))
    log = CompletionLog(stream, "j")
    assert log.wait(lambda ended: len(ended) == 2, Deadline.after(0))
    assert log.since(0) == [1, 0]


def test_the_first_end_of_a_task_stands(stream):
    stream.put(Completion(0, TaskState.CANCELLED, "", 0), done(0))
    log = CompletionLog(stream, "j")
    log.wait(lambda ended: bool(ended), Deadline.after(0))
    assert log.get(0).state is TaskState.CANCELLED


def test_a_deadline_is_kept(stream):
    assert not CompletionLog(stream, "j").wait(lambda ended: bool(ended), Deadline.after(0.05))


def test_a_wait_of_no_time_sees_all_that_has_ended_while_another_thread_reads(stream):
    """A thread that reads may have the answer and not have told of it yet."""
    stream, slow, reads = stream, threading.Event(), threading.Event()
    stream.put(done(0))
    answer = stream.completions

    def completions(job_id, cursor, timeout):
        found = answer(job_id, cursor, timeout)
        if not reads.is_set():
            reads.set()
            slow.wait(60)
        return found

    stream.completions = completions
    log = CompletionLog(stream, "j")
    reader = threading.Thread(target=log.wait, args=(lambda ended: bool(ended), Deadline.after(60)))
    reader.start()
    assert reads.wait(60)
    try:
        assert log.wait(lambda ended: bool(ended), Deadline.after(0))
    finally:
        slow.set()
        reader.join(60)
    assert log.since(0) == [0]


def test_many_threads_wait_and_one_reads(stream):
    log = CompletionLog(stream, "j")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(log.wait(lambda ended: len(ended) == 3, Deadline.after(10))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for index in range(3):
        stream.put(done(index))
    for thread in threads:
        thread.join(20)
    assert found == [True] * 8
    assert stream.most_readers == 1


def test_a_store_that_comes_back_is_waited_for(stream):
    stream.failures = 1
    stream.put(done(0))
    assert CompletionLog(stream, "j").wait(lambda ended: bool(ended), Deadline.after(10))
    assert stream.reads == 2


def test_a_store_that_stays_away_is_said_at_the_deadline(stream):
    stream.failures = 10**6
    with pytest.raises(UnavailableError):
        CompletionLog(stream, "j").wait(lambda ended: bool(ended), Deadline.after(0.1))


def test_a_job_that_was_deleted_meanwhile_is_named(stream, monkeypatch):
    monkeypatch.setattr("aerq.jobs.completions.BLOCK_SECONDS", 0.05)
    stream.exists = False
    with pytest.raises(NoSuchJobError, match="job j was deleted or has expired"):
        CompletionLog(stream, "j").wait(lambda ended: bool(ended), Deadline.after(None))


def test_a_wait_of_no_time_for_a_job_that_is_gone_does_not_say_that_it_runs_on(stream):
    stream.exists = False
    with pytest.raises(NoSuchJobError, match="job j was deleted or has expired"):
        CompletionLog(stream, "j").wait(lambda ended: bool(ended), Deadline.after(0))


def test_completions_that_come_fast_are_read_several_at_a_time(stream, monkeypatch):
    monkeypatch.setattr("aerq.jobs.completions._GATHER_SECONDS", 1.0)
    monkeypatch.setattr("aerq.jobs.completions._FAST_SECONDS", 1.0)
    log = CompletionLog(stream, "j")
    reader = threading.Thread(target=log.wait, args=(lambda ended: len(ended) == 100, Deadline.after(60)))
    reader.start()
    for index in range(100):
        before = stream.reads
        stream.put(done(index))
        with stream.changed:
            stream.changed.wait_for(lambda before=before: stream.reads > before, 0.01)
    reader.join(60)
    assert len(log.since(0)) == 100
    assert stream.reads < 50


def test_the_last_of_a_few_that_end_together_is_not_waited_for_longer(stream, monkeypatch):
    monkeypatch.setattr("aerq.jobs.completions._GATHER_SECONDS", 60.0)
    log = CompletionLog(stream, "j")
    reader = threading.Thread(target=log.wait, args=(lambda ended: len(ended) == 3, Deadline.after(60)))
    reader.start()
    for index in range(2):
        stream.put(done(index))
        with stream.changed:
            assert stream.changed.wait_for(lambda known=index: stream.reads > known + 1, 5)
    stream.put(done(2))
    reader.join(5)
    assert not reader.is_alive()


def test_tasks_that_end_more_slowly_than_that_are_told_of_at_once(stream, monkeypatch):
    """The last of sixteen tasks of 30 ms is not kept waiting for others to come."""
    monkeypatch.setattr("aerq.jobs.completions._GATHER_SECONDS", 60.0)
    monkeypatch.setattr("aerq.jobs.completions._FAST_SECONDS", 0.0)
    log = CompletionLog(stream, "j")
    reader = threading.Thread(target=log.wait, args=(lambda ended: len(ended) == 16, Deadline.after(60)), daemon=True)
    reader.start()
    for index in range(16):
        stream.put(done(index))
        with stream.changed:
            # each read begins with word to this test, when the log has taken what the read before has brought
            assert index == 15 or stream.changed.wait_for(lambda known=index: len(log) > known, 5)
    reader.join(5)
    assert not reader.is_alive()


@pytest.fixture
def idle(stream, monkeypatch):
    """Gives a log of a job of which nothing happens, and in the list how often it was asked whether workers are up."""
    monkeypatch.setattr(completions, "_IDLE_SECONDS", 0.1)
    asked = []

    def log(missing):
        return CompletionLog(stream, "j", lambda: asked.append(missing) or missing)

    return log, asked


def test_who_waits_for_a_job_without_workers_is_told_once(idle, caplog):
    log, asked = idle
    waits = log("no worker is up")
    for _ in range(2):
        assert not waits.wait(lambda ended: bool(ended), Deadline.after(0.3))
    assert [record.getMessage() for record in caplog.records] == ["job j waits, because no worker is up"]
    assert len(asked) == 1


def test_where_workers_are_up_nothing_is_said(idle, caplog):
    log, asked = idle
    assert not log("").wait(lambda ended: bool(ended), Deadline.after(0.3))
    assert asked
    assert not caplog.records


def test_a_job_that_runs_is_not_asked_about(idle, stream):
    log, asked = idle
    stream.running = 1
    assert not log("no worker is up").wait(lambda ended: bool(ended), Deadline.after(0.3))
    assert not asked


def test_it_is_asked_again_until_something_can_be_said(idle, stream, caplog):
    """A worker may be up at first, and busy with other jobs, and end then."""
    _, asked = idle
    answers = ["no worker is up", ""]
    waits = CompletionLog(stream, "j", lambda: asked.append(1) or answers.pop())
    for _ in range(3):
        assert not waits.wait(lambda ended: bool(ended), Deadline.after(0.3))
    assert len(asked) == 2
    assert len(caplog.records) == 1


def test_of_reads_that_were_given_up_there_is_one_at_most(stream, monkeypatch):
    monkeypatch.setattr(outage, "_LEAST_SECONDS", 0.05)
    monkeypatch.setattr(outage, "_BEYOND_SECONDS", 0.0)
    still, reads, answer = threading.Event(), [], stream.completions

    def completions(*arguments):
        reads.append(arguments)
        still.wait(60)
        return answer(*arguments)

    stream.completions = completions
    log = CompletionLog(stream, "j")
    for _ in range(5):
        with pytest.raises(UnavailableError, match="stands still"):
            log.wait(lambda ended: bool(ended), Deadline.after(0.01))
    assert len(reads) == 1
    stream.put(done(0))
    still.set()
    assert log.wait(lambda ended: bool(ended), Deadline.after(10))
    assert log.since(0) == [0]
