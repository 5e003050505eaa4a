"""The seam: any object with `submit` runs the same job classes, and ours is really used."""

import concurrent.futures
import multiprocessing
import subprocess
import sys

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus, JobV1
from qiskit_aer import AerSimulator

from aerq.config import LocalCluster, UnavailableError
from aerq.jobs import AerJob, AerJobSet, AerqSimulator, BaseJob, CeleryExecutor, JobError, QobjValidationError
from aerq.tasks.kernel import run_qobj

TIMEOUT = 60


def ghz(qubits):
    circuit = QuantumCircuit(qubits, name=f"ghz_{qubits}")
    circuit.h(0)
    for qubit in range(1, qubits):
        circuit.cx(0, qubit)
    circuit.measure_all()
    return circuit


CIRCUITS = [ghz(2), ghz(3), ghz(4)]
OPTIONS = {"shots": 100, "seed_simulator": 4, "memory": True}


class Spy:
    """An executor that runs at once and remembers what it was given."""

    def __init__(self):
        self.calls = []

    def submit(self, fn, /, *args):
        self.calls.append((fn, args))
        future = concurrent.futures.Future()
        future.set_result(fn(*args))
        return future


def local():
    return AerSimulator().run(CIRCUITS, **OPTIONS).result()


def test_an_executor_of_the_users_is_really_called(backend):
    spy = Spy()
    job = backend.run(CIRCUITS, executor=spy, **OPTIONS)
    assert [fn for fn, _ in spy.calls] == [run_qobj] * 3
    assert job.executor() is spy
    assert job.result().get_counts() == local().get_counts()
    assert job.status() is JobStatus.DONE
    with pytest.raises(JobError, match="executor of yours"):
        job.worker_job(0).async_result()


def test_a_thread_pool_and_a_process_pool_run_the_same_jobs(backend):
    threads = concurrent.futures.ThreadPoolExecutor(2)
    processes = concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    for executor in (threads, processes):
        with executor:
            job = backend.run(CIRCUITS, executor=executor, **OPTIONS)
            result = job.result(timeout=TIMEOUT)
            assert [result.get_memory(i) for i in range(3)] == [local().get_memory(i) for i in range(3)]
            assert sorted(done.job_id() for done in job.as_completed(5)) == [f"{job.job_id()}.{i}" for i in range(3)]


def test_our_executor_sends_no_code(backend):
    with pytest.raises(QobjValidationError, match="workers run no code"):
        backend.celery_executor.submit(print, "hello")


def test_our_executor_is_the_default_and_its_futures_are_futures(backend, cluster):
    executor = CeleryExecutor(cluster.settings)
    qobj = backend.run(CIRCUITS[0], **OPTIONS).qobj()
    future = executor.submit(run_qobj, qobj, "my-own-id")
    output = future.result(timeout=TIMEOUT)
    assert output["success"]
    assert future.done()
    assert not future.running()
    assert not future.cancelled()
    assert future.exception(timeout=1) is None
    assert not future.cancel()
    executor.shutdown()


def test_what_was_submitted_can_be_read_again(backend):
    job = backend.run(CIRCUITS, **OPTIONS)
    qobj = job.worker_job(1).qobj()
    assert qobj.qobj_id == job.job_id()
    assert [experiment.circuit for experiment in qobj.experiments] == [CIRCUITS[1]]
    assert (qobj.config.shots, qobj.config.seed_simulator) == (100, 4 + 2113)
    assert qobj.header.backend_name == backend.name


def test_circuits_are_a_snapshot_at_submit(backend):
    circuit = ghz(2)
    job = backend.run(circuit, **OPTIONS)
    circuit.x(0)
    circuit.name = "changed"
    result = job.result(timeout=TIMEOUT)
    assert result.get_counts(0) == AerSimulator().run(ghz(2), **OPTIONS).result().get_counts(0)
    assert result.results[0].header["name"] == "ghz_2"


