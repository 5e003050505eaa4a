import logging
import math
import pickle
import threading

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Parameter
from qiskit.quantum_info import Kraus, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    RelaxationNoisePass,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
)

from aerq.jobs.errors import QobjValidationError
from aerq.jobs.merge import merge_outputs
from aerq.jobs.options import RunOptions, resolve_options
from aerq.jobs.split import split_job
from aerq.jobs.validate import validate_circuits
from aerq.tasks.kernel import run_qobj
from aerq.tasks.qobj import Qobj, Share

A, B = Parameter("a"), Parameter("b")
FLIP = pauli_error([("X", 0.2), ("I", 0.8)])
DAMP = amplitude_damping_error(0.3)
#: What tells of clocks and threads, not of the simulation.
PASSING = {"time_taken", "sample_measure_time", "parallel_shots", "parallel_state_update", "max_memory_mb"}


def resolve(**options) -> RunOptions:
    defaults = AerSimulator._default_options()
    defaults.update_options(max_job_size=1, independent_streams=False)
    return resolve_options(defaults, {"shots": 20, "seed_simulator": 7, **options})


def split(circuits, binds=None, snapshot=True, slots=2, **options) -> list[Qobj]:
    if isinstance(circuits, QuantumCircuit):
        circuits = [circuits]
    return split_job(
        circuits,
        binds,
        resolve(**options),
        job_id="job",
        backend_name="aer_simulator",
        backend_version="1",
        slots=slots,
        snapshot=snapshot,
    )


def shares(qobjs) -> list[tuple[int, int, int, int]]:
    return [(share.first, share.count, share.offset, share.shots) for share in map(Share.of, qobjs)]


def noise(error, *gates, readout=None) -> NoiseModel:
    model = NoiseModel()
    if gates:
        model.add_all_qubit_quantum_error(error, list(gates))
    if readout:
        model.add_all_qubit_readout_error(readout)
    return model


def entangled(qubits=2, clifford=True, measure=True) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, qubits)
    circuit.h(0)
    if not clifford:
        circuit.t(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.h(0)
    if measure:
        circuit.measure(range(qubits), range(qubits))
    return circuit


def feedback(clifford=True) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    if not clifford:
        circuit.t(0)
        circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.h(1)
    circuit.reset(0)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


def sweep(phase=0.0, save=False) -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1, global_phase=phase)
    circuit.rx(A + B, 0)
    circuit.rz(B, 0)
    if save:
        circuit.save_statevector()
    circuit.measure(0, 0)
    return circuit


