"""Both families of primitives on workers, and a backend that is one of Aer's own: from a device, copied, pickled."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from generator.compare import differences, told
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_aer.primitives import EstimatorV2, SamplerV2

from aerq.jobs import AerqProvider, AerqSimulator

pytestmark = pytest.mark.fidelity

SEED = 11
OPERATOR = SparsePauliOp(["ZZ", "XI", "IY"], [1.0, 0.5, -0.25])
METHODS = {
    "automatic": "h",
    "statevector": "t",
    "density_matrix": "t",
    "stabilizer": "s",
    "matrix_product_state": "t",
    "extended_stabilizer": "s",
    "unitary": "t",
    "superop": "t",
}


def bell():
    theta = Parameter("θ")
    circuit = QuantumCircuit(2, name="bell")
    circuit.ry(theta, 0)
    circuit.cx(0, 1)
    return circuit


def measured():
    circuit = bell()
    circuit.measure_all()
    return circuit


def noise():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), "cx")
    return model


def sampled(sampler):
    result = sampler.run([(measured(), [0.1, 0.7, 1.5]), (measured(), [2.5])], shots=200).result()
    return [(pub.data.meas.array.tobytes(), pub.data.meas.array.shape, pub.data.meas.num_bits) for pub in result]


def estimated(estimator):
    result = estimator.run([(bell(), OPERATOR, [0.1, 0.7, 1.5]), (bell(), [OPERATOR, "ZI"], [2.5])]).result()
    return [(pub.data.evs.tobytes(), np.asarray(pub.data.stds).tobytes(), pub.data.evs.shape) for pub in result]


#: Makes a primitive from a backend, and runs it.
PRIMITIVES = {
    "qiskit_aer.SamplerV2": (lambda backend: SamplerV2.from_backend(backend, seed=SEED), sampled),
    "qiskit_aer.EstimatorV2": (lambda backend: EstimatorV2.from_backend(backend), estimated),
    "qiskit_aer.EstimatorV2 with precision": (
        lambda backend: EstimatorV2.from_backend(
            backend, options={"default_precision": 0.05, "run_options": {"seed_simulator": SEED}}
        ),
        estimated,
    ),
    "qiskit.BackendSamplerV2": (
        lambda backend: BackendSamplerV2(backend=backend, options={"seed_simulator": SEED}),
        sampled,
    ),
    "qiskit.BackendEstimatorV2": (
        lambda backend: BackendEstimatorV2(backend=backend, options={"seed_simulator": SEED}),
        estimated,
    ),
}


@pytest.fixture
def no_local_aer(monkeypatch):
    """From here on nothing can run in this process."""

    def refuse(*args, **kwargs):
        raise AssertionError("a circuit was run in this process")

    for name in ("_execute_circuits", "_execute_circuits_job", "_run_circuits"):
        if hasattr(AerSimulator, name):
            monkeypatch.setattr(AerSimulator, name, refuse)
    return refuse


@pytest.mark.parametrize("noisy", [False, True], ids=["ideal", "noisy"])
@pytest.mark.parametrize("name", PRIMITIVES)
def test_primitives_run_on_workers(name, noisy, cluster, request):
    make, run = PRIMITIVES[name]
    options = {"seed_simulator": SEED, **({"noise_model": noise()} if noisy else {})}
    local = run(make(AerSimulator(**options)))
    request.getfixturevalue("no_local_aer")
    provider = AerqProvider(cluster.settings)
    before = {job.job_id() for job in provider.jobs(limit=None)}
    mine = run(make(AerqSimulator(settings=cluster.settings, **options)))
    new = [job for job in provider.jobs(limit=None) if job.job_id() not in before]
    assert new, "no job reached the cluster"
    assert mine == local


def test_the_spy_sees_a_local_run(no_local_aer):
    with pytest.raises(AssertionError, match="in this process"):
        sampled(SamplerV2.from_backend(AerSimulator(), seed=SEED))


def circuit_for(method):
    circuit = QuantumCircuit(3, name=f"for {method}")
    circuit.h(0)
    circuit.cx(0, 1)
    getattr(circuit, METHODS[method])(2)
    circuit.cx(1, 2)
    if method in ("unitary", "superop"):
        getattr(circuit, f"save_{method}")()
    else:
        circuit.measure_all()
    return circuit


def assert_runs_alike(backend, local, circuit, **options):
    options = {"shots": 150, "seed_simulator": 3, "memory": True, **options}
    mine = told(backend.run(circuit, **options).result(timeout=60))
    theirs = told(local.run(circuit, **options).result())
    assert theirs["success"]
    assert differences(mine, theirs) == []


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_and_precision(method, precision, cluster):
    options = {"method": method, "precision": precision}
    backend = AerqSimulator(settings=cluster.settings, **options)
    assert backend.options.method == method
    assert_runs_alike(backend, AerSimulator(**options), circuit_for(method))


def test_from_backend(cluster):
    device = GenericBackendV2(4, seed=8)
    backend, local = AerqSimulator.from_backend(device, settings=cluster.settings), AerSimulator.from_backend(device)
    assert type(backend) is AerqSimulator
    assert backend.settings == cluster.settings
    assert (backend.name, backend.num_qubits) == (local.name, local.num_qubits)
    assert backend.options.noise_model == local.options.noise_model
    assert sorted(backend.coupling_map.get_edges()) == sorted(local.coupling_map.get_edges())
    circuit = transpile(circuit_for("automatic"), backend, seed_transpiler=1)
    assert circuit == transpile(circuit_for("automatic"), local, seed_transpiler=1)
    assert_runs_alike(backend, local, circuit)


def rows(circuit):
    """Its instructions; how many idle qubits a circuit gets depends on the backend's memory."""
    places = {bit: place for place, bit in enumerate(circuit.qubits)}
    return [(row.name, row.params, [places[qubit] for qubit in row.qubits]) for row in circuit.data]


def test_transpiling_with_and_without_a_coupling_map(cluster):
    raw = QuantumCircuit(4, name="far apart")
    raw.h(0)
    for qubit in range(1, 4):
        raw.cx(0, qubit)
    raw.measure_all()
    backend, local = AerqSimulator(settings=cluster.settings), AerSimulator()
    anywhere = transpile(raw, backend, seed_transpiler=1)
    assert rows(anywhere) == rows(transpile(raw, local, seed_transpiler=1))
    assert backend.target.operation_names
    line = [[0, 1], [1, 2], [2, 3]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a backend has a coupling map of its own
        narrow = {"coupling_map": line, "basis_gates": ["u", "cx"], "seed_transpiler": 1}
        onto_line = transpile(raw, backend, **narrow)
        assert rows(onto_line) == rows(transpile(raw, local, **narrow))
    assert_runs_alike(backend, local, [anywhere, onto_line])


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda backend: pickle.loads(pickle.dumps(backend))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_of_a_backend(again, cluster):
    options = {"method": "density_matrix", "noise_model": noise()}
    backend = AerqSimulator(settings=cluster.settings, **options)
    other = again(backend)
    assert type(other) is AerqSimulator
    assert other.settings == cluster.settings
    assert other.options.method == "density_matrix"
    other.set_options(method="statevector")
    if again is not copy.copy:  # which shares its options, as with Aer's
        assert backend.options.method == "density_matrix"
    other.set_options(method="density_matrix")
    assert_runs_alike(other, AerSimulator(**options), circuit_for("density_matrix"))
