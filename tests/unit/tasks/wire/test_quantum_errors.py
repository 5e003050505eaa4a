"""One error at a time: what the kernel sees of it does not change."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Reset
from qiskit.circuit.library import PauliGate, XGate, get_standard_gate_name_mapping
from qiskit_aer.noise import PauliError, PauliLindbladError, QuantumError, ReadoutError, kraus_error
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError

from aerq.tasks.wire import values
from aerq.tasks.wire.errors import DecodingError, EncodingError
from aerq.tasks.wire.quantum_errors import (
    pack_error,
    pack_readout_error,
    unpack_error,
    unpack_readout_error,
)


def travel(error):
    circuits = []

    def add(circuit):
        circuits.append(circuit)
        return len(circuits) - 1

    data = values.pack(pack_error(error, add))
    return unpack_error(values.unpack(data), circuits.__getitem__), circuits


def labelled(operation):
    operation = operation.to_mutable()
    operation.label = "é"
    return operation


@pytest.mark.parametrize("name", sorted(get_standard_gate_name_mapping().keys() - {"measure", "global_phase"}))
def test_standard_gates(name, assert_same):
    gate = get_standard_gate_name_mapping()[name]
    if gate.params:
        gate = Delay(7) if name == "delay" else gate.base_class(*[0.1, 0.2, 0.3, 0.4][: len(gate.params)])
    error = QuantumError([(gate, 0.25), ([(gate, list(range(gate.num_qubits))[::-1])], 0.75)])
    arrived, circuits = travel(error)
    assert_same(arrived.to_dict(), error.to_dict())
    assert bool(circuits) == (name == "delay")


@pytest.mark.parametrize("operation", [XGate(), Reset(), PauliGate("X")], ids=lambda operation: operation.name)
def test_labels(operation, assert_same):
    error = QuantumError([(labelled(operation), 1.0)])
    arrived, circuits = travel(error)
    assert_same(arrived.to_dict(), error.to_dict())
    assert arrived.to_dict()["instructions"][0][0]["label"] == "é"
    assert not circuits


def test_probabilities_keep_their_last_bit():
    error = QuantumError([(XGate(), 0.1), (Reset(), 0.2), (PauliGate("Y"), 0.7)])
    error._probs = [np.float64(0.1), np.float64(np.nextafter(0.2, 1)), np.float64(0.7)]
    arrived, _ = travel(error)
    assert [value.hex() for value in arrived.probabilities] == [value.hex() for value in error.probabilities]
    assert all(type(value) is np.float64 for value in arrived.probabilities)
    error._probs = [0.1, 0.2, 0.7]
    assert [type(value) for value in travel(error)[0].probabilities] == [float] * 3


def test_a_circuit_with_a_phase_travels_as_a_circuit():
    circuit = QuantumCircuit(1, global_phase=0.5)
    circuit.x(0)
    arrived, circuits = travel(QuantumError([(circuit, 1.0)]))
    assert circuits == [circuit]
    assert arrived.circuits[0].global_phase == 0.5


@pytest.mark.parametrize("kind", [PauliError, PauliLindbladError])
def test_paulis(kind):
    labels = ["XYZIXYZIX", "-IIIIIIIIZ", "iZZZZZZZZZ", "IIIIIIIII"]
    error = kind(labels, [0.1, 1 / 3, -0.25, 0.5])
    arrived, _ = travel(error)
    assert type(arrived) is kind
    assert arrived.id == error.id
    one, other = ((item.paulis if kind is PauliError else item.generators) for item in (error, arrived))
    assert other.to_labels() == one.to_labels() == labels
    rates = [(item.probabilities if kind is PauliError else item.rates).tobytes() for item in (error, arrived)]
    assert rates[0] == rates[1]


class UnknownError(BaseQuantumError):
    """Of a class that nobody here knows."""

    ideal = to_quantumchannel = to_dict = compose = tensor = expand = None


def test_unknown_class():
    with pytest.raises(EncodingError, match="class UnknownError cannot travel"):
        pack_error(UnknownError(1), lambda circuit: 0)
    with pytest.raises(DecodingError, match="unknown kind"):
        unpack_error(["surprise", "id"], lambda number: None)
    kind, _, *rest = pack_error(kraus_error([np.eye(2)]), lambda circuit: 0)
    with pytest.raises(DecodingError, match="without its id"):
        unpack_error([kind, 5, *rest], lambda number: None)


def test_readout_error():
    error = ReadoutError([[0.9, 0.1], [1 / 3, 2 / 3]])
    arrived = unpack_readout_error(values.unpack(values.pack(pack_readout_error(error))))
    assert arrived == error
    assert arrived.probabilities.tobytes() == error.probabilities.tobytes()
    assert vars(arrived).keys() == vars(error).keys()
    for shape in ((3, 3), (2, 4), (4,)):
        with pytest.raises(DecodingError, match="not a matrix"):
            unpack_readout_error(np.ones(shape))
