import math
import pickle
import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.providers.options import Options
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from aerq.jobs.errors import QobjValidationError
from aerq.jobs.operator_options import OPERATOR_OPTIONS, Policy
from aerq.jobs.options import OWN_OPTIONS, RunOptions, known_options, resolve_options


class Pool:
    def submit(self, fn, *args):
        raise AssertionError("never called")


def our_defaults() -> Options:
    options = AerSimulator._default_options()
    options.update_options(max_job_size=1, job_tags=None, time_limit_seconds=None, independent_streams=False)
    return options


def resolve(**run_options) -> RunOptions:
    return resolve_options(our_defaults(), run_options)


@pytest.fixture
def noise():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    return model


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


class TestDefaults:
    def test_are_aers_with_one_experiment_a_task(self):
        options = resolve()
        assert (options.shots, options.memory, options.method, options.noise_model) == (1024, False, "automatic", None)
        assert (options.max_job_size, options.max_shot_size, options.job_tags) == (1, None, ())
        assert options.executor is None
        assert options.time_limit_seconds is None
        assert options.independent_streams is False

    def test_shots_that_a_backend_has_as_none_are_those_of_aers_kernel(self):
        backend = AerSimulator()
        backend.options.update_options(shots=None)
        assert resolve_options(backend.options, {}).shots == 1024
        assert sum(backend.run(bell()).result().get_counts().values()) == 1024

    def test_true_is_a_number_of_shots_as_for_aer(self):
        options = resolve(shots=True, seed_simulator=True)
        assert (type(options.shots), options.shots) == (int, 1)
        assert (type(options.seed_simulator), options.seed_simulator) == (int, 1)
        assert AerSimulator().run(bell(), shots=True, seed_simulator=True).result().results[0].shots == 1

    def test_every_default_of_aer_that_is_not_none_travels(self):
        settled = {"shots", "memory", "method", "noise_model", "seed_simulator", *OWN_OPTIONS}
        expected = {
            name: value
            for name, value in AerSimulator._default_options().items()
            if value is not None and name not in settled
        }
        assert resolve().aer == expected

    def test_plain_options_of_aer_have_no_task_size(self):
        assert resolve_options(AerSimulator._default_options(), {}).max_job_size is None

    def test_kernel_options_carry_method_and_memory(self):
        kernel = resolve(method="stabilizer", memory=True).kernel_options()
        assert (kernel["method"], kernel["memory"]) == ("stabilizer", True)
        assert "shots" not in kernel
        assert "noise_model" not in kernel


class TestOverriding:
    def test_run_options_win_and_leave_the_backend_alone(self):
        backend = AerSimulator(shots=7, method="statevector")
        before = dict(backend.options.items())
        options = resolve_options(backend.options, {"shots": 9, "precision": "single"})
        assert (options.shots, options.method, options.aer["precision"]) == (9, "statevector", "single")
        assert dict(backend.options.items()) == before

    def test_none_leaves_the_backends_option_in_force(self):
        backend = AerSimulator(shots=7, seed_simulator=5, fusion_max_qubit=3)
        options = resolve_options(backend.options, {"shots": None, "seed_simulator": None, "fusion_max_qubit": None})
        assert (options.shots, options.seed_simulator, options.aer["fusion_max_qubit"]) == (7, 5, 3)

    def test_none_takes_the_backends_noise_away_as_in_aer(self, noise):
        backend = AerSimulator(noise_model=noise, seed_simulator=1)
        assert resolve_options(backend.options, {"noise_model": None}).noise_model is None
        assert resolve_options(backend.options, {}).noise_model is noise
        local = backend.run(bell(), noise_model=None).result()
        assert local.results[0].metadata["noise"] == "ideal"

    def test_none_is_a_value_for_our_own_options(self):
        backend = our_defaults()
        backend.update_options(max_shot_size=10)
        options = resolve_options(backend, {"max_job_size": None, "max_shot_size": None})
        assert (options.max_job_size, options.max_shot_size) == (None, None)

    def test_false_noise_is_no_noise_as_in_aer(self):
        assert resolve(noise_model=False).noise_model is None

    def test_a_later_change_of_the_backend_is_not_seen(self):
        backend = AerSimulator(shots=7)
        options = resolve_options(backend.options, {})
        backend.set_options(shots=8, precision="single")
        assert (options.shots, options.aer["precision"]) == (7, "double")


class TestSeeds:
    def test_zero_is_a_seed(self):
        assert resolve(seed_simulator=0).seed_simulator == 0

    def test_without_one_32_bits_are_drawn(self):
        drawn = {resolve().seed_simulator for _ in range(20)}
        assert len(drawn) > 15
        assert all(0 <= seed < 2**32 for seed in drawn)

    @pytest.mark.parametrize("seed", [-1, 2**63 - 1, -(2**63)])
    def test_aers_whole_range_is_taken(self, seed):
        assert resolve(seed_simulator=seed).seed_simulator == seed

    @pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, np.uint64(2**63)])
    def test_outside_of_it_is_refused(self, seed):
        with pytest.raises(QobjValidationError, match="seed_simulator"):
            resolve(seed_simulator=seed)


