"""RabbitMQ as the broker: the promises hold as with Redis and Valkey."""

import json
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest
from kombu import Connection
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from qiskit_aer import AerSimulator

from aerq.config import UnavailableError
from aerq.jobs import AerqProvider, AerqSimulator, JobCancelledError, JobError

TIMEOUT = 60


def ghz(qubits=3):
    circuit = QuantumCircuit(qubits, name=f"ghz_{qubits}")
    circuit.h(0)
    circuit.cx(0, range(1, qubits))
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


def busy():
    """A circuit that computes for some seconds."""
    circuit = QuantumCircuit(23)
    for _ in range(60):
        circuit.h(range(23))
        circuit.t(0)
    circuit.measure_all()
    return circuit


def until(happened, what):
    deadline = time.monotonic() + TIMEOUT
    while not happened():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.1)


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
    until(lambda: job.metrics()["attempts"] >= 2, "both slots are busy")
    job.cancel()
    assert job.status() is JobStatus.CANCELLED
    with pytest.raises(JobCancelledError):
        job.result(timeout=TIMEOUT)
    # both slots are free again
    assert backend.run([ghz(), ghz()], shots=5).result(timeout=TIMEOUT).success


def test_a_time_limit_ends_a_kernel(backend):
    with pytest.raises(JobError, match="longer than its time limit of 1"):
        backend.run(endless(), shots=1, time_limit_seconds=1).result(timeout=TIMEOUT)
    assert backend.run([ghz(), ghz()], shots=5).result(timeout=TIMEOUT).success


def test_what_a_killed_slot_ran_runs_again(backend, workers):
    process = workers.processes["first"]
    job = backend.run(busy(), shots=5, seed_simulator=1)
    until(lambda: job.status() is JobStatus.RUNNING, "the task runs")
    for slot in psutil.Process(process.pid).children():
        slot.kill()
    assert job.result(timeout=2 * TIMEOUT).success
    assert job.metrics()["attempts"] == 2


def test_what_a_killed_worker_ran_runs_elsewhere(backend, workers):
    process = workers.start("second")
    # more than the first worker's slots can take at once
    job = backend.run([busy() for _ in range(4)], shots=5, seed_simulator=1)
    until(lambda: "second@test" in job.metrics()["workers"], "the second worker runs some")
    slots = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert job.result(timeout=2 * TIMEOUT).success
    assert job.metrics()["attempts"] > 4
    until(lambda: not any(slot.is_running() for slot in slots), "the slots of a killed worker end with it")


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


def test_doctor_finds_nothing_to_mend(settings, workers):
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
