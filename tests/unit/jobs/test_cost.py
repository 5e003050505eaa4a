from itertools import accumulate, islice, pairwise

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import quantum_volume
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from aerq.jobs.cost import LEAST_TASK_SECONDS, bundle_sizes, estimate, task_sizes
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
        assert estimate(volume(20), options()).seconds > 4 * estimate(volume(16), options()).seconds
        assert estimate(volume(5), options(shots=10**6)).seconds > 0.5
        assert estimate(volume(5), options()).seconds > estimate(volume(5).copy_empty_like(), options()).seconds

    def test_knows_how_much_a_wide_circuit_of_unitaries_takes_beside_a_narrow_one(self):
        narrow, wide = (estimate(volume(qubits), options()).seconds for qubits in (5, 16))
        assert 20 < wide / narrow < 100  # measured: 50

    def test_of_a_circuit_that_is_not_plain_counts_its_way_through_python(self):
        circuit = volume(3)
        saving = circuit.copy()
        saving.save_state()
        assert estimate(saving, options()).seconds - estimate(circuit, options()).seconds > 0.4e-3

    def test_costs_more_with_noise(self):
        model = NoiseModel()
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["unitary"])
        plain = estimate(volume(8), options()).seconds
        assert estimate(volume(8), options(noise_model=model)).seconds > 5 * plain
        assert estimate(volume(8), options(noise_model=NoiseModel())).seconds == plain

    @pytest.mark.parametrize("method", ["statevector", "density_matrix", "automatic"])
    def test_counts_each_shot_where_something_hangs_on_an_outcome(self, method):
        """As Aer does: where a gate or a save comes behind a measurement, and where all of them can come at the end."""
        sampled, drawn_again = [], []
        for qubits in (2, 6):
            at_the_end = QuantumCircuit(qubits, qubits)
            at_the_end.h(range(qubits))
            at_the_end.t(range(qubits))
            once = at_the_end.copy()
            once.measure(0, 0)
            once.h(range(1, qubits))
            once.measure(range(1, qubits), range(1, qubits))
            at_the_end.measure(range(qubits), range(qubits))
            gate, save = at_the_end.copy(), at_the_end.copy()
            gate.h(0)
            gate.measure(0, 0)
            save.save_statevector(pershot=True)
            waiting, unseen = at_the_end.copy(), at_the_end.copy()
            waiting.delay(10, 0)
            waiting.id(1)
            unseen.rz(0.1, 0)
            sampled += [at_the_end, once, waiting, unseen]
            drawn_again += [gate, save]
        for circuit in (*sampled, *drawn_again):
            job = AerSimulator(method=method).run(circuit, shots=10, seed_simulator=1)
            assert job.result().results[0].metadata["measure_sampling"] is (circuit in sampled)
            few, many = (estimate(circuit, options(method=method, shots=shots)).seconds for shots in (10, 1010))
            each_shot = (many - few) / 1000
            assert each_shot > 5e-6 if circuit in drawn_again else each_shot < 2e-6

    def test_takes_no_density_matrix_where_one_does_not_serve_all_shots(self):
        model = NoiseModel()
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
        circuit = QuantumCircuit(2, 2)
        circuit.h(0)
        circuit.measure(0, 0)
        given = options(method="automatic", noise_model=model)
        assert estimate(circuit, given).method == "density_matrix"
        circuit.h(0)
        circuit.measure(0, 1)
        assert estimate(circuit, given).method != "density_matrix"

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
            assert 0 < estimate(circuit, options(method=method)).seconds < float("inf")

    def test_of_clifford_gates_stays_small_on_many_qubits(self):
        circuit = QuantumCircuit(60)
        circuit.h(range(60))
        circuit.measure_all()
        assert estimate(circuit, options(method="automatic")).seconds < 1


def times(sizes, seconds):
    """How long each group takes."""
    rest = iter(seconds)
    return [sum(islice(rest, size)) for size in sizes]


