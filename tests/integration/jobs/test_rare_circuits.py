"""Circuits and slots that few have: what local Aer runs runs here, with the same bits."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import C3XGate
from qiskit_aer import AerSimulator

from aerq.config import LocalCluster, Settings
from aerq.jobs import AerqSimulator

TIMEOUT = 90


def each_shot(qubits):
    circuit = QuantumCircuit(qubits, qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure(0, 0)
    circuit.ry(0.3, 0)
    circuit.measure(range(qubits), range(qubits))
    return circuit


def c3x():
    circuit = QuantumCircuit(4)
    circuit.h(range(3))
    circuit.append(C3XGate(), range(4))
    circuit.measure_all()
    return circuit


def labelled(label):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.h(1)
    circuit.save_statevector(label=label, pershot=True)
    circuit.measure(1, 1)
    return circuit


def test_a_gate_with_three_controls_runs(backend):
    options = {"shots": 200, "seed_simulator": 4}
    assert backend.run(c3x(), **options).result(TIMEOUT).get_counts() == (
        AerSimulator().run(c3x(), **options).result().get_counts()
    )


def test_a_save_under_the_name_of_the_memory_keeps_its_shots_together(backend):
    options = {"shots": 20, "seed_simulator": 4}
    result = backend.run(labelled("memory"), max_shot_size=5, **options).result(TIMEOUT)
    assert result.get_counts() == AerSimulator().run(labelled("memory"), **options).result().get_counts()
    assert "uses the name of what is measured" in str(result.metadata["aerq"])
    assert len(backend.run(labelled("mine"), max_shot_size=5, **options).worker_job()) == 4


def test_values_of_a_parameter_that_the_circuit_lacks_mean_nothing(backend):
    theta, other = Parameter("t"), Parameter("u")
    circuit = QuantumCircuit(1)
    circuit.rx(theta, 0)
    circuit.measure_all()
    options = {"shots": 100, "seed_simulator": 4}
    for binds in ({theta: [0.5, 0.6], other: [1]}, {other: [1], theta: [0.5, 0.6]}):
        expected = AerSimulator().run(circuit, parameter_binds=[binds], **options).result()
        assert backend.run(circuit, [binds], **options).result(TIMEOUT).get_counts() == expected.get_counts()


def test_no_shot_is_lost_in_a_slot_that_holds_one_state_and_not_two():
    options = {"shots": 5, "seed_simulator": 11, "memory": True}
    circuits = [each_shot(20), each_shot(3)]
    expected = AerSimulator().run(circuits, **options).result()
    with LocalCluster(workers=1, settings=Settings(slot_memory_mb=24, threads_per_slot=2)) as cluster:
        backend = AerqSimulator(settings=cluster.settings)
        for size in (None, 2):
            result = backend.run(circuits, max_shot_size=size, **options).result(TIMEOUT)
            assert result.get_counts() == expected.get_counts()
            assert [result.get_memory(index) for index in range(2)] == [
                expected.get_memory(index) for index in range(2)
            ]


@pytest.mark.parametrize("number", [99_990, 100_010])
def test_a_plain_circuit_may_be_long(backend, number):
    circuit = QuantumCircuit(2)
    for _ in range(number):
        circuit.x(0)
    circuit.measure_all()
    assert backend.run(circuit, shots=10).result(TIMEOUT).get_counts() == {"00": 10}
