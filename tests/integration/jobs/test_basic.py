"""`basic_simulator` on real workers: what a local `BasicSimulator` gives, and a job like any other."""

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import efficient_su2, quantum_volume
from qiskit.circuit.random import random_circuit
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import JobStatus
from qiskit.providers.basic_provider import BasicSimulator

from aerq.jobs import AerqProvider, BasicAerJob, JobCancelledError, JobError, JobTimeoutError
from aerq.jobs.basicsimulator import AerqBasicSimulator
from aerq.tasks.basickernel import run_basic_qobj
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader

TIMEOUT = 60


@pytest.fixture
def provider(cluster):
    return AerqProvider(cluster.settings)


@pytest.fixture
def basic(provider):
    return provider.get_backend("basic_simulator")


def bell(name="bell", metadata=None):
    circuit = QuantumCircuit(2, 2, name=name, metadata=metadata)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def endless():
    """More shots than anybody waits for; each is simulated anew because of the reset."""
    circuit = QuantumCircuit(10, 1, name="endless")
    circuit.h(range(10))
    circuit.reset(0)
    circuit.measure(0, 0)
    return circuit


def drawn(seed):
    """A circuit of everything the target has, with measurements in the middle for every other seed."""
    circuit = transpile(
        random_circuit(4, 6, measure=True, reset=seed % 2 == 1, seed=seed), BasicSimulator(), seed_transpiler=seed
    )
    circuit.global_phase = 0.1 * seed
    circuit.name = f"drawn_{seed}"
    return circuit


def assert_same(result, local):
    """Everything is equal that does not tell of clocks and ids."""
    ours, theirs = result.to_dict(), local.to_dict()
    assert ours.keys() == theirs.keys()
    for document in (ours, theirs):
        for key in ("job_id", "time_taken"):
            document.pop(key)
        for entry in document["results"]:
            assert entry.pop("time_taken") >= 0
    assert ours == theirs


@pytest.mark.parametrize("shots", [1, 200])
@pytest.mark.parametrize("memory", [True, False])
def test_it_gives_what_local_basic_simulator_gives(basic, shots, memory):
    volume = quantum_volume(3, seed=1)
    volume.measure_all()
    circuits = [*(drawn(seed) for seed in range(6)), transpile(volume, basic), bell(metadata={"mine": 1})]
    options = {"shots": shots, "memory": memory, "seed_simulator": 11}
    job = basic.run(circuits, **options)
    assert isinstance(job, BasicAerJob)
    assert_same(job.result(TIMEOUT), BasicSimulator().run(circuits, **options).result())
    assert job.result() is job.result()


@pytest.mark.parametrize(
    "options",
    [
        {"initial_statevector": np.array([0, 0.6, 0.8j, 0])},
        {"use_clifford_optimization": True},
        {"seed_simulator": 0},
        {},
    ],
)
def test_its_options_do_what_they_do_locally(basic, options):
    given = {"shots": 100, "seed_simulator": 5, **options}
    result = basic.run(bell(), **given).result(TIMEOUT)
    assert_same(result, BasicSimulator().run(bell(), **given).result())


def test_the_backends_own_options_hold(provider):
    backend = provider.get_backend("basic_simulator", shots=17, seed_simulator=3, memory=False)
    result = backend.run(bell()).result(TIMEOUT)
    assert_same(result, BasicSimulator().run(bell(), shots=17, seed_simulator=3, memory=False).result())


def test_an_unseeded_job_tells_its_seed(basic):
    result = basic.run(bell(), shots=64).result(TIMEOUT)
    again = BasicSimulator().run(bell(), shots=64, seed_simulator=result.results[0].seed_simulator).result()
    assert result.get_memory() == again.get_memory()


def test_metadata_objects_come_back_as_they_are(basic):
    thing = object()
    result = basic.run(bell(metadata={"thing": thing})).result(TIMEOUT)
    assert result.results[0].header["metadata"]["thing"] is thing


def test_it_is_listed_and_found_by_name(provider, basic):
    assert isinstance(basic, AerqBasicSimulator)
    assert [backend.name for backend in provider.backends("basic_simulator")] == ["basic_simulator"]
    assert "basic_simulator" in {backend.name for backend in provider.backends()}
    with pytest.raises(JobError, match="basic_simulator"):
        provider.get_backend("basis_simulator")


