"""Memory: what no slot can hold is refused at submit, and a slot that wants too much fails alone."""

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
    for number in range(6):
        circuit.save_statevector(f"state{number}")
    job = backend.run(circuit, shots=1)
    with pytest.raises(JobError, match="its slot ran out of memory"):
        job.result(timeout=TIMEOUT)