class TestTask:
    def longest(self, total, slots):
        seconds = [total / 20_000] * 20_000
        return max(times(task_sizes(seconds, slots), seconds))

    def test_lasts_about_a_second(self):
        assert self.longest(8.0, 2) == pytest.approx(1.0, rel=0.01)
        assert self.longest(20.0, 2) == pytest.approx(1.0, rel=0.01)

    def test_is_half_of_a_slots_share_of_a_short_job_and_little_of_it_of_a_long_one(self):
        assert self.longest(0.8, 2) == pytest.approx(0.2, rel=0.01)
        assert self.longest(8000.0, 2) == pytest.approx(250.0, rel=0.01)

    def test_is_not_shorter_than_its_way(self):
        assert self.longest(0.1, 10) == pytest.approx(LEAST_TASK_SECONDS, rel=0.01)

    def test_is_not_so_short_that_a_large_cluster_waits_for_its_server(self):
        assert self.longest(1000.0, 1000) == pytest.approx(0.5, rel=0.15)

    def test_is_short_enough_for_a_small_job_to_use_a_large_cluster(self):
        assert self.longest(0.1, 1000) == pytest.approx(LEAST_TASK_SECONDS, rel=0.01)
        assert self.longest(8.0, 1000) == pytest.approx(0.063, rel=0.01)  # 126 tasks, 63 ms of the server's time

    def test_needs_no_slots(self):
        assert self.longest(100.0, None) == self.longest(100.0, 0) > LEAST_TASK_SECONDS

    def test_is_shorter_towards_the_end_so_that_no_slot_waits_long_for_the_last_one(self):
        seconds = [0.02] * 4000
        found = times(task_sizes(seconds, 2), seconds)
        assert found[:16] == pytest.approx([2.5] * 16)
        assert all(later <= earlier + 0.02 for earlier, later in pairwise(found))
        assert sum(found[-4:]) < 1.0
        assert len(found) < 60

    @pytest.mark.parametrize(
        ("seconds", "sizes"),
        [
            ([], []),
            ([1.0], [1]),
            ([9.0, 1.0, 1.0, 9.0], [1, 1, 1, 1]),
            ([0.9, 0.1, 0.1, 0.9], [1, 2, 1]),
            ([0.0] * 5, [5]),
            ([0.001] * 20, [20]),
        ],
    )
    def test_comes_close_to_its_length(self, seconds, sizes):
        assert task_sizes(seconds, 2) == sizes

    @pytest.mark.parametrize("slots", [1, 2, 7, 1000])
    def test_holds_each_experiment_once(self, slots):
        seconds = [0.001 * (number % 17) for number in range(997)]
        sizes = task_sizes(seconds, slots)
        assert sum(sizes) == 997
        assert min(sizes) > 0


class TestMessages:
    def test_short_tasks_share_a_message_up_to_a_time(self):
        sizes = bundle_sizes([0.001] * 1000, 2, 0.025)
        assert set(sizes[:30]) == {25}
        assert max(sizes) == 25
        assert max(bundle_sizes([1e-6] * 100_000, 2, 0.025)) == MOST_TASKS

    def test_what_lasts_or_cannot_be_told_has_a_message_of_its_own(self):
        assert bundle_sizes([1.0] * 10, 2, 0.025) == []
        assert bundle_sizes([0.0] * 10, 2, 0.025) == []
        assert bundle_sizes([0.001] * 1000, 2, 0) == []
        sizes = bundle_sizes([0.001] * 100 + [0.0, 5.0] + [0.001] * 100, 2, 0.025)
        assert {100, 101, 102} <= set(accumulate(sizes, initial=0))
        assert sum(sizes) == 202

    def test_the_last_messages_are_shorter_but_not_by_far(self):
        sizes = bundle_sizes([0.001] * 1000, 2, 0.1)
        assert sizes[0] == MOST_TASKS
        assert max(sizes[-2:]) <= 11
        assert len(sizes) < 40

    def test_few_short_tasks_are_spread_over_all_slots(self):
        assert len(bundle_sizes([0.001] * 64, 2, 0.025)) >= 8


def test_what_was_measured_corrects_the_estimate():
    plain = estimate(volume(3), options()).seconds
    assert estimate(volume(3), options()).scaled({"statevector": 2.0}) == 2 * plain
    assert estimate(volume(3), options()).scaled({"stabilizer": 2.0}) == plain
