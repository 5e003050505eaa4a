from itertools import accumulate

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import quantum_volume
from qiskit_aer.noise import NoiseModel, depolarizing_error

from aerq.jobs.cost import LEAST_TASK_SECONDS, bundle_sizes, even_groups, experiment_seconds, task_seconds
from aerq.jobs.options import RunOptions
from aerq.tasks.bundles import MOST_TASKS


def options(**changes) -> RunOptions:
    return RunOptions(**{"shots": 1000, "memory": False, "seed_simulator": 1, "method": "statevector", **changes})


def volume(qubits) -> QuantumCircuit:
    circuit = quantum_volume(qubits, qubits, seed=1)
    circuit.measure_all()
    return circuit


class TestExperiment:
    def test_costs_more_with_more_qubits_shots_and_gates(self):
        assert experiment_seconds(volume(20), options()) > 4 * experiment_seconds(volume(16), options())
        assert experiment_seconds(volume(5), options(shots=10**6)) > 0.5
        assert experiment_seconds(volume(5), options()) > experiment_seconds(volume(5).copy_empty_like(), options())

    def test_costs_more_with_noise(self):
        model = NoiseModel()
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["unitary"])
        plain = experiment_seconds(volume(8), options())
        assert experiment_seconds(volume(8), options(noise_model=model)) > 5 * plain
        assert experiment_seconds(volume(8), options(noise_model=NoiseModel())) == plain

    @pytest.mark.parametrize(
        "method",
        [
            "automatic",
            "density_matrix",
            "stabilizer",
            "matrix_product_state",
            "unitary",
            "superop",
            "extended_stabilizer",
        ],
    )
    def test_is_a_number_for_every_method_and_size(self, method):
        for qubits in (1, 30, 500):
            circuit = QuantumCircuit(qubits)
            circuit.h(range(qubits))
            assert 0 < experiment_seconds(circuit, options(method=method)) < float("inf")

    def test_of_clifford_gates_stays_small_on_many_qubits(self):
        circuit = QuantumCircuit(60)
        circuit.h(range(60))
        circuit.measure_all()
        assert experiment_seconds(circuit, options(method="automatic")) < 1


class TestTask:
    def test_is_a_quarter_of_a_slots_share(self):
        assert task_seconds(80.0, 2) == 10.0

    def test_is_not_shorter_than_its_way(self):
        assert task_seconds(0.1, 10) == LEAST_TASK_SECONDS

    def test_is_not_so_short_that_a_large_cluster_waits_for_its_server(self):
        assert task_seconds(1000.0, 1000) == 0.5

    def test_is_short_enough_for_a_small_job_to_use_a_large_cluster(self):
        assert task_seconds(0.1, 1000) == LEAST_TASK_SECONDS
        assert task_seconds(8.0, 1000) == pytest.approx(0.063, rel=0.01)  # 126 tasks, 63 ms of the server's time

    def test_needs_no_slots(self):
        assert task_seconds(100.0, None) == task_seconds(100.0, 0) > LEAST_TASK_SECONDS


class TestGroups:
    @pytest.mark.parametrize(
        ("seconds", "sizes"),
        [
            ([], []),
            ([1.0], [1]),
            ([1.0] * 4, [2, 2]),
            ([9.0, 1.0, 1.0, 9.0], [1, 2, 1]),
            ([0.5] * 6, [4, 2]),
            ([0.0] * 5, [5]),
        ],
    )
    def test_come_close_to_the_target(self, seconds, sizes):
        assert even_groups(seconds, 2.0) == sizes


class TestMessages:
    def test_short_tasks_share_a_message_up_to_a_time(self):
        assert set(bundle_sizes([0.001] * 1000, 2, 0.025)) == {25}
        assert max(bundle_sizes([1e-6] * 100_000, 2, 0.025)) == MOST_TASKS

    def test_what_lasts_or_cannot_be_told_has_a_message_of_its_own(self):
        assert bundle_sizes([1.0] * 10, 2, 0.025) == []
        assert bundle_sizes([0.0] * 10, 2, 0.025) == []
        assert bundle_sizes([0.001] * 1000, 2, 0) == []
        sizes = bundle_sizes([0.001] * 100 + [0.0, 5.0] + [0.001] * 100, 2, 0.025)
        assert {100, 101, 102} <= set(accumulate(sizes, initial=0))
        assert sum(sizes) == 202

    def test_few_short_tasks_are_spread_over_all_slots(self):
        assert len(bundle_sizes([0.001] * 64, 2, 0.025)) >= 8


def test_what_was_measured_corrects_the_estimate():
    plain = experiment_seconds(volume(3), options())
    assert experiment_seconds(volume(3), options(), {"statevector": 2.0}) == 2 * plain
    assert experiment_seconds(volume(3), options(), {"stabilizer": 2.0}) == plain
