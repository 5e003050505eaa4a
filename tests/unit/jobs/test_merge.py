"""What several tasks give is, merged, what a local run of the whole job gives."""

import itertools
import logging

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Clifford, SparsePauliOp
from qiskit.result import Result
from qiskit_aer import AerSimulator
from qiskit_aer.backends import compatibility
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error

from aerq.jobs.errors import JobError
from aerq.jobs.merge import MERGEABLE_SUBTYPES, merge_outputs, to_result
from aerq.tasks.kernel import AerKernel
from aerq.tasks.qobj import SEED_STRIDE, Qobj, QobjConfig, QobjExperiment, QobjHeader, Share
from aerq.tasks.wire.results import decode_output, encode_output

SEED = 7
#: All that may differ from a local run: what tells of clocks and machines.
OUTPUT_CLOCKS = {"date", "time_taken", "job_id", "metadata"}
RESULT_CLOCKS = {"time_taken"}
METADATA_CLOCKS = {
    *("time_taken", "sample_measure_time", "parallel_shots", "parallel_state_update", "max_memory_mb"),
}


@pytest.fixture(autouse=True)
def no_warnings_of_aer(caplog):
    caplog.set_level(logging.ERROR, logger="qiskit_aer")  # until the test ends


def local(circuits, binds=None, shots=24, noise=None, threads=1, **options):
    options |= {"shots": shots, "seed_simulator": SEED, "noise_model": noise, "max_parallel_threads": threads}
    return AerSimulator()._execute_circuits_job(circuits, binds, options, job_id="local", format_result=False)


def run_part(experiments, first, offset, shots, slots, noise=None, **options):
    """One task's output as it arrives at the producer."""
    config = QobjConfig(
        shots=shots,
        seed_simulator=SEED + SEED_STRIDE * first + offset,
        options={"max_parallel_threads": 1, **options},
        noise_model=noise,
        memory_slots=slots,
    )
    qobj = Qobj("job", QobjHeader(first, offset, "aer_simulator", "0.18.2"), config, tuple(experiments))
    return Share.of(qobj), decode_output(encode_output(AerKernel().run(qobj)))


def merged(parts, metadata, **options):
    options = {"job_id": "job", "backend_name": "aer_simulator", "backend_version": "0.18.2", **options}
    return merge_outputs(parts, metadata=metadata, **options)


def split_by_experiments(circuits, size, shots=24, **options):
    slots = max(circuit.num_clbits for circuit in circuits)
    parts = []
    for first in range(0, len(circuits), size):
        experiments = [QobjExperiment(circuit) for circuit in circuits[first : first + size]]
        parts.append(run_part(experiments, first, 0, shots, slots, **options))
    return merged(parts, [circuit.metadata for circuit in circuits])


def split_by_shots(circuits, cuts, **options):
    slots = max(circuit.num_clbits for circuit in circuits)
    parts = [
        run_part([QobjExperiment(circuit)], index, start, stop - start, slots, **options)
        for index, circuit in enumerate(circuits)
        for start, stop in itertools.pairwise(cuts)
    ]
    return merged(parts[::-1], [circuit.metadata for circuit in circuits])


def differences(a, b, path="", ignore=frozenset(), in_order=True):
    if type(a) is not type(b):
        return [f"{path}: {type(a)} != {type(b)}"]
    if isinstance(a, dict):
        if set(a) != set(b) or (in_order and list(a) != list(b)):
            return [f"{path}: keys {list(a)} != {list(b)}"]
        return [d for k in a if k not in ignore for d in differences(a[k], b[k], f"{path}/{k}", frozenset(), in_order)]
    if isinstance(a, list | tuple):
        if len(a) != len(b):
            return [f"{path}: length {len(a)} != {len(b)}"]
        return [d for i in range(len(a)) for d in differences(a[i], b[i], f"{path}/{i}", frozenset(), in_order)]
    if isinstance(a, np.ndarray):
        same = (a.dtype, a.shape, a.tobytes("A")) == (b.dtype, b.shape, b.tobytes("A"))
        order = [(x.flags.c_contiguous, x.flags.f_contiguous, x.flags.writeable) for x in (a, b)]
        return [] if same and order[0] == order[1] else [f"{path}: {a!r} {order[0]} != {b!r} {order[1]}"]
    return [] if repr(a) == repr(b) else [f"{path}: {a!r} != {b!r}"]