def plain(value):
    """A form of a raw output in which equal means equal bits."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    return value


def essence(output):
    found = []
    for result in output["results"]:
        kept = {key: value for key, value in result.items() if key not in ("time_taken", "circ_id", "metadata")}
        kept["metadata"] = {key: value for key, value in result["metadata"].items() if key not in PASSING}
        found.append(plain(kept))
    return {"success": output["success"], "status": output["status"], "results": found}


def assert_same_as_local(circuits, binds=None, max_job_size=1, max_shot_size=None, **options) -> list[Qobj]:
    """Runs the tasks and the whole job, and compares all that was computed."""
    circuits = [circuits] if isinstance(circuits, QuantumCircuit) else circuits
    options = {"shots": 20, "seed_simulator": 7, "memory": True, **options}
    local = AerSimulator()._execute_circuits_job(circuits, binds, dict(options), "job", False)
    qobjs = split(circuits, binds, max_job_size=max_job_size, max_shot_size=max_shot_size, **options)
    experiments = [
        index
        for index, circuit in enumerate(circuits)
        for _ in range(len(next(iter(binds[index].values()))) if binds and circuit.num_parameters else 1)
    ]
    merged = merge_outputs(
        [(Share.of(qobj), run_qobj(qobj, "job")) for qobj in qobjs],
        job_id="job",
        backend_name="aer_simulator",
        backend_version="1",
        metadata=[circuits[index].metadata for index in experiments],
        circuits=experiments,
    )
    assert essence(merged) == essence(local)
    return qobjs


class TestExperiments:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            (1, [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]),
            (2, [(0, 2), (2, 2), (4, 1)]),
            (5, [(0, 5)]),
            (9, [(0, 5)]),
            (None, [(0, 5)]),
        ],
    )
    def test_are_grouped_by_number(self, size, expected):
        qobjs = split([entangled() for _ in range(5)], max_job_size=size)
        assert [share[:2] for share in shares(qobjs)] == expected
        assert [qobj.config.seed_simulator for qobj in qobjs] == [7 + 2113 * first for first, _ in expected]

    @pytest.mark.parametrize("size", [1, 2, 3, None, "auto"])
    @pytest.mark.parametrize("seed", [0, -1, 2**63 - 1000, np.int64(5)])
    def test_have_the_bits_of_a_local_run(self, size, seed):
        circuits = [entangled(), entangled(3, clifford=False), feedback(), QuantumCircuit(5, 9)]
        assert_same_as_local(circuits, max_job_size=size, seed_simulator=seed)

    @pytest.mark.parametrize("method", ["automatic", "statevector", "density_matrix", "matrix_product_state"])
    @pytest.mark.parametrize("shots", [0, 1, 9, 150])
    def test_with_noise_have_the_bits_of_a_local_run(self, method, shots):
        circuits = [entangled(clifford=False), entangled(3), entangled(1)]
        model = noise(FLIP, "h", "t", readout=[[0.9, 0.1], [0.2, 0.8]])
        assert_same_as_local(circuits, method=method, noise_model=model, shots=shots, max_job_size=2)

    def test_know_the_widest_of_the_job(self):
        wide = QuantumCircuit(5, 9)
        qobjs = split([entangled(), wide])
        assert {(qobj.config.n_qubits, qobj.config.memory_slots) for qobj in qobjs} == {(5, 9)}
        assert_same_as_local([entangled(), wide], enable_truncation=False, noise_model=noise(FLIP, "h"), shots=10)

    def test_share_one_object_of_each_kind(self):
        """What is encoded once should be one object."""
        circuit, model = entangled(), noise(FLIP, "h")
        qobjs = split([circuit, circuit], noise_model=model)
        assert qobjs[0].experiments[0].circuit is qobjs[1].experiments[0].circuit
        assert qobjs[0].config.noise_model is qobjs[1].config.noise_model
        assert qobjs[0].config.options is qobjs[1].config.options

    def test_of_failing_circuits_leave_the_others_intact(self):
        bad = entangled(clifford=False)
        qobjs = assert_same_as_local([entangled(), bad, feedback()], method="stabilizer")
        assert len(qobjs) == 3

    def test_name_job_and_backend(self):
        (qobj,) = split(entangled())
        assert (qobj.qobj_id, qobj.header.backend_name, qobj.header.backend_version) == ("job", "aer_simulator", "1")


BINDS = [{A: [0.1, 0.2, math.pi / 2, 0.4, 0.5], B: [0.5, 0.0, math.pi / 2, 0.2, math.pi]}]


class TestBindings:
    @pytest.mark.parametrize("size", [1, 2, 3, None])
    def test_are_experiments(self, size):
        qobjs = assert_same_as_local(sweep(), BINDS, max_job_size=size)
        assert sum(len(qobj) for qobj in qobjs) == 5

    @pytest.mark.parametrize("size", [1, 2, None])
    @pytest.mark.parametrize("phase", [A, 2 * A + B])
    def test_keep_aers_late_global_phase(self, size, phase):
        qobjs = assert_same_as_local(sweep(phase, save=True), BINDS, max_job_size=size)
        starts = [qobj.experiments[0].global_phase for qobj in qobjs]
        assert starts[0] == 0.0
        assert size is None or all(starts[1:])

    def test_stand_beside_circuits_without(self):
        circuits = [entangled(), sweep(A, save=True), entangled(3), sweep()]
        binds = [{}, BINDS[0], {A: [0.1, 0.2]}, {A: np.array([1, 2]), B: (3, 4)}]
        for size in (1, 3, None):
            local = assert_same_as_local
            qobjs = local(circuits, [{}, binds[1], {}, binds[3]], max_job_size=size)
            assert sum(len(qobj) for qobj in qobjs) == 9
        # Values of parameters that a circuit does not have make no experiments.
        assert sum(len(qobj) for qobj in split(circuits, binds)) == 9

    def test_bound_at_runtime_stay_together(self):
        qobjs = assert_same_as_local(
            [sweep(), entangled()], [BINDS[0], {}], runtime_parameter_bind_enable=True, max_job_size=2
        )
        assert [share[:2] for share in shares(qobjs)] == [(0, 5), (5, 1)]

    def test_with_noise_and_split_shots(self):
        qobjs = assert_same_as_local(
            sweep(), BINDS, noise_model=noise(FLIP, "rx"), method="statevector", max_shot_size=8
        )
        assert shares(qobjs)[:4] == [(0, 1, 0, 8), (0, 1, 8, 8), (0, 1, 16, 4), (1, 1, 0, 8)]


EACH_SHOT = {
    "statevector, Pauli": (entangled(clifford=False), noise(FLIP, "h"), "statevector"),
    "statevector, Kraus": (entangled(clifford=False), noise(DAMP, "h", "t"), "statevector"),
    "statevector, feedback": (feedback(clifford=False), None, "statevector"),
    "statevector, readout": (
        feedback(clifford=False),
        noise(None, readout=[[0.9, 0.1], [0.2, 0.8]]),
        "statevector",
    ),
    "density matrix, feedback": (feedback(clifford=False), noise(DAMP, "h"), "density_matrix"),
    "stabilizer, Pauli": (entangled(3), noise(FLIP, "h", "x"), "stabilizer"),
    "stabilizer, feedback": (feedback(), None, "automatic"),
    "MPS, Pauli": (entangled(3), noise(depolarizing_error(0.2, 1), "h"), "matrix_product_state"),
    "MPS, Kraus": (entangled(3), noise(DAMP, "h"), "matrix_product_state"),
    "automatic, few shots": (entangled(6, clifford=False), noise(FLIP, "h", "t"), "automatic"),
}


class TestShots:
    @pytest.mark.parametrize("name", EACH_SHOT)
    @pytest.mark.parametrize("size", [1, 8, 19])
    def test_are_split_where_each_has_its_own_seed(self, name, size):
        circuit, model, method = EACH_SHOT[name]
        qobjs = assert_same_as_local([QuantumCircuit(1), circuit], noise_model=model, method=method, max_shot_size=size)
        assert shares(qobjs)[0] == (0, 1, 0, 20)
        ranges = [(offset, shots) for first, _, offset, shots in shares(qobjs) if first == 1]
        assert ranges == [(offset, min(size, 20 - offset)) for offset in range(0, 20, size)]
        assert all(qobj.config.options["method"] != "automatic" for qobj in qobjs[1:])

    def test_of_an_uneven_number_are_all_there(self):
        circuit, model, method = EACH_SHOT["statevector, Pauli"]
        qobjs = assert_same_as_local(circuit, noise_model=model, method=method, shots=150, max_shot_size=100)
        assert shares(qobjs) == [(0, 1, 0, 100), (0, 1, 100, 50)]

    def test_do_not_change_the_method(self):
        """20 shots of 4 qubits would have a density matrix, ranges of 10 another method."""
        model = noise(FLIP, "h")
        qobjs = assert_same_as_local(entangled(4), noise_model=model, max_shot_size=10)
        assert shares(qobjs) == [(0, 1, 0, 20)]
        assert "max_shot_size was not applied" in str(qobjs[0].header.notes)
        whole = assert_same_as_local(entangled(5, clifford=False), noise_model=model, max_shot_size=4)
        assert len(whole) == 5

    @pytest.mark.parametrize(
        ("circuit", "model", "reason"),
        [
            (entangled(), None, "drawn from one state"),
            (entangled(), noise(None, readout=[[0.9, 0.1], [0.2, 0.8]]), "drawn from one state"),
            (entangled(2), noise(DAMP, "h"), "not certain"),
        ],
    )
    def test_drawn_from_one_state_stay_together(self, circuit, model, reason):
        qobjs = assert_same_as_local(circuit, noise_model=model, max_shot_size=5)
        assert shares(qobjs) == [(0, 1, 0, 20)]
        assert reason in str(qobjs[0].header.notes)

    @pytest.mark.parametrize(
        ("save", "pieces"),
        [
            (lambda c: c.save_statevector(pershot=True), 3),
            (lambda c: c.save_statevector(conditional=True, pershot=True), 3),
            (lambda c: c.save_statevector(), 3),
            (lambda c: c.save_probabilities(pershot=True), 3),
            (lambda c: c.save_expectation_value(SparsePauliOp("Z"), [0], pershot=True), 3),
            (lambda c: c.save_expectation_value(SparsePauliOp("Z"), [0]), 1),
            (lambda c: c.save_density_matrix(), 1),
            (lambda c: c.save_density_matrix(unnormalized=True), 1),
        ],
    )
    def test_with_saves_are_split_if_nothing_is_summed(self, save, pieces):
        circuit = entangled(2, clifford=False, measure=False)
        circuit.measure(0, 0)
        save(circuit)
        model = noise(FLIP, "h")
        qobjs = assert_same_as_local(circuit, noise_model=model, method="statevector", max_shot_size=8)
        assert len(qobjs) == pieces
        assert pieces > 1 or "sums over all shots" in str(qobjs[0].header.notes)

    def test_of_the_others_stay_in_one_task(self):
        circuit, model, _ = EACH_SHOT["statevector, Pauli"]
        summing = circuit.copy()
        summing.remove_final_measurements()
        summing.save_density_matrix()
        qobjs = assert_same_as_local(
            [summing, summing, circuit, summing, summing],
            noise_model=model,
            method="statevector",
            max_job_size=None,
            max_shot_size=10,
        )
        assert shares(qobjs) == [(0, 2, 0, 20), (2, 1, 0, 10), (2, 1, 10, 10), (3, 2, 0, 20)]


class TestWhatCircuitsShare:
    def test_an_error_in_one_circuit_changes_how_the_others_run(self):
        """Without the error a density matrix would not be considered for the second circuit."""
        noisy = QuantumCircuit(1, 1)
        noisy.h(0)
        noisy.append(FLIP.to_instruction(), [0])
        noisy.measure(0, 0)
        alone = AerSimulator().run(entangled(clifford=False), shots=20, seed_simulator=7).result()
        assert alone.results[0].metadata["noise"] == "ideal"
        for size in (1, 2):
            assert_same_as_local([noisy, entangled(clifford=False), entangled(6)], max_job_size=size)

    def test_errors_that_noise_passes_put_at_delays(self):
        model = noise(None, readout=[[0.9, 0.1], [0.2, 0.8]])
        model._custom_noise_passes.append(RelaxationNoisePass([1e-6] * 3, [1e-6] * 3, dt=1e-9, op_types=[Delay]))
        delayed = QuantumCircuit(1, 1)
        delayed.x(0)
        delayed.delay(500, 0)
        delayed.measure(0, 0)
        assert_same_as_local([delayed, entangled(clifford=False)], noise_model=model)

    def test_a_kraus_instruction_is_not_noise(self):
        circuit = QuantumCircuit(1, 1)
        circuit.append(Kraus(DAMP).to_instruction(), [0])
        circuit.measure(0, 0)
        qobjs = assert_same_as_local([circuit, entangled()], max_shot_size=10)
        assert qobjs[0].config.noise_model is None

    def test_the_wrong_density_matrices_of_aer_are_those_of_a_local_run(self, caplog):
        """In this order local Aer's second circuit, a fair coin, shows 0 in every shot."""
        coin, wide, model = kraus_case()
        options = {"shots": 40, "noise_model": model}
        for circuits in ([wide, coin], [wide, coin, wide, coin]):
            caplog.clear()
            (qobj,) = assert_same_as_local(circuits, max_job_size=1, max_shot_size=10, **options)
            assert [("wrongly" in text, places) for text, places in qobj.header.notes.items()] == [
                (False, tuple(range(0, len(circuits), 2))),
                (True, tuple(range(1, len(circuits), 2))),
            ]
            assert "wrongly" in caplog.text
        assert AerSimulator().run([wide, coin], seed_simulator=7, **options).result().get_counts(1) == {"0": 40}

    def test_density_matrices_in_another_order_are_right_in_every_task(self, caplog):
        coin, wide, model = kraus_case()
        options = {"shots": 40, "noise_model": model}
        qobjs = assert_same_as_local([coin, wide, coin, coin], max_job_size=2, **options)
        assert [share[:2] for share in shares(qobjs)] == [(0, 2), (2, 2)]
        qobjs = assert_same_as_local([coin, coin, wide, coin], max_job_size=2, **options)
        assert [share[:2] for share in shares(qobjs)] == [(0, 2), (2, 1), (3, 1)]
        qobjs = assert_same_as_local([wide, coin], method="density_matrix", **options)
        assert len(qobjs) == 2
        assert "wrongly" not in caplog.text

    def test_density_matrices_with_a_stream_of_their_own_are_right(self):
        coin, wide, model = kraus_case()
        qobjs = split([wide, coin], shots=40, noise_model=model, independent_streams=True)
        counts = run_qobj(qobjs[1], "job")["results"][0]["data"]["counts"]
        assert len(qobjs) == 2
        assert set(counts) == {"0x0", "0x1"}


