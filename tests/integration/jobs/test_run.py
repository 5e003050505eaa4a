"""One whole path, `AerqSimulator.run` to `Result`: the same bits as local Aer for any number of workers."""

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import quantum_volume
from qiskit.providers import JobStatus
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)

from aerq.config import LocalCluster
from aerq.jobs import AerJob, AerJobSet, AerqProvider, AerqSimulator, QobjValidationError

TIMEOUT = 60


def volume(width, seed, name):
    circuit = quantum_volume(width, width, seed=seed)
    circuit.name = name
    circuit.measure_all()
    return circuit


def circuits(count=6):
    found = [volume(2 + i % 4, i, f"qv_{i}") for i in range(count)]
    return transpile(found, AerSimulator(), num_processes=1)


def noise_models():
    depolarizing = NoiseModel()
    depolarizing.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["h", "x", "sx"])
    depolarizing.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    pauli = NoiseModel()
    pauli.add_all_qubit_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), ["h", "x", "sx"])
    kraus = NoiseModel()
    kraus.add_all_qubit_quantum_error(amplitude_damping_error(0.1), ["h", "x"])
    kraus.add_quantum_error(Kraus(amplitude_damping_error(0.3)), ["h"], [0])
    thermal = NoiseModel()
    thermal.add_all_qubit_quantum_error(thermal_relaxation_error(50e3, 30e3, 1e3), ["h", "x"])
    readout = NoiseModel()
    readout.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    device = NoiseModel.from_backend(GenericBackendV2(5, seed=3))
    return {
        "depolarizing": depolarizing,
        "pauli": pauli,
        "kraus": kraus,
        "thermal": thermal,
        "readout": readout,
        "device": device,
    }


def noisy_circuits():
    found = []
    for width in (2, 3, 5):
        circuit = QuantumCircuit(width, name=f"ghz_{width}")
        circuit.h(0)
        circuit.x(width - 1)
        for qubit in range(width - 1):
            circuit.cx(qubit, qubit + 1)
        circuit.measure_all()
        found.append(circuit)
    return found


def assert_same(result, local):
    """Everything that does not tell of clocks and machines is equal."""
    assert result.success == local.success
    assert result.status == local.status
    assert len(result.results) == len(local.results)
    for mine, theirs in zip(result.results, local.results, strict=True):
        assert mine.status == theirs.status
        assert mine.shots == theirs.shots
        assert mine.seed_simulator == theirs.seed_simulator
        assert mine.header == theirs.header
        assert mine.data.to_dict() == theirs.data.to_dict()


@pytest.mark.parametrize("workers", [1, 3])
def test_promise_1_same_bits_for_any_number_of_workers(workers):
    with LocalCluster(workers=workers) as cluster:
        backend = AerqSimulator(settings=cluster.settings)
        job = backend.run(circuits(), shots=300, seed_simulator=11, memory=True)
        assert isinstance(job, AerJobSet)
        local = AerSimulator().run(circuits(), shots=300, seed_simulator=11, memory=True).result()
        assert_same(job.result(timeout=TIMEOUT), local)
        for name, model in noise_models().items():
            job = backend.run(noisy_circuits(), shots=200, seed_simulator=5, memory=True, noise_model=model)
            local = AerSimulator(noise_model=model).run(noisy_circuits(), shots=200, seed_simulator=5, memory=True)
            assert_same(job.result(timeout=TIMEOUT), local.result())
            assert job.status() is JobStatus.DONE, name


def test_every_experiment_is_a_celery_task_by_default(backend):
    job = backend.run(circuits(4), shots=10)
    assert len(job.worker_job()) == 4
    job.result(timeout=TIMEOUT)
    assert [task.async_result().state for task in job.worker_job()] == ["SUCCESS"] * 4
    assert job.group_result().successful()


def test_one_circuit_is_an_aerjob(backend):
    job = backend.run(circuits(1)[0], shots=10, seed_simulator=1)
    assert isinstance(job, AerJob)
    assert sum(job.result(timeout=TIMEOUT).get_counts().values()) == 10
    assert job.status() is JobStatus.DONE
    assert job.async_result().get(timeout=5)["success"]


@pytest.mark.parametrize("max_job_size", [1, 3, None, "auto"])
def test_parameter_binds_split_over_tasks_are_local_aers(backend, max_job_size):
    theta, phi = Parameter("θ"), Parameter("phase")
    first = QuantumCircuit(2, name="first", global_phase=phi)
    first.ry(theta, 0)
    first.cx(0, 1)
    first.save_statevector(label="before")
    first.measure_all()
    second = QuantumCircuit(1, name="second")
    second.rx(2 * theta, 0)
    second.measure_all()
    binds = [{theta: [0.1, 0.5, 1.0, 2.0], phi: [0.3, 0.6, 0.9, 1.2]}, {theta: [0.7, 1.4]}]
    options = {"shots": 100, "seed_simulator": 3, "memory": True}
    job = backend.run([first, second], parameter_binds=binds, max_job_size=max_job_size, **options)
    local = AerSimulator().run([first, second], parameter_binds=binds, **options).result()
    assert_same(job.result(timeout=TIMEOUT), local)


def test_users_metadata_objects_come_back_themselves(backend):
    marked = circuits(2)
    thing = object()
    marked[0].metadata = {"thing": thing, 5: [1, 2]}
    result = backend.run(marked, shots=5).result(timeout=TIMEOUT)
    assert result.results[0].header["metadata"] is marked[0].metadata
    assert result.results[0].header["metadata"]["thing"] is thing


