"""What a kernel is told: the user's options within the limits of the worker."""

import math

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from qiskit_aer.backends import aer_compiler

from aerq.tasks import kernel
from aerq.tasks.kernel import AerKernel, KernelLimits
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader

LIMITS = KernelLimits(threads=2, memory_mb=512)


def qobj(**options):
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    return Qobj("job", QobjHeader(), QobjConfig(10, 3, options), (QobjExperiment(circuit),))


@pytest.fixture
def seen(monkeypatch):
    """The configurations that Aer's kernel was given."""
    configs = []

    def generate(*args, **options):
        configs.append(aer_compiler.generate_aer_config(*args, **options))
        return configs[-1]

    monkeypatch.setattr(kernel, "generate_aer_config", generate)
    return configs


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        ("max_parallel_threads", 0, 2),
        ("max_parallel_threads", 1, 1),
        ("max_parallel_threads", 16, 2),
        ("mps_omp_threads", 1, 1),
        ("mps_omp_threads", 16, 2),
        ("max_memory_mb", -1, 512),
        ("max_memory_mb", 64, 64),
        ("max_memory_mb", 4096, 512),
    ],
)
def test_a_worker_has_limits_of_its_own(seen, name, asked, told):
    output = AerKernel(LIMITS).run(qobj(**{name: asked}))
    assert output["success"]
    assert getattr(seen[0], name) == told


def test_the_limits_hold_where_nothing_was_asked_for(seen):
    AerKernel(LIMITS).run(qobj())
    assert (seen[0].max_parallel_threads, seen[0].max_memory_mb) == (2, 512)


def test_without_limits_aer_has_what_was_asked_for(seen):
    AerKernel().run(qobj(mps_omp_threads=3, max_parallel_threads=1))
    assert (seen[0].mps_omp_threads, seen[0].max_parallel_threads) == (3, 1)


def test_tasks_that_share_options_share_what_aer_is_told_and_keep_their_own_seed_shots_and_width(seen):
    kernel, options = AerKernel(LIMITS), {"memory": True}
    for qubits, shots, seed in ((2, 40, 3), (4, 50, 11), (1, 30, 3), (3, 40, 3)):
        circuit = QuantumCircuit(qubits, qubits)
        circuit.h(range(qubits))
        circuit.measure(range(qubits), range(qubits))
        wide = QobjConfig(shots, seed, options, memory_slots=5)
        output = kernel.run(Qobj("job", QobjHeader(), wide, (QobjExperiment(circuit),)))
        local = AerSimulator().run(circuit, shots=shots, seed_simulator=seed, memory=True).result()
        assert output["results"][0]["data"]["memory"] == local.results[0].data.memory
        assert output["results"][0]["metadata"]["num_clbits"] == 5
        assert output["results"][0]["metadata"]["num_qubits"] == qubits
    assert len(seen) == 1


def test_bindings_of_one_task_are_not_those_of_the_next(seen):
    kernel, options = AerKernel(LIMITS), {}
    angle = Parameter("angle")
    turned = QuantumCircuit(1, 1)
    turned.rx(angle, 0)
    turned.measure(0, 0)
    experiments = [QobjExperiment(turned, {angle: [math.pi, 0.0]}), QobjExperiment(turned.assign_parameters([0.0]))]
    counts = [
        [result["data"]["counts"] for result in kernel.run(Qobj("job", QobjHeader(), config, (each,)))["results"]]
        for config in [QobjConfig(10, 3, options)]
        for each in (experiments[1], experiments[0], experiments[1])
    ]
    assert counts == [[{"0x0": 10}], [{"0x1": 10}, {"0x0": 10}], [{"0x0": 10}]]
    assert len(seen) == 1


def test_a_kernel_keeps_what_aer_is_told_for_a_few_options_only(seen):
    kernel = AerKernel(LIMITS)
    for _ in range(3 * 16):
        kernel.run(qobj())
    assert len(seen) == 3 * 16
    assert len(kernel._configs) == 16


@pytest.mark.parametrize("memory_mb", [17, 24, 31])
def test_no_shot_is_lost_where_memory_holds_one_state_and_not_two(each_shot, memory_mb):
    """Aer 0.18 gives no thread a shot there, and calls that a success."""
    experiments = (QobjExperiment(each_shot(20)), QobjExperiment(each_shot(3), circuit_index=1))
    config = QobjConfig(5, 11, {"method": "statevector"}, memory_slots=20, n_qubits=20)
    job = Qobj("job", QobjHeader(), config, experiments)
    expected = AerKernel().run(job)
    output = AerKernel(KernelLimits(threads=2, memory_mb=memory_mb)).run(job)
    assert [result["data"] for result in output["results"]] == [result["data"] for result in expected["results"]]
    assert sum(output["results"][0]["data"]["counts"].values()) == 5
    # and what the next task shares with it is what it was
    kernel_of_two = AerKernel(KernelLimits(threads=2, memory_mb=memory_mb))
    kernel_of_two.run(job)
    small = Qobj("job", QobjHeader(), config, experiments[1:])
    assert kernel_of_two.run(small)["results"][0]["metadata"]["parallel_shots"] == 2
