"""Jobs that are stopped: cancelled, over their time limit, or with a circuit that kills its slot."""

import concurrent.futures
import contextlib
import threading
import time

import psutil
import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus

from aerq.config import LocalCluster, Settings
from aerq.jobs import AerqSimulator, JobCancelledError, JobError, JobTimeoutError

TIMEOUT = 60


def endless(name="endless"):
    """Aer never comes back from this one."""
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.x(0)
        circuit.measure(0, 0)
    return circuit


def bell():
    circuit = QuantumCircuit(2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


@pytest.fixture(scope="module")
def own():
    """A cluster of this module's own: its slots are killed."""
    with LocalCluster(workers=2) as cluster:
        yield cluster


@pytest.fixture
def backend(own):
    return AerqSimulator(settings=own.settings)


def wait_until_running(job):
    """Waits, with a deadline, until the worker has started every task of the job."""
    deadline = time.monotonic() + TIMEOUT
    while job.status() is not JobStatus.RUNNING:
        assert time.monotonic() < deadline, job.status()
        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=0.1)


def computing():
    """The slots of this process's clusters that compute: children of a Celery worker that use a core."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = process.parent()
            is_slot = parent is not None and "worker" in parent.cmdline() and "worker" in process.cmdline()
            if is_slot and process.cpu_percent(0.2) > 20:
                found.append(process)
    return found


def test_promise_4_cancel_means_stopped_and_the_slot_works_again(backend):
    for _ in range(10):
        job = backend.run([endless(), bell(), endless("other"), bell()], shots=1)
        wait_until_running(job)
        job.cancel()
        assert job.status() is JobStatus.CANCELLED
        with pytest.raises(JobCancelledError) as caught:
            job.result(timeout=TIMEOUT)
        assert isinstance(caught.value, concurrent.futures.CancelledError)
        # both slots are free again, so two more circuits run
        assert backend.run([bell(), bell()], shots=5).result(timeout=TIMEOUT).success


def gone(process):
    """Whether a process has ended; a zombie has, and waits for its parent's look."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def test_promise_4_the_process_of_a_cancelled_kernel_is_gone_within_five_seconds(backend):
    job = backend.run(endless(), shots=1)
    wait_until_running(job)
    slot = psutil.Process(job.executor().records.tasks(job.job_id())[0].pid)
    assert not gone(slot)
    job.cancel()
    deadline = time.monotonic() + 5  # what is promised
    while not gone(slot):
        assert time.monotonic() < deadline, "the kernel runs on"
        threading.Event().wait(0.02)


def test_one_experiment_of_a_set_is_cancelled_alone(backend):
    job = backend.run([endless(), bell()], shots=1)
    wait_until_running(job)
    assert job.worker_job(0).cancel()
    job.wait_for_final_state(timeout=TIMEOUT)
    assert job.statuses() == [JobStatus.CANCELLED, JobStatus.DONE]
    assert job.worker_results(1, timeout=5).success
    assert job.worker_job(0).cancel()  # it is cancelled, as a future says it
    assert not job.worker_job(1).cancel()


def test_a_time_limit_ends_a_kernel(backend):
    job = backend.run(endless(), shots=1, time_limit_seconds=1)
    with pytest.raises(JobError, match="longer than its time limit of 1"):
        job.result(timeout=TIMEOUT)
    assert job.status() is JobStatus.ERROR


def test_a_timeout_leaves_the_job_running(backend):
    job = backend.run(endless(), shots=1)
    wait_until_running(job)
    with pytest.raises(JobTimeoutError) as caught:
        job.result(timeout=0.2)
    assert isinstance(caught.value, TimeoutError)
    assert job.status() is JobStatus.RUNNING
    assert job.cancel()


def test_heartbeats_take_no_message_from_the_queue():
    # Renewing leases on the connection that waits for messages once swallowed them.
    with LocalCluster(workers=2, settings=Settings(heartbeat_seconds=0.02)) as cluster:
        backend = AerqSimulator(settings=cluster.settings)
        held = backend.run(endless(), shots=1)
        wait_until_running(held)
        for _ in range(60):
            assert backend.run(bell(), shots=1).result(timeout=15).success
        held.cancel()


def test_a_circuit_that_kills_its_slot_is_given_up_after_its_attempts(backend):
    job = backend.run([endless(), bell()], shots=1)
    deadline = time.monotonic() + TIMEOUT
    while job.status(0) is not JobStatus.ERROR:
        assert time.monotonic() < deadline, job.statuses()
        for slot in computing():
            with contextlib.suppress(psutil.NoSuchProcess):
                slot.kill()
    with pytest.raises(JobError, match="started 3 times and never ended"):
        job.worker_results(0, timeout=5)
    assert backend.run([bell(), bell()], shots=5).result(timeout=TIMEOUT).success