def test_a_transpiled_circuit_runs_and_one_that_is_not_is_refused(basic):
    circuit = efficient_su2(3, entanglement="full").assign_parameters(np.linspace(0, 3, 24))
    circuit.measure_all()
    boxed = QuantumCircuit(3, 3, name="boxed")
    boxed.append(circuit.remove_final_measurements(inplace=False).to_gate(label="ansatz"), range(3))
    boxed.measure(range(3), range(3))
    with pytest.raises(JobError, match="transpile it for this backend"):
        basic.run(boxed)
    ready = transpile(boxed, basic, seed_transpiler=1)
    assert_same(
        basic.run(ready, seed_simulator=2).result(TIMEOUT), BasicSimulator().run(ready, seed_simulator=2).result()
    )


def test_another_process_finds_the_job(cluster, basic):
    job = basic.run([bell("one"), bell("two", {"k": [1, 2]})], seed_simulator=9, shots=30, job_tags=["basic"])
    script = """
import json, sys
from aerq.config import Settings
from aerq.jobs import AerqProvider
job = AerqProvider().job(sys.argv[1])
result = job.result(60)
print(json.dumps([type(job).__name__, job.backend().name, job.job_tags, result.to_dict()["results"][1]["header"],
    result.get_counts("one"), result.get_memory(1), [e.circuit.name for e in job.qobj().experiments]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, job.job_id()],
        env=cluster.settings.to_environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    local = BasicSimulator().run([bell("one"), bell("two", {"k": [1, 2]})], seed_simulator=9, shots=30).result()
    assert json.loads(done.stdout) == [
        "BasicAerJob",
        "basic_simulator",
        ["basic"],
        json.loads(json.dumps(local.results[1].header)),
        local.get_counts("one"),
        local.get_memory(1),
        ["one", "two"],
    ]


def test_it_is_a_celery_task_of_its_own_name_with_metrics(provider, basic):
    job = basic.run(bell())
    job.result(TIMEOUT)
    assert job.async_result().get(timeout=TIMEOUT)
    metrics = job.metrics()
    assert (metrics["state"], metrics["attempts"]) == ("done", 1)
    assert metrics["seconds_kernel"] > 0
    assert job.status() is JobStatus.DONE
    assert job.error_messages() == {}
    assert job.job_id() in {found.job_id() for found in provider.jobs(limit=None, status="DONE")}


def test_cancel_stops_a_running_one(basic):
    job = basic.run(endless(), shots=10**9)
    while job.status() is JobStatus.QUEUED:
        with contextlib.suppress(JobTimeoutError):
            job.wait_for_final_state(timeout=0.1)
    assert job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(TIMEOUT)
    assert job.status() is JobStatus.CANCELLED
    assert basic.run(bell()).result(TIMEOUT).success  # the slot works again


def test_a_job_that_is_too_slow_for_its_limit_fails(basic):
    job = basic.run(endless(), shots=10**9, time_limit_seconds=1)
    with pytest.raises(JobError):
        job.result(TIMEOUT)
    assert job.status() is JobStatus.ERROR


def test_an_executor_of_the_users_own_runs_it(basic):
    with ThreadPoolExecutor(1) as pool:
        circuit = bell(metadata={"mine": 1})
        job = basic.run(circuit, seed_simulator=4, executor=pool)
        circuit.x(0)  # too late to matter
        assert_same(job.result(TIMEOUT), BasicSimulator().run(bell(metadata={"mine": 1}), seed_simulator=4).result())
        assert job.done()


def test_the_seeds_constructor_submits_and_refuses_a_second_time(basic):
    header = QobjHeader(backend_name=basic.name, backend_version=basic.backend_version)
    qobj = Qobj("", header, QobjConfig(10, 1, {"memory": True}), (QobjExperiment(bell()),))
    job = BasicAerJob(
        basic, f"basic-{np.random.default_rng().integers(2**40)}", run_basic_qobj, qobj, basic.celery_executor
    )
    with pytest.raises(JobError, match="has not been submitted"):
        job.status()
    job.submit()
    with pytest.raises(JobError, match="already been submitted"):
        job.submit()
    assert_same(job.result(TIMEOUT), BasicSimulator().run(bell(), shots=10, seed_simulator=1).result())


def test_qiskits_sampler_runs_on_it(basic):
    circuit = bell()
    found = BackendSamplerV2(backend=basic, options={"seed_simulator": 6}).run([circuit], shots=80).result()
    local = BackendSamplerV2(backend=BasicSimulator(), options={"seed_simulator": 6}).run([circuit], shots=80).result()
    assert found[0].data.c.get_counts() == local[0].data.c.get_counts()