def test_an_unseeded_job_tells_its_seed(backend):
    job = backend.run(circuits(3), shots=50)
    result = job.result(timeout=TIMEOUT)
    seed = result.results[0].seed_simulator
    local = AerSimulator().run(circuits(3), shots=50, seed_simulator=seed).result()
    assert result.get_counts() == local.get_counts()


def test_a_partial_failure_is_marked_as_aer_marks_it(backend, caplog):
    wide = QuantumCircuit(14, 14, name="wide")
    for qubit in range(14):
        wide.ry(0.1 * (qubit + 1), qubit)
    wide.measure(range(14), range(14))
    options = {"shots": 10, "seed_simulator": 1, "method": "density_matrix", "max_memory_mb": 64}
    both = [circuits(1)[0], wide]
    job = backend.run(both, **options)
    result = job.result(timeout=TIMEOUT)
    warned = [record.getMessage() for record in caplog.records if record.name.startswith("qiskit_aer")]
    caplog.clear()
    local = AerSimulator().run(both, **options).result()
    assert warned == [record.getMessage() for record in caplog.records if record.name.startswith("qiskit_aer")]
    assert warned == ["Simulation failed and returned the following error message:\nPARTIAL COMPLETED"]
    assert (result.success, result.status) == (local.success, local.status) == (False, "PARTIAL COMPLETED")
    assert result.get_counts(0) == local.get_counts(0)
    assert "Insufficient memory" in result.results[1].status
    assert job.status() is JobStatus.ERROR
    assert [job.status(0), job.status(1)] == [JobStatus.DONE, JobStatus.ERROR]
    assert list(job.error_messages()) == [1]


def test_another_process_could_pick_up_the_job(backend, cluster):
    job = backend.run(circuits(3), shots=20, seed_simulator=9, job_tags=["sweep"], time_limit_seconds=50)
    assert_same(job.result(timeout=TIMEOUT), AerSimulator().run(circuits(3), shots=20, seed_simulator=9).result())
    again = AerqProvider(cluster.settings).job(job.job_id())
    assert again.result(timeout=TIMEOUT).get_counts() == job.result(timeout=TIMEOUT).get_counts()
    assert again.job_tags == ["sweep"]
    assert job.job_id() in [found.job_id() for found in AerqProvider(cluster.settings).jobs(job_tags=["sweep"])]


def test_a_result_says_which_shots_were_not_split(backend, cluster):
    """And nothing else in it differs from the local result; also when the job is found again."""
    feedback = QuantumCircuit(2, 2, name="each shot on its own")
    feedback.h(0)
    feedback.measure(0, 0)
    feedback.reset(0)
    feedback.measure(0, 1)
    ideal = circuits(2)
    options = {"shots": 20, "seed_simulator": 9, "memory": True}
    job = backend.run([ideal[0], feedback, ideal[1]], max_shot_size=5, **options)
    text = "max_shot_size was not applied: all shots are drawn from one state, which each task would compute again"
    notes = [{"text": text, "experiments": [0, 2]}]
    result = job.result(timeout=TIMEOUT)
    assert len(job.worker_job()) == 6
    assert result.metadata["aerq"] == {"notes": notes}
    assert_same(result, AerSimulator().run([ideal[0], feedback, ideal[1]], **options).result())
    again = AerqProvider(cluster.settings).job(job.job_id())
    assert again.result(timeout=TIMEOUT).metadata["aerq"] == {"notes": notes}
    assert again.worker_results([1, 5]).metadata["aerq"] == {"notes": [{**notes[0], "experiments": [1]}]}
    assert again.worker_job(5).result().metadata["aerq"] == {"notes": [{**notes[0], "experiments": [0]}]}
    assert "aerq" not in again.worker_job(1).result().metadata
    assert "aerq" not in backend.run(ideal, **options).result(timeout=TIMEOUT).metadata


def test_a_local_run_that_aer_computes_wrongly_is_the_same_here_and_says_so(backend, cluster):
    noise_model = NoiseModel()
    noise_model.add_all_qubit_quantum_error(amplitude_damping_error(0.3), ["h", "id"])
    coin, wide = QuantumCircuit(1, 1), QuantumCircuit(6, 6)
    coin.sx(0)
    coin.id(0)
    coin.measure(0, 0)
    wide.h(range(6))
    wide.t(0)
    wide.measure(range(6), range(6))
    options = {"shots": 40, "seed_simulator": 7, "noise_model": noise_model}
    job = backend.run([wide, coin], **options)
    result = job.result(timeout=TIMEOUT)
    assert_same(result, AerSimulator().run([wide, coin], **options).result())
    assert result.get_counts(1) == {"0": 40}
    together, wrong = result.metadata["aerq"]["notes"]
    assert (together["experiments"], wrong["experiments"]) == ([0], [1])
    assert "wrongly" in wrong["text"]
    again = AerqProvider(cluster.settings).job(job.job_id())
    assert again.result(timeout=TIMEOUT).metadata["aerq"] == result.metadata["aerq"]


def test_a_refusal_sends_nothing(backend, cluster):
    before = len(AerqProvider(cluster.settings).jobs(limit=None))
    with pytest.raises(QobjValidationError, match=r"shot[sz]"):
        backend.run(circuits(2), shotz=5)
    untranspiled = QuantumCircuit(3, name="raw")
    untranspiled.append(QuantumCircuit(2, name="mygate").to_gate(), [0, 1])
    untranspiled.measure_all()
    with pytest.raises(QobjValidationError, match="mygate"):
        backend.run([circuits(1)[0], untranspiled])
    assert len(AerqProvider(cluster.settings).jobs(limit=None)) == before