class TestValues:
    @pytest.mark.parametrize(
        ("name", "value", "plain"),
        [
            ("shots", np.int32(5), 5),
            ("shots", 0, 0),
            ("seed_simulator", np.int64(7), 7),
            ("memory", np.bool_(True), True),
            ("matrix_product_state_truncation_threshold", np.float32(0.5), 0.5),
            ("precision", np.str_("single"), "single"),
            ("max_job_size", np.int64(3), 3),
            ("max_job_size", "auto", "auto"),
            ("max_shot_size", np.int64(3), 3),
            ("job_tags", ["a", "b"], ("a", "b")),
            ("time_limit_seconds", np.float64(1.5), 1.5),
            ("independent_streams", np.bool_(True), True),
        ],
    )
    def test_become_plain_python(self, name, value, plain):
        options = resolve(**{name: value})
        found = getattr(options, name) if hasattr(options, name) else options.aer[name]
        assert found == plain
        assert type(found) is type(plain)

    def test_are_cast_and_warned_about_as_in_aer(self):
        with pytest.warns(DeprecationWarning, match="shots"):
            options = resolve(shots=5.7)
        assert options.shots == 5

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("shots", -5),
            ("shots", "many"),
            ("method", "bogus"),
            ("method", "tensor_network"),
            ("method", 3),
            ("precision", "half"),
            ("noise_model", "noisy"),
            ("fusion_max_qubit", -1),
            ("max_parallel_threads", -1),
            ("max_job_size", 0),
            ("max_job_size", "all"),
            ("max_job_size", True),
            ("max_job_size", 1.5),
            ("max_shot_size", 0),
            ("max_shot_size", "auto"),
            ("job_tags", "mine"),
            ("job_tags", [1]),
            ("time_limit_seconds", 0),
            ("time_limit_seconds", math.inf),
            ("time_limit_seconds", math.nan),
            ("time_limit_seconds", True),
            ("independent_streams", 1),
            ("executor", object()),
            ("parameterizations", [[((0, 0), [1.0])]]),
        ],
    )
    def test_that_cannot_run_are_refused_by_name(self, name, value):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            with pytest.raises(QobjValidationError, match=name):
                resolve(**{name: value})

    def test_an_executor_needs_submit_only(self):
        pool = Pool()
        assert resolve(executor=pool).executor is pool


class TestNames:
    @pytest.mark.parametrize(("name", "near"), [("shotz", "shots"), ("max_jobsize", "max_job_size")])
    def test_unknown_ones_are_refused_with_the_nearest(self, name, near):
        with pytest.raises(QobjValidationError, match=f"'{name}'.*'{near}'"):
            resolve(**{name: 3})

    @pytest.mark.parametrize(
        ("name", "end"),
        [
            ("optimization_level", "; it is one of qiskit.transpile(), which makes the circuits that run() is given"),
            ("initial_layout", "; it is one of qiskit.transpile(), which makes the circuits that run() is given"),
            ("zzzzz", ""),
        ],
    )
    def test_no_name_is_offered_where_none_is_near(self, name, end):
        with pytest.raises(QobjValidationError) as caught:
            resolve(**{name: 3})
        assert str(caught.value) == f"there is no option {name!r}{end}"

    def test_unknown_ones_are_refused_even_if_none(self):
        with pytest.raises(QobjValidationError, match="shotz"):
            resolve(shotz=None)

    def test_what_aer_sets_itself_is_unknown(self):
        with pytest.raises(QobjValidationError, match="memory_slots"):
            resolve(memory_slots=4)

    def test_every_option_of_aer_is_known(self):
        assert set(AerSimulator._default_options()) <= known_options()
        assert {"fusion_parallelization_threshold", "target_gpus", *OWN_OPTIONS} <= known_options()

    def test_unknown_ones_in_the_backends_options_are_refused(self):
        backend = our_defaults()
        backend.update_options(shotz=3)
        with pytest.raises(QobjValidationError, match="shotz"):
            resolve_options(backend, {})


class TestOperator:
    @pytest.mark.parametrize("name", [n for n, o in OPERATOR_OPTIONS.items() if o.policy is Policy.CAPPED])
    def test_capped_options_travel(self, name):
        assert resolve(**{name: 2}).aer[name] == 2

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("device", "GPU"),
            ("target_gpus", [0]),
            ("cuStateVec_enable", True),
            ("batched_shots_gpu", True),
            ("num_threads_per_device", 4),
            ("mps_log_data", True),
            ("blocking_enable", True),
            ("blocking_qubits", 3),
            ("chunk_swap_buffer_qubits", 3),
            ("accept_distributed_results", True),
        ],
    )
    def test_refused_options_say_whose_they_are(self, name, value):
        with pytest.raises(QobjValidationError, match=f"{name}.*operator"):
            resolve(**{name: value})

    def test_every_refusal_is_in_the_table(self):
        assert set(OPERATOR_OPTIONS) <= known_options()

    def test_values_that_ask_for_nothing_pass(self):
        options = resolve(device="CPU", target_gpus=[], cuStateVec_enable=False, accept_distributed_results=False)
        assert options.aer["target_gpus"] == []


def test_survives_pickle(noise):
    options = resolve(noise_model=None, seed_simulator=3)
    assert pickle.loads(pickle.dumps(options)) == options


def test_aer_takes_what_was_resolved():
    options = resolve(seed_simulator=3, shots=np.int64(50), max_memory_mb=np.int32(64), memory=True)
    result = AerSimulator().run(bell(), shots=options.shots, seed_simulator=3, **options.kernel_options()).result()
    plain = AerSimulator().run(bell(), shots=50, seed_simulator=3, memory=True).result()
    assert result.get_memory() == plain.get_memory()
