"""Promise 1: the same bits, whichever allocator the workers have; and a slot keeps its limit with each of them."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import quantum_volume
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from aerq.config import LocalCluster, Settings
from aerq.jobs import AerqSimulator

TIMEOUT = 90


@pytest.fixture(scope="module", params=["mimalloc", "system"])
def cluster(request):
    """One slot of 256 MiB, a statevector of 24 qubits."""
    with LocalCluster(workers=1, settings=Settings(slot_memory_mb=256, allocator=request.param)) as running:
        yield running


@pytest.fixture
def backend(cluster):
    return AerqSimulator(settings=cluster.settings)


def test_workers_say_which_one_they_have(backend, cluster):
    assert [worker.allocator for worker in backend.workers()] == [cluster.settings.allocator]


def test_bits_are_those_of_local_aer(backend):
    circuits = [quantum_volume(5, 5, seed=seed) for seed in range(20)]
    for circuit in circuits:
        circuit.measure_all()
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["unitary"])
    for options in ({}, {"noise_model": noise}, {"noise_model": noise, "method": "statevector"}):
        given = {"shots": 300, "seed_simulator": 11, "memory": True, **options}
        local = AerSimulator().run(circuits, **given).result()
        remote = backend.run(circuits, **given, max_job_size="auto").result(TIMEOUT)
        for number in range(len(circuits)):
            assert remote.get_memory(number) == local.get_memory(number)


def test_memory_that_is_let_go_is_there_for_the_next_experiment(backend):
    """States of many sizes, one after the other, of which the largest fills the slot's share."""
    circuits = []
    for qubits in (24, 21, 5, 23, 20, 24, 18, 22, 19, 24, 10, 23, 24):
        circuit = QuantumCircuit(qubits)
        circuit.h(range(qubits))
        circuit.measure_all()
        circuits.append(circuit)
    result = backend.run(circuits, shots=10, seed_simulator=3).result(TIMEOUT)
    assert [found.status for found in result.results] == ["DONE"] * len(circuits)
