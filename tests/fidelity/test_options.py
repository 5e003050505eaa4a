"""Every option of Aer's that a user may set, each with a value that is not its default."""

import pytest
from generator.compare import differences, told
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from aerq.jobs import AerqSimulator
from aerq.jobs.operator_options import OPERATOR_OPTIONS, Policy
from aerq.jobs.options import OWN_OPTIONS, known_options

pytestmark = pytest.mark.fidelity

STABILIZER = {"method": "stabilizer"}
EXTENDED = {"method": "extended_stabilizer", "shots": 20}
MPS = {"method": "matrix_product_state"}


def noise():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), ["h", "s"])
    return model


#: For each option a value, and what has to be set for it to matter.
VALUES = {
    "shots": (77, {}),
    "method": ("density_matrix", {}),
    "device": ("CPU", {}),
    "precision": ("single", {}),
    "memory": (True, {}),
    "noise_model": (noise(), {}),
    "seed_simulator": (0, {}),
    "enable_truncation": (False, {}),
    "zero_threshold": (1e-3, {}),
    "validation_threshold": (1, {}),
    "chop_threshold": (1e-3, MPS),
    "max_parallel_threads": (1, {}),
    "max_parallel_experiments": (2, {}),
    "max_parallel_shots": (2, {"noise_model": noise()}),
    "max_memory_mb": (512, {}),
    "fusion_enable": (False, {}),
    "fusion_verbose": (True, {"fusion_threshold": 1}),
    "fusion_max_qubit": (2, {"fusion_threshold": 1}),
    "fusion_threshold": (1, {}),
    "fusion_parallelization_threshold": (1, {"fusion_threshold": 1}),
    "batched_shots_gpu_max_qubits": (3, {}),
    "shot_branching_enable": (True, {}),
    "shot_branching_sampling_enable": (True, {"shot_branching_enable": True}),
    "statevector_parallel_threshold": (1, {}),
    "statevector_sample_measure_opt": (1, {}),
    "stabilizer_max_snapshot_probabilities": (3, STABILIZER),
    "extended_stabilizer_sampling_method": ("norm_estimation", EXTENDED),
    "extended_stabilizer_metropolis_mixing_time": (50, EXTENDED),
    "extended_stabilizer_approximation_error": (0.2, EXTENDED),
    "extended_stabilizer_norm_estimation_samples": (10, EXTENDED),
    "extended_stabilizer_norm_estimation_repetitions": (1, EXTENDED),
    "extended_stabilizer_parallel_threshold": (1, EXTENDED),
    "extended_stabilizer_probabilities_snapshot_samples": (10, EXTENDED),
    "matrix_product_state_truncation_threshold": (1e-2, MPS),
    "matrix_product_state_max_bond_dimension": (1, MPS),
    "mps_sample_measure_algorithm": ("mps_probabilities", MPS),
    "mps_swap_direction": ("mps_swap_right", MPS),
    "mps_parallel_threshold": (1, MPS),
    "mps_omp_threads": (2, MPS),
    "mps_lapack": (True, MPS),
    "tensor_network_num_sampling_qubits": (3, {}),
    "use_cuTensorNet_autotuning": (True, {}),
    "runtime_parameter_bind_enable": (True, {}),
}


def circuit():
    built = QuantumCircuit(4, 4, name="all options")
    built.h(0)
    for qubit in range(3):
        built.s(qubit)
        built.cx(qubit, qubit + 1)
        built.h(qubit + 1)
    built.measure(range(4), range(4))
    return built


def test_no_option_is_forgotten():
    """What is not run here is refused, or aerq's own."""
    refused = {name for name, option in OPERATOR_OPTIONS.items() if option.policy is Policy.REFUSED}
    assert known_options() - VALUES.keys() == (refused - VALUES.keys()) | {*OWN_OPTIONS, "parameterizations"}


def test_every_option_of_aer(cluster):
    backend, jobs = AerqSimulator(settings=cluster.settings), {}
    for name, (value, others) in VALUES.items():
        options = {"shots": 60, "seed_simulator": 5, "memory": True, "max_parallel_threads": 1, **others, name: value}
        jobs[name] = (options, backend.run([circuit(), circuit()], **options))
    wrong = []
    for name, (options, job) in jobs.items():
        local = AerSimulator().run([circuit(), circuit()], **options).result()
        assert local.success, name
        wrong += [f"{name}: {text}" for text in differences(told(job.result(timeout=100)), told(local))]
    assert wrong == []