def kraus_case():
    """A fair coin, a circuit too wide for a density matrix, and a noise model with Kraus errors."""
    coin = QuantumCircuit(1, 1)
    coin.sx(0)
    coin.id(0)
    coin.measure(0, 0)
    return coin, entangled(6, clifford=False), noise(DAMP, "id", "h")


class TestIndependentStreams:
    def test_have_a_seed_of_their_own(self):
        circuits = [entangled() for _ in range(50)]
        seeds = [qobj.config.seed_simulator for qobj in split(circuits, independent_streams=True)]
        assert len(set(seeds)) == 50
        assert min(abs(one - other) for one in seeds for other in seeds if one != other) > 10**9
        assert all(0 <= seed < 2**62 for seed in seeds)
        assert seeds == [qobj.config.seed_simulator for qobj in split(circuits, independent_streams=True)]
        other = split(circuits, independent_streams=True, seed_simulator=8)
        assert seeds[0] != other[0].config.seed_simulator

    def test_do_not_depend_on_the_split(self):
        circuit, model, method = EACH_SHOT["statevector, Pauli"]
        options = {"noise_model": model, "method": method, "independent_streams": True, "memory": True}
        whole, parts = (
            [
                outcome
                for qobj in split(circuit, max_shot_size=size, **options)
                for outcome in run_qobj(qobj, "job")["results"][0]["data"]["memory"]
            ]
            for size in (None, 6)
        )
        assert len(whole) == 20
        assert parts == whole

    @pytest.mark.parametrize("size", [2, None])
    def test_need_tasks_of_one(self, size):
        with pytest.raises(QobjValidationError, match="independent_streams"):
            split([entangled(), entangled()], independent_streams=True, max_job_size=size)

    def test_of_auto_are_tasks_of_one(self):
        qobjs = split([entangled()] * 4, independent_streams=True, max_job_size="auto")
        assert [len(qobj) for qobj in qobjs] == [1, 1, 1, 1]


