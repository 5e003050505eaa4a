"""Heavy outputs and their confidence interval, against numbers worked out by hand."""

import pytest
from qiskit.circuit import QuantumCircuit

from aerq.jobs.cli.quantum_volume import evaluate, heavy_fraction, heavy_outputs, model_circuits


def test_circuits_are_square_named_and_reproducible():
    first, second = model_circuits(3, 2, seed=5), model_circuits(3, 2, seed=5)
    assert [circuit.name for circuit in first] == ["qv_3_0", "qv_3_1"]
    assert first == second
    assert first[0] != first[1]
    assert {circuit.num_qubits for circuit in first} == {3}


def test_heavy_outputs_are_those_above_the_median():
    circuit = QuantumCircuit(2)
    circuit.ry(1.0, 0)
    circuit.ry(2.0, 1)
    # qubit 0 is 1 with sin(0.5)^2 = 0.23, qubit 1 with sin(1)^2 = 0.71: 00 0.22, 01 0.07, 10 0.55, 11 0.16
    assert heavy_outputs(circuit) == {0b10, 0b00}


def test_heavy_fraction_counts_shots():
    assert heavy_fraction({"10": 30, "11": 30, "00": 40}, {2, 3}) == pytest.approx(0.6)
    assert heavy_fraction({"1 0": 1, "0 0": 1}, {2}) == pytest.approx(0.5)


def test_the_interval_is_two_sigma_of_the_circuits():
    result = evaluate(4, [0.8] * 100)
    assert result.probability == pytest.approx(0.8)
    assert result.interval == pytest.approx((0.72, 0.88))
    assert result.passed
    assert not evaluate(4, [0.7] * 100).passed
