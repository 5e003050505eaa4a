"""What workers measure of their kernels corrects the estimates of whoever submits next."""

import pytest
from qiskit import QuantumCircuit

from aerq.config.settings import Settings
from aerq.jobs import AerqSimulator
from aerq.tasks.records import keys
from aerq.tasks.records.speeds import Measured, read_speeds
from aerq.tasks.records.store import Records


@pytest.fixture
def records(server):
    opened = Records(settings(server))
    opened.client.flushdb()
    yield opened
    opened.close()


def settings(server):
    return Settings(broker_url=server.connection_url)


def test_what_was_measured_is_read_by_method(records, server):
    measured = Measured(records, settings(server))
    for _ in range(Measured.TASKS):
        measured.add("statevector", 0.01, 0.03)
    measured.add("stabilizer", 0.01, 0.01)  # not told yet
    assert read_speeds(records, settings(server)) == {"statevector": pytest.approx(3)}
    assert records.client.ttl(keys.speeds("aerq")) > 0


def test_one_long_task_is_told_at_once_and_without_an_estimate_nothing_is_learned(records, server):
    measured = Measured(records, settings(server))
    measured.add("statevector", 0.0, 100.0)
    assert read_speeds(records, settings(server)) == {}
    measured.add("density_matrix", 4.0, 2.0)
    assert read_speeds(records, settings(server)) == {"density_matrix": pytest.approx(0.5)}


def test_nonsense_corrects_by_a_bounded_factor(records, server):
    Measured(records, settings(server)).add("statevector", 1.0, 1e6)
    assert read_speeds(records, settings(server)) == {"statevector": 8.0}


def test_what_was_measured_long_ago_counts_less(records, server):
    measured = Measured(records, settings(server))
    for _ in range(20):
        measured.add("statevector", 100.0, 100.0)
    for _ in range(20):
        measured.add("statevector", 100.0, 300.0)
    assert read_speeds(records, settings(server))["statevector"] > 2.5


def test_workers_tell_and_the_next_job_is_cut_by_it(cluster):
    backend = AerqSimulator(settings=cluster.settings)
    client = backend.celery_executor.records.client
    client.delete(keys.speeds(cluster.settings.queue))
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.t(0)
    circuit.measure_all()
    backend.run([circuit] * (3 * Measured.TASKS), shots=3000).result(timeout=60)
    assert "statevector" in read_speeds(backend.celery_executor.records, cluster.settings)

    def tasks(speed):
        client.hset(
            keys.speeds(cluster.settings.queue),
            mapping={"statevector:estimated": 10, "statevector:measured": 10 * speed},
        )
        job = AerqSimulator(settings=cluster.settings).run([circuit] * 400, shots=1000, max_job_size="auto")
        job.result(timeout=60)
        return len(job.statuses())

    assert tasks(8) > tasks(0.125)
    client.delete(keys.speeds(cluster.settings.queue))