def test_the_jobs_are_qiskits_jobs(backend):
    job = backend.run(CIRCUITS, **OPTIONS)
    assert isinstance(job, AerJobSet)
    assert isinstance(job.worker_job(0), AerJob)
    for handle in (job, job.worker_job(0)):
        assert isinstance(handle, BaseJob)
        assert isinstance(handle, JobV1)
        handle.wait_for_final_state(timeout=TIMEOUT)
        assert handle.done()
        assert handle.in_final_state()
        assert not handle.running()
        assert not handle.cancelled()
        assert handle.backend() is backend
    with pytest.raises(RuntimeError, match="already submitted"):
        job.submit()
    with pytest.raises(JobError, match="already been submitted"):
        job.worker_job(0).submit()
    with pytest.raises(JobError, match="from 0 to 2"):
        job.status(3)
    with pytest.raises(JobError, match="called 'nothing'"):
        job.worker("nothing")


def test_a_method_before_submit_says_so(backend):
    qobj = backend.run(CIRCUITS[0], **OPTIONS).qobj()
    job = AerJob(backend, "early", run_qobj, qobj, backend.celery_executor)
    for call in (job.status, job.result, job.cancel, job.done):
        with pytest.raises(JobError, match="has not been submitted"):
            call()
    job.submit()
    assert job.result(timeout=TIMEOUT).success
    assert job.job_id() == "early"


@pytest.mark.parametrize("on_workers", [True, False])
def test_qobjs_of_several_jobs_make_a_set_of_their_own(backend, on_workers):
    sources = [backend.run(circuit, **OPTIONS) for circuit in CIRCUITS[:2]] + [
        backend.run(CIRCUITS, **OPTIONS).worker_job(2)
    ]
    qobjs = [source.qobj() for source in sources]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        executor = None if on_workers else pool
        job = AerJobSet(backend, f"mine-{on_workers}", run_qobj, qobjs, executor)
        job.submit()
        alone = AerJob(backend, f"alone-{on_workers}", run_qobj, qobjs[2], executor)
        alone.submit()
        result = job.result(TIMEOUT)
        assert [result.get_counts(i) for i in range(3)] == [source.result(TIMEOUT).get_counts() for source in sources]
        assert [result.get_counts(circuit.name) for circuit in CIRCUITS] == result.get_counts()
        assert job.worker("ghz_4") == 2
        assert alone.result(TIMEOUT).get_counts() == result.get_counts(2)


def test_the_workers_own_celery_task_stands_for_the_kernel(backend):
    qobj = backend.run(CIRCUITS[0], **OPTIONS).qobj()
    task = backend.celery_executor.app.signature("aerq.run_experiments")
    job = AerJob(backend, "by-task", task, qobj)
    job.submit()
    assert job.result(TIMEOUT).success
    assert job.async_result().state == "SUCCESS"


def test_without_a_broker_a_cluster_lives_as_long_as_the_process(tmp_path):
    script = """
from aerq.jobs import AerqSimulator
from qiskit import QuantumCircuit
circuit = QuantumCircuit(1)
circuit.h(0)
circuit.measure_all()
if __name__ == "__main__":
    first, second = AerqSimulator(), AerqSimulator()
    assert first.run(circuit, shots=10).result(timeout=60).success
    assert second.run(circuit, shots=10).result(timeout=60).success
    assert first.settings.broker_url == second.settings.broker_url
"""
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "cluster" in done.stderr


def test_two_backends_in_copies_share_nothing_they_should_not(backend):
    import copy
    import pickle

    for other in (copy.copy(backend), copy.deepcopy(backend), pickle.loads(pickle.dumps(backend))):
        assert isinstance(other, AerqSimulator)
        assert other.run(CIRCUITS[0], **OPTIONS).result(timeout=TIMEOUT).success


def test_a_result_that_was_collected_stays_when_its_cluster_has_gone():
    with LocalCluster(workers=1) as gone:
        backend = AerqSimulator(settings=gone.settings)
        one, several = backend.run(CIRCUITS[0], **OPTIONS), backend.run(CIRCUITS, **OPTIONS)
        first = one.result(timeout=TIMEOUT), several.result(timeout=TIMEOUT)
    assert one.result() is first[0]
    assert several.result() is first[1]
    assert several.status() is JobStatus.DONE
    with pytest.raises(UnavailableError, match="does not answer"):
        backend.run(CIRCUITS[0])
