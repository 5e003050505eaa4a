"""What a kernel is told: the user's options within the limits of the worker."""

import pytest
from qiskit import QuantumCircuit
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