def check_same(whole, got, in_order=True):
    """Compares raw outputs, keys in order too if asked; returns the first difference, or None."""
    found = differences({**whole, "results": []}, {**got, "results": []}, "", OUTPUT_CLOCKS, in_order)
    found += [] if len(whole["results"]) == len(got["results"]) else ["number of results"]
    for i, (a, b) in enumerate(zip(whole["results"], got["results"], strict=False)):
        found += differences(a, b, f"/{i}", RESULT_CLOCKS | {"metadata"}, in_order)
        found += differences(a["metadata"], b["metadata"], f"/{i}/metadata", METADATA_CLOCKS, in_order)
    assert found == []


def measured(qubits=3, name=None):
    """A circuit whose shots run one by one."""
    circuit = QuantumCircuit(qubits, qubits, name=name, metadata={"name": name})
    circuit.h(range(qubits))
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure(range(qubits), range(qubits))
    return circuit


def noise_model(error):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(error, ["h", "t", "s"])
    return model


PAULI, KRAUS = noise_model(depolarizing_error(0.2, 1)), noise_model(amplitude_damping_error(0.2))


def test_a_job_in_one_task_is_the_local_run():
    circuits = [measured(2, "a"), measured(3, "b")]
    whole = local(circuits, memory=True)
    got = split_by_experiments(circuits, 2, memory=True)
    check_same(whole, got)
    assert list(got) == list(whole)
    assert got["job_id"] == "job"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_batch_spread_over_tasks(size):
    circuits = [measured(qubits, f"c{qubits}") for qubits in (4, 2, 3, 2, 5)]
    circuits[1].save_statevector()
    whole = local(circuits, memory=True, noise=PAULI)
    check_same(whole, split_by_experiments(circuits, size, memory=True, noise=PAULI))
    assert [result["seed_simulator"] for result in whole["results"]] == [SEED + SEED_STRIDE * i for i in range(5)]


@pytest.mark.parametrize("cuts", [(0, 12, 24), (0, 7, 15, 24), (0, 1, 2, 24), (0, 23, 24)])
@pytest.mark.parametrize("noise", [None, PAULI, KRAUS], ids=["ideal", "pauli", "kraus"])
@pytest.mark.parametrize("method", ["statevector", "matrix_product_state", "stabilizer"])
def test_ranges_of_shots(method, noise, cuts):
    if method == "stabilizer" and noise is KRAUS:
        noise = PAULI
    circuits = [measured(4, "a"), measured(6, "b")]
    whole = local(circuits, memory=True, noise=noise, method=method)
    check_same(whole, split_by_shots(circuits, cuts, memory=True, noise=noise, method=method), in_order=False)
    # Keys come in the order that Aer gives with as many threads as there are ranges.
    if cuts == (0, 12, 24):
        whole = local(circuits, noise=noise, method=method, threads=2)
        if whole["results"][0]["metadata"]["parallel_shots"] == 2:
            check_same(whole, split_by_shots(circuits, cuts, noise=noise, method=method))


def test_several_experiments_in_ranges_of_shots():
    circuits = [measured(3, "a"), measured(2, "b")]
    experiments = [QobjExperiment(circuit) for circuit in circuits]
    parts = [run_part(experiments, 0, o, 8, 3, memory=True) for o in (16, 0, 8)]
    got = merged(parts, [circuit.metadata for circuit in circuits])
    check_same(local(circuits, memory=True), got, in_order=False)