NOISY = {"noise_model": noise(FLIP, "h"), "method": "statevector"}


class TestWarning:
    def warnings(self, caplog, circuits, **options):
        with caplog.at_level(logging.WARNING, logger="aerq"):
            split(circuits, **{"shots": 2114, **options})
        return [record.getMessage() for record in caplog.records]

    def test_where_neighbours_share_shots(self, caplog):
        (text,) = self.warnings(caplog, [entangled(), entangled()], **NOISY)
        assert "independent_streams" in text
        assert "2114" in text

    @pytest.mark.parametrize(
        ("circuits", "options"),
        [
            ([entangled(), entangled()], {}),
            ([entangled()], NOISY),
            ([entangled(), entangled()], {**NOISY, "shots": 2113}),
            ([entangled(), entangled()], {**NOISY, "independent_streams": True}),
            ([entangled(), entangled()], {"noise_model": noise(FLIP, "h")}),
            ([feedback(), entangled(), feedback()], {}),
        ],
    )
    def test_and_nowhere_else(self, caplog, circuits, options):
        assert self.warnings(caplog, circuits, **options) == []


class TestSnapshot:
    def test_does_not_see_later_changes(self):
        circuit, model = entangled(), noise(FLIP, "h")
        values = [0.1, 0.2]
        parameterised = sweep()
        qobjs = split([circuit, parameterised], [{}, {A: values, B: [0.3, 0.4]}], noise_model=model, max_job_size=None)
        before = [qobj.experiments[0].circuit.copy() for qobj in qobjs]
        circuit.x(0)
        parameterised.x(0)
        values[0] = 9.0
        model.add_all_qubit_quantum_error(FLIP, ["x"])
        (qobj,) = qobjs
        assert qobj.experiments[0].circuit == before[0]
        assert qobj.experiments[1].circuit == sweep()
        assert qobj.experiments[1].binds[A] == [0.1, 0.2]
        assert qobj.config.noise_model.noise_instructions == ["h"]

    def test_holds_the_users_own_metadata(self):
        circuit = entangled()
        circuit.metadata = {"lock": threading.Lock()}
        (qobj,) = split(circuit)
        assert qobj.experiments[0].circuit.metadata is circuit.metadata
        assert qobj.experiments[0].circuit is not circuit

    def test_is_spared_where_it_is_not_needed(self):
        circuit, model = entangled(), noise(FLIP, "h")
        (qobj,) = split(circuit, snapshot=False, noise_model=model)
        assert qobj.experiments[0].circuit is circuit
        assert qobj.config.noise_model is model

    def test_leaves_what_it_was_given_alone(self):
        circuit = sweep()
        binds = [{A: [1, 2], B: np.array([3.0, 4.0])}]
        split(circuit, binds)
        assert binds[0][A] == [1, 2]
        assert circuit == sweep()

    def test_can_be_pickled_for_a_pool_of_processes(self):
        qobjs = split([entangled(), entangled()], noise_model=noise(FLIP, "h"))
        again = pickle.loads(pickle.dumps(qobjs))
        assert [qobj.config.seed_simulator for qobj in again] == [qobj.config.seed_simulator for qobj in qobjs]
        assert again[0].experiments[0].circuit == entangled()


