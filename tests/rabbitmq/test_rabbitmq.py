"""RabbitMQ as the broker: the promises hold as with Redis and Valkey."""

import json
import os
import subprocess
import sys

import pytest
from kombu import Connection
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit_aer import AerSimulator
from rig.waiting import until
from rig.workers import Worker

from aerq.config import UnavailableError
from aerq.jobs import AerqProvider, AerqSimulator, JobCancelledError, JobError

TIMEOUT = 60
pytestmark = pytest.mark.xdist_group("rabbitmq")  # they share a worker


def ghz(qubits=3):
    circuit = QuantumCircuit(qubits, name=f"ghz_{qubits}")
    circuit.h(0)
    circuit.cx(0, range(1, qubits))
    circuit.measure_all()
    return circuit


def lasting():
    """A circuit that is estimated to take some hundredths of a second."""
    circuit = QuantumCircuit(16)
    for _ in range(10):
        circuit.h(range(16))
        circuit.t(range(16))
    circuit.measure_all()
    return circuit


def endless():
    """Aer never comes back from this one."""
    circuit = QuantumCircuit(1, 1, name="endless")
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.x(0)
        circuit.measure(0, 0)
    return circuit


def test_a_sweep_has_the_bits_of_a_local_run(backend):
    circuits = [ghz(2 + number % 5) for number in range(60)]
    result = backend.run(circuits, shots=50, seed_simulator=3, memory=True).result(timeout=TIMEOUT)
    local = AerSimulator().run(circuits, shots=50, seed_simulator=3, memory=True).result()
    assert [result.get_memory(i) for i in range(60)] == [local.get_memory(i) for i in range(60)]


def test_the_queue_is_a_quorum_queue_and_another_kind_is_named(backend, settings):
    with Connection(settings.broker_url) as connection, pytest.raises(connection.channel_errors, match="x-queue-type"):
        connection.default_channel.queue_declare(settings.queue, durable=True, auto_delete=False)
    other = settings.evolve(queue=f"{settings.queue}-classic")
    with Connection(settings.broker_url) as connection:
        connection.default_channel.queue_declare(other.queue, durable=True, auto_delete=False)
        try:
            with pytest.raises(UnavailableError, match="of another kind"):
                AerqSimulator(settings=other).run(ghz())
        finally:
            connection.default_channel.queue_delete(other.queue)
            connection.default_channel.exchange_delete(other.queue)


def test_cancel_means_stopped(backend):
    job = backend.run([endless(), endless(), ghz(), ghz()], shots=1)
    until("both slots are busy", lambda: job.metrics()["attempts"] >= 2)
    job.cancel()
    assert job.status() is JobStatus.CANCELLED
    with pytest.raises(JobCancelledError):
        job.result(timeout=TIMEOUT)
    # both slots are free again
    assert backend.run([ghz(), ghz()], shots=5).result(timeout=TIMEOUT).success


def test_a_whole_set_is_cancelled_and_its_messages_are_used_up(backend, settings, rabbitmq):
    job = backend.run([endless()] * 2 + [ghz()] * 298, shots=1)
    until("both slots are busy", lambda: job.metrics()["attempts"] >= 2)
    assert rabbitmq.waiting(settings.queue) > 0
    job.cancel()
    assert set(job.statuses()) == {JobStatus.CANCELLED}
    until("its messages are gone", lambda: rabbitmq.waiting(settings.queue) == 0)
    assert backend.run([ghz(), ghz()], shots=5).result(timeout=TIMEOUT).success
    assert job.metrics()["attempts"] == 2, "a task of the set has started"
    assert set(job.statuses()) == {JobStatus.CANCELLED}


def test_a_queue_that_was_deleted_is_made_anew_with_its_messages(backend, settings, rabbitmq):
    job = backend.run([endless()] * 2 + [ghz()] * 20, shots=10, seed_simulator=1)
    until("both slots are busy", lambda: job.metrics()["attempts"] >= 2)
    rabbitmq.delete(settings.queue)
    for number in (0, 1):
        job.worker_job(number).cancel()
    for number in range(2, 22):
        assert job.worker_results(number, timeout=TIMEOUT).success
    assert job.metrics()["attempts"] == 22


def test_a_long_task_whose_message_is_gone_gets_another_though_short_ones_wait(cluster, settings, rabbitmq):
    own = settings.evolve(queue=f"{settings.queue}-two", long_task_seconds=0.01)
    short, long = own.queues
    worker = Worker("two", 1, own, cluster.diary, cluster.folder)
    try:
        worker.await_ready()
        backend = AerqSimulator(settings=own)
        blocker = backend.run(endless(), shots=1)
        until("the slot is busy", lambda: blocker.metrics()["attempts"] == 1)
        job = backend.run([lasting(), ghz(), lasting()], shots=10)
        until("one of the long ones is with the worker", lambda: rabbitmq.waiting(long) == 1)
        assert rabbitmq.purge(long) == 1
        until("the long ones are sent again", lambda: rabbitmq.waiting(long) > 0)
        assert rabbitmq.waiting(short) == 1, "the short one is sent again"
        blocker.cancel()
        assert job.result(timeout=TIMEOUT).success
        assert job.metrics()["attempts"] == 3
        backend.celery_executor.shutdown()
    finally:
        worker.end()
        for name in own.queues:
            rabbitmq.delete(name)


def test_a_time_limit_ends_a_kernel(backend):
    with pytest.raises(JobError, match="longer than its time limit of 1"):
        backend.run(endless(), shots=1, time_limit_seconds=1).result(timeout=TIMEOUT)
    assert backend.run([ghz(), ghz()], shots=5).result(timeout=TIMEOUT).success


def test_a_connection_that_died_while_it_was_not_used_is_made_anew(backend):
    assert backend.run(ghz(), shots=5).result(timeout=TIMEOUT).success
    with backend.celery_executor.app.pool.acquire(block=True) as connection:
        connection.connection.transport.sock.shutdown(2)
    assert backend.run(ghz(), shots=5).result(timeout=TIMEOUT).success


def test_a_broker_that_is_away_is_a_named_error_and_no_job(settings):
    away = AerqSimulator(settings=settings.evolve(broker_url="amqp://guest:guest@127.0.0.1:1//"))
    before = len(AerqProvider(settings).jobs(limit=None))
    with pytest.raises(UnavailableError, match="does not answer"):
        away.run(ghz())
    assert len(AerqProvider(settings).jobs(limit=None)) == before


def test_doctor_finds_nothing_to_mend(settings, worker):
    done = subprocess.run(
        [sys.executable, "-m", "aerq.jobs.cli", "doctor", "--json"],
        env={**os.environ, **settings.to_environment()},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    findings = {finding["what"]: finding for finding in json.loads(done.stdout) if finding["what"] != "clock"}
    assert findings["broker"]["ok"], done.stdout
    assert "guest:guest" not in done.stdout
