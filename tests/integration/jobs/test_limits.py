"""Memory and time: what no slot can hold is refused, what wants too much of either fails alone."""

import pytest
from qiskit import QuantumCircuit

from aerq.config import LocalCluster, Settings
from aerq.jobs import AerqSimulator, JobError, QobjValidationError

TIMEOUT = 60


def plus(qubits, name="plus"):
    circuit = QuantumCircuit(qubits, name=name)
    circuit.h(range(qubits))
    circuit.t(0)
    circuit.measure_all()
    return circuit


@pytest.fixture(scope="module")
def small():
    """A cluster of slots with 256 MiB each: a statevector of 24 qubits."""
    with LocalCluster(workers=2, settings=Settings(slot_memory_mb=256)) as cluster:
        yield cluster


@pytest.fixture
def backend(small):
    return AerqSimulator(settings=small.settings)


def test_what_no_slot_can_hold_is_refused_at_submit(backend):
    with pytest.raises(QobjValidationError, match=r"circuit 1 \('big'\) needs 2 GiB, the largest slot has 256 MiB"):
        backend.run([plus(3), plus(27, "big")], shots=10)


def test_what_aer_thinks_too_large_can_be_tried_and_fails_alone(backend):
    # 2 GiB: more than the slot may allocate; Aer's own estimate is switched off
    job = backend.run([plus(27), plus(3)], shots=10, max_memory_mb=-1)
    result = job.result(timeout=TIMEOUT)
    assert [found.success for found in result.results] == [False, True]
    assert "memory" in result.results[0].status
    assert job.metrics()["attempts"] == 2
    assert backend.run([plus(3), plus(3)], shots=10).result(timeout=TIMEOUT).success


def test_an_estimate_that_is_too_high_can_be_overridden(backend):
    # 512 MiB: more than the slot's kernel plans with, and less than the slot may allocate
    result = backend.run(plus(25), shots=10, seed_simulator=1, max_memory_mb=-1).result(timeout=TIMEOUT)
    assert result.success
    assert result.results[0].seed_simulator == 1


def test_a_result_that_python_cannot_hold_fails_with_a_sentence(backend):
    circuit = QuantumCircuit(24)
    circuit.h(range(24))
    for number in range(2):  # Aer can hold both, and nobody a second copy of them
        circuit.save_statevector(f"state{number}")
    job = backend.run(circuit, shots=1)
    with pytest.raises(JobError, match="its slot ran out of memory"):
        job.result(timeout=TIMEOUT)


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


def test_jobs_that_name_no_time_limit_have_the_default_and_slots_work_afterwards(small):
    backend = AerqSimulator(settings=small.settings.evolve(default_time_limit_seconds=1, max_time_limit_seconds=100))
    job = backend.run([endless(), endless(), plus(3)], shots=1)
    with pytest.raises(JobError, match="longer than its time limit of 1"):
        job.result(timeout=TIMEOUT)
    job.wait_for_final_state(timeout=TIMEOUT)
    assert [task["state"] for task in job.metrics()["tasks"]] == ["failed", "failed", "done"]
    assert job.metrics()["attempts"] == 3
    assert backend.run([plus(3), plus(3)], shots=1, time_limit_seconds=50).result(timeout=TIMEOUT).success
    with pytest.raises(QobjValidationError, match="AERQ_MAX_TIME_LIMIT_SECONDS"):
        backend.run(plus(3), time_limit_seconds=101)