OPERATOR = SparsePauliOp.from_list([("ZZ", 0.5), ("XI", 0.25)])
SINGLE, AVERAGE, PERSHOT = ("pershot", "conditional"), ("pershot", "conditional", "unnormalized"), ("pershot",)
SAVES = {
    "save_state": ((), SINGLE, ["statevector", "density_matrix", "stabilizer", "matrix_product_state"]),
    "save_statevector": ((), SINGLE, ["statevector", "matrix_product_state", "extended_stabilizer"]),
    "save_statevector_dict": ((), SINGLE, ["statevector"]),
    "save_density_matrix": (([1],), AVERAGE, ["statevector", "density_matrix", "matrix_product_state"]),
    "save_expectation_value": ((OPERATOR, [0, 1]), AVERAGE, ["statevector", "density_matrix", "stabilizer"]),
    "save_expectation_value_variance": ((OPERATOR, [0, 1]), AVERAGE, ["statevector"]),
    "save_probabilities": ((), AVERAGE, ["statevector", "stabilizer", "matrix_product_state"]),
    "save_probabilities_dict": ((), AVERAGE, ["statevector", "stabilizer"]),
    "save_amplitudes": (([0, 3],), SINGLE, ["statevector", "matrix_product_state"]),
    "save_amplitudes_squared": (([0, 3],), AVERAGE, ["statevector", "stabilizer"]),
    "save_stabilizer": ((), SINGLE, ["stabilizer"]),
    "save_clifford": ((), PERSHOT, ["stabilizer"]),
    "save_matrix_product_state": ((), SINGLE, ["matrix_product_state"]),
    "save_unitary": ((), PERSHOT, ["unitary"]),
    "save_superop": ((), PERSHOT, ["superop"]),
}


@pytest.mark.parametrize("name", SAVES)
def test_saves_in_ranges_of_shots_come_back_exactly_or_are_refused(name):
    arguments, flags, methods = SAVES[name]
    for method, values in itertools.product(methods, itertools.product([False, True], repeat=len(flags))):
        circuit = QuantumCircuit(2, 2)
        circuit.h([0, 1])
        circuit.cx(0, 1)
        if method not in ("unitary", "superop"):
            circuit.measure([0, 1], [0, 1])
            circuit.h(0)
        getattr(circuit, name)(*arguments, label="saved", **dict(zip(flags, values, strict=True)))
        if method not in ("unitary", "superop"):
            circuit.measure([0, 1], [0, 1])
        whole = local([circuit], memory=True, method=method)
        (result,) = whole["results"]
        subtype = result["metadata"]["result_subtypes"]["saved"]
        if result["metadata"]["measure_sampling"]:
            with pytest.raises(JobError, match="one state"):
                split_by_shots([circuit], (0, 10, 24), memory=True, method=method)
        elif subtype in MERGEABLE_SUBTYPES:
            got = split_by_shots([circuit], (0, 10, 24), memory=True, method=method)
            check_same(whole, got, in_order=False)
        else:
            assert subtype in ("accum", "c_accum", "average", "c_average")
            with pytest.raises(JobError, match=f"'saved' of experiment 0 of job job is saved as '{subtype}'"):
                split_by_shots([circuit], (0, 10, 24), memory=True, method=method)


@pytest.mark.parametrize("conditional", [False, True])
def test_a_single_save_is_that_of_the_last_shot(conditional):
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure(0, 0)
    circuit.measure(1, 1)
    circuit.rx(0.4, 0)
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.save_statevector(label="last", conditional=conditional)
    whole = local([circuit], memory=True, method="statevector")
    saved, outcomes = whole["results"][0]["data"]["last"], whole["results"][0]["data"]["memory"]
    assert len(saved if conditional else set(outcomes)) == 4
    for cut in range(1, 24):
        got = split_by_shots([circuit], (0, cut, 24), memory=True, method="statevector")
        check_same(whole, got, in_order=False)
    assert len(set(outcomes[:23])) == 4  # so some first range ended in another state


def test_sums_of_ranges_round_otherwise():
    """Why accum is not mergeable: Aer's own sum over two threads is not its sum over one."""
    circuit = measured(2)
    circuit.rx(0.3, 0)
    circuit.save_expectation_value(OPERATOR, [0, 1], label="sum", unnormalized=True)
    sums = []
    for offset in (0, 500):
        _, output = run_part([QobjExperiment(circuit)], 0, offset, 500, 2, noise=KRAUS, method="statevector")
        sums.append(output["results"][0]["data"]["sum"])
    whole = local([circuit], shots=1000, noise=KRAUS, method="statevector")["results"][0]["data"]["sum"]
    assert sum(sums) == pytest.approx(whole)
    assert sum(sums) != whole
    assert not MERGEABLE_SUBTYPES & {"accum", "c_accum", "average", "c_average"}