class TestAuto:
    def test_makes_tasks_of_about_equal_cost(self):
        circuits = [entangled(22) for _ in range(4)] + [entangled(2) for _ in range(100)]
        qobjs = split(circuits, max_job_size="auto", method="statevector", shots=1000, slots=2)
        sizes = [len(qobj) for qobj in qobjs]
        assert sizes[:4] == [1, 1, 1, 1]
        assert min(sizes[4:-1]) > 10
        assert sum(sizes) == 104

    def test_makes_more_tasks_for_more_slots(self):
        circuits = [entangled(16) for _ in range(100)]
        numbers = [
            len(split(circuits, max_job_size="auto", shots=100, method="statevector", slots=slots))
            for slots in (1, 4, 400)
        ]
        assert numbers[0] == 2
        assert numbers[0] < numbers[1] <= 16
        assert numbers[1] <= numbers[2] < 100

    def test_makes_one_task_of_little_work(self):
        assert len(split([entangled() for _ in range(5)], max_job_size="auto")) == 1


class Uncopied:
    def __deepcopy__(self, memo):
        raise TypeError("do not copy")


@pytest.mark.parametrize("max_shot_size", [None, 2])
def test_metadata_that_cannot_be_copied(max_shot_size):
    theta = Parameter("θ")
    plain = QuantumCircuit(1, 1)
    plain.append(amplitude_damping_error(0.2).to_instruction(), [0])
    plain.measure(0, 0)
    with plain.if_test((0, 1)):
        plain.x(0)
    bound = QuantumCircuit(1, 1)
    bound.rz(theta, 0)
    bound.measure(0, 0)
    for circuit in (plain, bound):
        circuit.metadata = {"it": Uncopied()}
    options = resolve_options(AerSimulator().options, {"shots": 4, "max_job_size": 1, "max_shot_size": max_shot_size})
    validate_circuits([plain, bound], [{}, {theta: [0.1]}], options)
    qobjs = split_job([plain, bound], [{}, {theta: [0.1]}], options, job_id="j", backend_name="b", backend_version="1")
    assert qobjs[-1].experiments[0].circuit.metadata["it"] is bound.metadata["it"]
    assert [qobj.experiments[0].circuit_index for qobj in qobjs] == sorted(
        qobj.experiments[0].circuit_index for qobj in qobjs
    )
    assert qobjs[-1].experiments[0].circuit_index == 1
