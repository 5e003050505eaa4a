"""The kernel of `basic_simulator` gives what `BasicSimulator` gives, within its limits."""

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.result import Result

from aerq.tasks.basickernel import BasicKernel, BasicMemoryError, run_basic_qobj
from aerq.tasks.kernel import KernelLimits
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from aerq.tasks.wire.results import decode_output, encode_output


def qobj(*circuits, **options):
    header = QobjHeader(backend_name="basic_simulator", backend_version="0.1")
    return Qobj("a-job", header, QobjConfig(50, 3, options), tuple(QobjExperiment(circuit) for circuit in circuits))


def ghz(qubits):
    circuit = QuantumCircuit(qubits, metadata={"mine": 1})
    circuit.h(0)
    circuit.cx(0, range(1, qubits))
    circuit.measure_all()
    return circuit


def test_the_output_travels_and_is_basic_simulators():
    output = decode_output(encode_output(run_basic_qobj(qobj(ghz(2), ghz(3)), "another-id")))
    local = BasicSimulator().run([ghz(2), ghz(3)], shots=50, seed_simulator=3).result()
    assert output["job_id"] == "another-id"
    assert [result["data"] for result in output["results"]] == [result.data.to_dict() for result in local.results]
    assert [result["header"]["metadata"] for result in output["results"]] == [{}, {}]
    assert Result.from_dict(output).get_counts(1) == local.get_counts(1)


def test_a_circuit_that_does_not_fit_is_refused_with_its_name():
    kernel = BasicKernel(KernelLimits(memory_mb=1))
    circuit = ghz(16)
    circuit.name = "wide"
    with pytest.raises(BasicMemoryError, match=r"circuit 'wide' .* 16 qubits need 3 MiB and the slot has 1"):
        kernel.run(qobj(circuit))
    assert kernel.run(qobj(circuit, use_clifford_optimization=True))["success"]
    assert kernel.run(qobj(ghz(14)))["success"]