def test_saves_that_only_some_shots_reach():
    circuit = QuantumCircuit(3, 3)
    circuit.h([0, 1, 2])
    circuit.measure([0, 1, 2], [0, 1, 2])
    with circuit.if_test((circuit.clbits[0], 1)), circuit.if_test((circuit.clbits[1], 1)):
        circuit.save_statevector(label="both", pershot=True, conditional=True)
        circuit.save_expectation_value(OPERATOR, [0, 1], label="value", pershot=True)
    circuit.save_statevector(label="last", conditional=True)
    circuit.h([0, 1, 2])
    circuit.measure([0, 1, 2], [0, 1, 2])
    whole = local([circuit], memory=True, method="statevector")
    got = split_by_shots([circuit], (0, *range(1, 24, 2), 24), memory=True, method="statevector")
    assert 0 < len(whole["results"][0]["data"]["value"]) < 24
    check_same(whole, got, in_order=False)
    assert list(got["results"][0]["data"])[-2:] == ["memory", "counts"]


def test_parameter_bindings_spread_over_tasks():
    theta = Parameter("θ")
    circuit = QuantumCircuit(2, 2, metadata={"a": 1})
    circuit.rx(theta, 0)
    circuit.measure([0, 1], [0, 1])
    plain = measured(3, "plain")
    values = [0.1, 0.7, 1.3, 2.9, 3.1]
    whole = local([circuit, plain], [{theta: values}, {}], memory=True)
    parts = [
        run_part([QobjExperiment(circuit, {theta: values[:2]})], 0, 0, 24, 3, memory=True),
        run_part([QobjExperiment(circuit, {theta: values[2:]}), QobjExperiment(plain)], 2, 0, 24, 3, memory=True),
    ]
    got = merged(parts, [circuit.metadata] * 5 + [plain.metadata])
    check_same(whole, got)
    assert len(got["results"]) == 6


def wide(name, qubits=25):
    circuit = QuantumCircuit(qubits, qubits, name=name, metadata={"name": name})
    circuit.h(range(qubits))
    circuit.t(range(qubits))
    circuit.measure(range(qubits), range(qubits))
    return circuit


SMALL_MEMORY = {"method": "statevector", "max_memory_mb": 64}


@pytest.mark.parametrize("size", [1, 2, 4])
def test_partial_failure_reads_as_the_local_one(size):
    circuits = [measured(3, "a"), wide("big"), measured(2, "b"), wide("bigger", 26)]
    whole = local(circuits, **SMALL_MEMORY)
    got = split_by_experiments(circuits, size, **SMALL_MEMORY)
    check_same(whole, got)
    assert got["status"] == "PARTIAL COMPLETED"
    assert [result["success"] for result in got["results"]] == [True, False, True, False]
    failed = to_result(got).results[1]
    assert not hasattr(failed, "header")
    assert failed.circ_id == 1
    assert failed.shots == 0
    assert "run circuit big using" in failed.status
    assert to_result(got).to_dict().keys() == AerSimulator._format_results(whole).to_dict().keys()


@pytest.mark.parametrize("size", [1, 2, 3])
def test_when_all_fail_the_status_lists_all(size):
    circuits = [wide("a"), wide("b", 26), wide("c")]
    whole = local(circuits, **SMALL_MEMORY)
    assert "[Experiment 2] Insufficient memory to run circuit c" in whole["status"]
    check_same(whole, split_by_experiments(circuits, size, **SMALL_MEMORY))


def test_aers_own_message_before_all_others_is_kept():
    circuits = [wide("a"), wide("b", 26)]
    options = {"max_parallel_experiments": 2, **SMALL_MEMORY}
    whole = local(circuits, threads=2, **options)
    got = split_by_experiments(circuits, 2, max_parallel_threads=2, **options)
    check_same(whole, got)
    if "a circuit requires" not in whole["status"]:
        pytest.skip("this machine gives Aer one thread")
    assert got["status"].startswith("ERROR: a circuit requires more memory than max_memory_mb. [Experiment 0] Insuff")


