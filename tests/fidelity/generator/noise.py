"""Noise models of every kind, and errors and channels to put into circuits."""

import contextlib

import numpy as np
from qiskit import QiskitError
from qiskit.circuit.library import IGate, RXGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus, SuperOp
from qiskit_aer.noise import (
    NoiseModel,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    mixed_unitary_error,
    pauli_error,
    phase_amplitude_damping_error,
    phase_damping_error,
    reset_error,
    thermal_relaxation_error,
)
from qiskit_aer.noise.passes import LocalNoisePass

#: Gates that the circuits are made of, so that errors meet some.
ONE_QUBIT = ("h", "x", "sx", "rz", "u", "measure", "id", "unitary", "reset", "my label")
TWO_QUBITS = ("cx", "cz", "swap", "unitary")


def pauli(draw, qubits):
    first, second = draw.probability(), draw.probability()
    terms = {draw.pauli(qubits): first, draw.pauli(qubits): second, "I" * qubits: 0.0}
    terms["I" * qubits] += 1 - sum(terms.values())
    return pauli_error(list(terms.items()))


def lindblad(draw, qubits):
    names = draw.some([a + b for a in "IXYZ" for b in "IXYZ"][1:] if qubits == 2 else "XYZ", 1, 3)
    return PauliLindbladError(names, [draw.probability() for _ in names])


def circuit_error(draw, qubits):
    """A quantum error whose terms are gates, resets and channels."""
    first, second = (XGate(), [0]), (RXGate(draw.angle()), [qubits - 1])
    probability = draw.probability()
    return QuantumError([([first], probability), ([second], probability), ([(IGate(), [0])], 1 - 2 * probability)])


def unital(draw, qubits):
    """An error that is a mixture of gates."""
    kind = draw.one("depolarizing", "pauli", "lindblad", "gates")
    if kind == "depolarizing":
        return depolarizing_error(draw.probability(), qubits)
    return {"pauli": pauli, "lindblad": lindblad, "gates": circuit_error}[kind](draw, qubits)


def channel(draw, qubits):
    """An error that is more than a mixture of Paulis."""
    if qubits == 2:
        return QuantumError(Kraus(draw.kraus(2))) if draw.maybe(0.5) else coherent_unitary_error(draw.unitary(2))
    kind = draw.between(0, 7)
    if kind == 0:
        return amplitude_damping_error(draw.probability())
    if kind == 1:
        return phase_damping_error(draw.probability())
    if kind == 2:
        return phase_amplitude_damping_error(draw.probability(), draw.probability())
    if kind == 3:
        return QuantumError(Kraus(draw.kraus(1)))
    if kind == 4:
        return QuantumError(SuperOp(Kraus(draw.kraus(1))))
    if kind == 5:
        return mixed_unitary_error([(np.eye(2), 0.8), (draw.unitary(1), 0.2)])
    if kind == 6:
        return thermal_relaxation_error(50e3, draw.one(30e3, 70e3), draw.one(100, 5e3))
    return reset_error(draw.probability(), draw.probability())


def readout(draw, qubits=1):
    rows = draw.numbers.dirichlet(np.ones(2**qubits) * 0.7, size=2**qubits)
    return ReadoutError((rows + 3 * np.eye(2**qubits)) / 4)


def _add(draw, model, make, qubits, names):
    chosen = draw.some(names, 1, 3)
    error = make(draw, qubits)
    everywhere, wires = draw.maybe(0.6), draw.some(range(4), qubits, qubits)
    # a second error at the same gate is composed with the first, and not every kind can be
    with contextlib.suppress(QiskitError):
        if everywhere:
            model.add_all_qubit_quantum_error(error, chosen, warnings=False)
        else:
            model.add_quantum_error(error, chosen, wires, warnings=False)


def _no_errors(operation, qubits):
    return None


def device(draw):
    backend = GenericBackendV2(draw.between(2, 5), seed=draw.between(0, 50))
    return NoiseModel.from_backend(backend, thermal_relaxation=draw.maybe(0.7))


def noise_model(draw):
    """A noise model, or None."""
    kind = draw.one("none", "none", "none", "unital", "unital", "channels", "readout", "mixed", "device", "ideal")
    if kind == "none":
        return None
    if kind == "device":
        return device(draw)
    model = NoiseModel()
    if kind in ("unital", "mixed"):
        _add(draw, model, unital, 1, ONE_QUBIT)
        if draw.maybe(0.6):
            _add(draw, model, unital, 2, TWO_QUBITS)
    if kind == "channels" or (kind == "mixed" and draw.maybe(0.5)):
        _add(draw, model, channel, 1, ONE_QUBIT)
        if draw.maybe(0.3):
            _add(draw, model, channel, 2, TWO_QUBITS)
    if kind == "readout" or (kind == "mixed" and draw.maybe(0.7)):
        if draw.maybe(0.5):
            model.add_all_qubit_readout_error(readout(draw), warnings=False)
        for qubit in draw.some(range(3), 0, 2):
            model.add_readout_error(readout(draw), [qubit], warnings=False)
    if kind != "ideal" and draw.maybe(0.02):
        model._custom_noise_passes.append(LocalNoisePass(_no_errors, op_types=XGate))
    return model