def test_a_failed_binding_names_its_circuit():
    theta = Parameter("θ")
    circuit = wide("sweep")
    circuit.rx(theta, 0)
    circuit.measure(0, 0)
    circuits, binds = [measured(2, "a"), circuit, wide("c")], [{}, {theta: [0.1, 0.2]}, {}]
    whole = local(circuits, binds, **SMALL_MEMORY)
    parts = [run_part([QobjExperiment(circuits[0])], 0, 0, 24, 25, **SMALL_MEMORY)]
    parts += [
        run_part([QobjExperiment(circuit, {theta: [value]})], i, 0, 24, 25, **SMALL_MEMORY)
        for i, value in ((1, 0.1), (2, 0.2))
    ]
    parts.append(run_part([QobjExperiment(circuits[2])], 3, 0, 24, 25, **SMALL_MEMORY))
    got = merged(parts, [None] * 4, circuits=[0, 1, 1, 2])
    got["results"][0]["header"]["metadata"] = circuits[0].metadata
    check_same(whole, got)
    assert [result.get("circ_id") for result in got["results"]] == [None, 1, 1, 2]


def test_a_range_that_fails_fails_its_experiment():
    parts = [fake(0, 10), fake(10, 10, failed="no memory"), fake(20, 10)]
    got = merged(parts, [None])
    assert got["results"][0]["success"] is False
    assert got["results"][0]["status"] == "ERROR: no memory"
    assert got["status"] == "ERROR:  [Experiment 0] no memory"


def test_circuits_that_cannot_be_loaded():
    """Aer loads all circuits first: if it cannot, a batch has no results at all."""
    broken = {"results": [], "success": False, "status": "ERROR: Failed to load circuits: reason", "metadata": {}}
    parts = [fake(0, 10), (Share(1, 1, 0, 10, SEED), broken)]
    got = merged(parts, [None, None])
    assert (got["results"], got["success"]) == ([], False)
    assert got["status"] == "ERROR: Failed to load circuits: reason"
    assert to_result(got).results == []


def fake(offset, shots, failed=None, first=0, **metadata):
    """An output with one result, as from a task that ran a range of shots."""
    result = {"shots": 0 if failed else shots, "seed_simulator": SEED + offset, "data": {}, "time_taken": 0.5}
    result |= {"success": not failed, "status": f"ERROR: {failed}" if failed else "DONE"}
    result["metadata"] = {"method": "statevector", "measure_sampling": False, "time_taken": 0.5, **metadata}
    if not failed:
        result["data"] = {"memory": ["0x0"] * shots, "counts": {"0x0": shots}}
        result["header"] = {"name": "c", "metadata": {}}
    output = {"qobj_id": "", "date": f"2026-11-21T00:00:{offset:02}", "results": [result], "success": not failed}
    output |= {"metadata": {"time_taken_execute": 1.0, "max_memory_mb": 10 + offset}, "time_taken": 2.0}
    return Share(first, 1, offset, shots, SEED), output


def test_times_are_added_up_and_the_date_is_the_last():
    got = merged([fake(10, 5), fake(0, 10)], [None])
    assert got["time_taken"] == 4.0
    assert got["results"][0]["time_taken"] == got["results"][0]["metadata"]["time_taken"] == 1.0
    assert got["metadata"] == {"time_taken_execute": 2.0, "max_memory_mb": 10}
    assert got["date"] == "2026-11-21T00:00:10"
    assert got["results"][0]["shots"] == 15
    assert got["results"][0]["seed_simulator"] == SEED


def test_the_users_metadata_objects_come_back_themselves():
    class Anything:
        """Neither copied nor compared nor asked for its truth."""

        def __copy__(self):
            raise AssertionError

        __deepcopy__ = __eq__ = __bool__ = __len__ = __copy__
        __hash__ = None

    objects = [{"object": Anything()}, {"object": Anything()}, Anything(), None]
    parts = [fake(0, 5), fake(0, 5, first=1), fake(5, 5, first=1), fake(0, 5, first=2), fake(0, 5, "no", first=3)]
    got = merged(parts, objects)
    for index in range(3):
        assert got["results"][index]["header"]["metadata"] is objects[index]
        assert to_result(got).results[index].header["metadata"] is objects[index]
    assert "header" not in got["results"][3]


def test_the_outputs_of_the_tasks_stay_as_they_are():
    circuit = measured(2)
    circuit.save_statevector(pershot=True)
    circuit.measure_all(add_bits=False)
    parts = [run_part([QobjExperiment(circuit)], 0, o, 12, 2, memory=True) for o in (0, 12)]
    before = [encode_output(output) for _, output in parts]
    for chosen in (parts, parts[:1]):
        to_result(merged(chosen, [{"a": 1}]))
    assert [encode_output(output) for _, output in parts] == before
    output = merged(parts, [{"a": 1}])
    first, second = to_result(output), to_result(output)  # a result may be asked for twice
    assert len(first.data()["statevector"]) == len(second.data()["statevector"]) == 24


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "has no results to merge"),
        ([fake(0, 10), fake(5, 10)], "shot 5 of experiment 0 of job job was run by two tasks"),
        ([fake(0, 10), fake(0, 10)], "shot 0 of experiment 0 of job job was run by two tasks"),
        ([fake(0, 10, first=1)], "gave 1 results for 1 experiments from experiment 1 on, and the job has 1"),
        ([(Share(0, 2, 0, 10, SEED), fake(0, 10)[1])], "gave 1 results for 2 experiments"),
        ([fake(0, 5), fake(5, 5, method="stabilizer")], r"different methods \(stabilizer, statevector\)"),
        ([fake(0, 5, measure_sampling=True), fake(5, 5)], "draws all of them from one state"),
        ([fake(0, 5), fake(5, 5, shot_branching_enabled=True)], "shot branching"),
    ],
)
def test_what_cannot_be_merged_exactly_is_refused(parts, reason):
    with pytest.raises(JobError, match=reason):
        merged(parts, [None])


def test_a_missing_experiment_is_noticed():
    with pytest.raises(JobError, match="no task of job job ran experiment 1"):
        merged([fake(0, 10), fake(0, 10, first=2)], [None, None, None])


@pytest.mark.parametrize(
    ("label", "subtype", "save_type", "values", "reason"),
    [
        ("x", "list", "save_statevector", [np.ones(2), np.ones(2)], "more than one way under one label"),
        ("x", "list", "save_statevector", [[1], {"0x0": [1]}], "more than one way under one label"),
        ("x", "c_list", "save_statevector", [{"0x0": [1]}, [1]], "more than one way under one label"),
        ("x", None, None, [1, 1], "is saved as None"),
        ("counts", "list", "save_statevector", [[1], [1]], "'counts' of experiment 0"),
    ],
)
def test_odd_labels_are_refused(label, subtype, save_type, values, reason):
    types = {"result_subtypes": {label: subtype}, "result_types": {label: save_type}} if subtype else {}
    parts = [fake(0, 5, **types), fake(5, 5, **types)]
    for (_, output), value in zip(parts, values, strict=True):
        output["results"][0]["data"][label] = value
    with pytest.raises(JobError, match=reason):
        merged(parts, [None])


@pytest.mark.parametrize(
    ("save", "method", "expected"),
    [
        ("save_statevector", "statevector", compatibility.Statevector),
        ("save_density_matrix", "density_matrix", compatibility.DensityMatrix),
        ("save_unitary", "unitary", compatibility.Operator),
        ("save_superop", "superop", compatibility.SuperOp),
        ("save_stabilizer", "stabilizer", compatibility.StabilizerState),
        ("save_clifford", "stabilizer", Clifford),
        ("save_probabilities", "statevector", np.ndarray),
        ("save_matrix_product_state", "matrix_product_state", tuple),
    ],
)
def test_saved_data_comes_back_in_aers_own_classes(save, method, expected):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    getattr(circuit, save)(label="saved")
    result = to_result(split_by_experiments([circuit, circuit], 1, method=method))
    assert isinstance(result, Result)
    whole = AerSimulator._format_results(local([circuit, circuit], method=method))
    for index in range(2):
        assert type(result.data(index)["saved"]) is type(whole.data(index)["saved"]) is expected


def test_counts_and_memory_through_the_result():
    circuits = [measured(2, "a"), measured(3, "b")]
    result = to_result(split_by_shots(circuits, (0, 9, 24), memory=True))
    whole = AerSimulator().run(circuits, shots=24, seed_simulator=SEED, memory=True).result()
    assert result.get_counts() == whole.get_counts()
    assert [result.get_memory(i) for i in range(2)] == [whole.get_memory(i) for i in range(2)]
    assert result.success is True
    assert result.status == "COMPLETED"
