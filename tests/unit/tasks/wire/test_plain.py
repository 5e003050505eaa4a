"""Plain circuits arrive as they were; what is not plain is left to the other codec, and nonsense is refused."""

import copy
import math

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import AncillaRegister, ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Clbit, Gate, Instruction, Measure, Parameter, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import CXGate, UnitaryGate, get_standard_gate_name_mapping, quantum_volume
from qiskit.circuit.random import random_circuit
from qiskit_aer import AerSimulator

from aerq.tasks.plain import PlainCircuit
from aerq.tasks.wire import plain
from aerq.tasks.wire.circuits import encode_circuits
from aerq.tasks.wire.errors import DecodingError
from aerq.tasks.wire.kinds import STANDARD_GATES
from aerq.tasks.wire.plain import decode_plain, encode_plain, is_plain


def travel(circuit):
    data = encode_plain([circuit])
    assert data is not None
    assert is_plain(data)
    (decoded,) = decode_plain(data)
    assert type(decoded) is PlainCircuit
    return decoded.quantum_circuit()


def assert_alike(circuit, arrived):
    assert arrived == circuit
    assert arrived.name == circuit.name
    assert [instruction.label for instruction in arrived] == [instruction.label for instruction in circuit]
    assert [instruction.operation for instruction in arrived] == [instruction.operation for instruction in circuit]
    assert arrived.qregs == circuit.qregs
    assert arrived.cregs == circuit.cregs


def gate_circuit(name, label=None, values=None):
    gate = get_standard_gate_name_mapping()[name].to_mutable()
    gate.label = label
    gate.params = values or [0.1 + number for number in range(len(gate.params))]
    circuit = QuantumCircuit(5, name=name)
    circuit.append(gate, list(range(5))[: gate.num_qubits][::-1])
    return circuit


@pytest.mark.parametrize("name", sorted(STANDARD_GATES))
@pytest.mark.parametrize("label", [None, "mine", ""])
def test_gates(name, label):
    assert_alike(gate_circuit(name, label), travel(gate_circuit(name, label)))


@pytest.mark.parametrize("value", [0.0, -0.0, 5e-324, 0.1 + 0.2, -1e308, math.pi])
def test_numbers_keep_every_bit(value):
    (found,) = travel(gate_circuit("rx", values=[value])).data[0].params
    assert (found, math.copysign(1, found)) == (value, math.copysign(1, value))
    phase = QuantumCircuit(1, global_phase=value)
    assert travel(phase).global_phase.hex() == phase.global_phase.hex()


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_unitaries(width, order):
    matrix = np.linalg.qr(np.random.default_rng(width).normal(size=(1 << width, 1 << width)))[0] * 1j
    circuit = QuantumCircuit(6)
    circuit.append(UnitaryGate(np.asarray(matrix, order=order), label="turn"), list(range(6))[-width:][::-1])
    arrived = travel(circuit)
    assert_alike(circuit, arrived)
    assert arrived.data[0].matrix.tobytes() == circuit.data[0].matrix.tobytes()


def several_registers():
    circuit = QuantumCircuit(QuantumRegister(2, "a"), QuantumRegister(1, "β"), ClassicalRegister(1, "x"))
    circuit.add_register(ClassicalRegister(3, "y"))
    circuit.name = "rows\nand\0signs ✓"
    circuit.global_phase = 0.5
    circuit.cx(2, 0)
    circuit.barrier(0, 2)
    circuit.reset(1)
    circuit.barrier()
    circuit.measure([0, 2], [3, 0])
    return circuit


def bits_alone():
    circuit = QuantumCircuit(QuantumRegister(1, "a"), [Qubit(), Qubit(), Clbit()])
    circuit.cx(2, 1)
    circuit.measure(2, 0)
    return circuit


def volume():
    circuit = quantum_volume(4, 3, seed=2)
    circuit.measure_all()
    return circuit


def idle():
    """Registers without a bit, as Qiskit itself makes them."""
    circuit = QuantumCircuit(2)
    circuit.measure_active()
    return circuit


def nothing_measured():
    circuit = QuantumCircuit(0)
    circuit.measure_all()
    return circuit


def bound():
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, global_phase=angle)
    circuit.rx(angle, 0)
    return circuit.assign_parameters({angle: 0.25})


PLAIN = [
    *(QuantumCircuit(), QuantumCircuit(2), QuantumCircuit(2, 2), QuantumCircuit(0, 1), several_registers()),
    *(idle(), nothing_measured(), QuantumCircuit(QuantumRegister(0, "z"), QuantumRegister(1, "one"))),
    *(bits_alone(), volume(), transpile(volume(), AerSimulator(), num_processes=1), bound()),
    transpile(volume(), basis_gates=["u", "cz"], coupling_map=[[0, 1], [1, 2], [2, 3]], num_processes=1),
]


@pytest.mark.parametrize("number", range(len(PLAIN)))
def test_circuits(number):
    assert_alike(PLAIN[number], travel(PLAIN[number]))


def test_several_at_once_and_none():
    circuits = [circuit.quantum_circuit() for circuit in decode_plain(encode_plain(PLAIN))]
    assert circuits == PLAIN
    assert decode_plain(encode_plain([])) == []


def test_many_circuits_are_left_to_the_other_codec():
    assert encode_plain([PLAIN[1]] * 20_000) is not None
    assert encode_plain([PLAIN[1]] * 30_000) is None
    wide = QuantumCircuit(1, name="n" * plain._MOST_BYTES)
    assert encode_plain([wide]) is None
    assert encode_plain([QuantumCircuit(plain._MOST_BITS + 1)]) is None


def test_metadata_stays_behind():
    circuit = QuantumCircuit(1, metadata={"mine": object()})
    (decoded,) = decode_plain(encode_plain([circuit]))
    assert decoded.metadata == decoded.quantum_circuit().metadata == {}


@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_circuits_give_the_same_bits(run_local, assert_same, qubits, depth, seed):
    drawn = random_circuit(qubits, depth, measure=True, seed=seed)
    circuit = transpile(drawn, AerSimulator(), optimization_level=0, num_processes=1, seed_transpiler=1)
    data = encode_plain([circuit])
    if data is not None:  # gates of Aer's own with many controls are not plain
        arrived = decode_plain(data)[0].quantum_circuit()
        assert_alike(circuit, arrived)
        assert_same(run_local(circuit), run_local(arrived))


class OtherHadamard(Gate):
    """Has the name of a gate of Qiskit's."""

    def __init__(self):
        super().__init__("h", 1, [])


def other(what):
    """A circuit that is not plain."""
    circuit = QuantumCircuit(3, 2, name="c")
    circuit.h(0)
    match what:
        case "parameter":
            circuit.rx(Parameter("angle"), 0)
        case "phase":
            circuit.global_phase = Parameter("phase")
        case "variable":
            circuit.add_uninitialized_var(expr.Var.new("flag", types.Uint(8)))
        case "control flow":
            with circuit.if_test((circuit.clbits[0], 1)):
                circuit.x(1)
        case "save":
            circuit.save_statevector()
        case "initialize":
            circuit.initialize([1, 0], 0)
        case "delay":
            circuit.delay(1, 0)
        case "controls":
            circuit.append(CXGate(ctrl_state=0), [0, 1])
        case "many controls":
            circuit.mcx([0, 1], 2)
            circuit.mcp(0.1, [0, 1], 2)
        case "own gate":
            circuit.append(OtherHadamard(), [0])
        case "own measurement":
            circuit.append(Instruction("measure", 2, 2, []), [0, 1], [0, 1])
        case "measurement with a label":
            circuit.append(Measure(label="mine"), [0], [0])
        case "barrier with a label":
            circuit.barrier(label="mine")
        case "infinite angle":
            circuit.rx(math.inf, 0)
        case "name":
            circuit.name = "\ud800"
        case "no name":
            circuit.name = None
        case "ancillas":
            circuit.add_register(AncillaRegister(1, "more"))
        case "bits twice":
            circuit.add_register(QuantumRegister(bits=circuit.qubits[:2], name="again"))
        case "bits in another order":
            circuit.add_register(QuantumRegister(bits=[Qubit(), circuit.qubits[0]], name="late"))
        case "bit before its register":
            bit = Clbit()
            circuit.add_bits([bit, Clbit()])
            circuit.add_register(ClassicalRegister(bits=[circuit.clbits[-1], bit], name="late"))
        case "length":
            for _ in range(plain.MOST_OPERATIONS):
                circuit.x(0)
    return circuit


OTHER = [
    *("parameter", "phase", "variable", "control flow", "save", "initialize", "delay", "controls", "many controls"),
    *("own gate", "own measurement", "measurement with a label", "barrier with a label", "infinite angle", "name"),
    *("no name", "ancillas", "bits twice", "bits in another order", "bit before its register", "length"),
]


@pytest.mark.parametrize("what", OTHER)
def test_what_is_not_plain_is_left_to_the_other_codec(what):
    assert encode_plain([QuantumCircuit(1), other(what)]) is None


def test_no_number_as_a_phase_is_left_to_the_other_codec():
    circuit = QuantumCircuit(1)
    circuit._data.global_phase = math.nan
    assert math.isnan(circuit.global_phase)
    assert encode_plain([circuit]) is None


def test_what_is_no_circuit_is_left_to_the_other_codec():
    assert encode_plain([QuantumCircuit(1), "circuit"]) is None


def test_the_other_codec_is_told_apart():
    assert not is_plain(encode_circuits([QuantumCircuit(1)]))
    assert not is_plain(b"")


def as_packed():
    instructions = [["rx", [1], [0.5], None], ["measure", [0], [0], None], ["unitary", [0], None, None]]
    return [2, [["c", 2, 1, 0.0, [["q", 2]], [["m", 1]], instructions]], bytes(64)]


def packed_of(layout):
    version, circuits, matrices = layout
    return msgpack.packb([version, circuits if isinstance(circuits, bytes) else msgpack.packb(circuits), matrices])


def wrong():
    """What is wrong, the way to the place in what was packed, and what stands there."""
    circuit, instruction = (1, 0), (1, 0, 6, 0)
    yield "no name", (*circuit, 0), None
    yield "no phase", (*circuit, 3), "0"
    yield "phase that is no number", (*circuit, 3), math.nan
    yield "fewer qubits", (*circuit, 1), 1
    yield "half a qubit", (*circuit, 1), 2.5
    yield "qubits without end", (*circuit, 1), 2**40
    yield "bits without end", (*circuit, 2), 2**31
    yield "no number of qubits", (*circuit, 1), "2"
    yield "fewer bits", (*circuit, 2), 0
    yield "register without a name", (*circuit, 4), [[1, 2]]
    yield "register without a size", (*circuit, 4), [["q", "2"]]
    yield "register of less than nothing", (*circuit, 5), [["m", -3]]
    yield "register of half a qubit", (*circuit, 4), [["q", 0.5]]
    yield "registers of one name", (*circuit, 5), [["q", 1]]
    yield "registers", (*circuit, 4), 7
    yield "no instructions", (*circuit, 6), None
    yield "unknown gate", (*instruction, 0), "rxyz"
    yield "no gate", (*instruction, 0), ["rx"]
    yield "qubit", (*instruction, 1), [2]
    yield "qubit from behind", (*instruction, 1), [-1]
    yield "no qubit", (*instruction, 1), ["0"]
    yield "qubit that is none", (*instruction, 1), 0
    yield "half of a qubit", (*instruction, 1), [0.5]
    yield "truth for a qubit", (1, 0, 6, 0), ["barrier", [True], None, None]
    yield "label", (*instruction, 3), 5
    yield "endless angle", (*instruction, 2), [math.inf]
    yield "more qubits", (*instruction, 1), [0, 1]
    yield "one qubit twice", (1, 0, 6, 0), ["cx", [1, 1], [], None]
    yield "no qubits", (*instruction, 1), []
    yield "more angles", (*instruction, 2), [0.5, 0.5]
    yield "no angle", (*instruction, 2), [None]
    yield "whole angle", (*instruction, 2), [1]
    yield "nothing", (*instruction, 2), None
    yield "unitary without a matrix", (1, 0, 6, 0), ["unitary", [0], None, None]
    yield "matrix without a unitary", (1, 0, 6, 2), ["reset", [0], None, None]
    yield "short matrix", (2,), bytes(63)
    yield "matrix of others", (1, 0, 6, 2), ["unitary", [0, 1], None, None]
    yield "matrix of text", (2,), "0" * 64
    yield "no matrices", (2,), None
    yield "unitary on all of many", (1, 0), ["c", 70, 0, 0.0, [], [], [["unitary", list(range(70)), None, None]]]
    yield "half a bit", (1, 0, 6, 1, 2), [0.0]
    yield "another format", (0,), 3
    yield "too many bytes", (1,), bytes(plain._MOST_BYTES + 1)
    yield "too many circuits", (1,), [as_packed()[1][0]] * 20_000
    yield "bit", (1, 0, 6, 1, 2), [1]
    yield "bit from behind", (1, 0, 6, 1, 2), [-1]
    yield "two bits", (1, 0, 6, 1, 2), [0, 0]
    yield "no bit", (1, 0, 6, 1, 2), None
    yield "two qubits", (1, 0, 6, 1, 1), [0, 1]
    yield "wide reset", (1, 0, 6, 1), ["reset", [0, 1], None, None]
    yield "short instruction", (1, 0, 6, 1), ["reset", [0], None]
    yield "long circuit", (1, 0), [*as_packed()[1][0], 0]
    yield "text for a circuit", (1, 0), "circuit"
    yield "number for circuits", (1,), 3


def test_what_is_tried_below_is_right_but_for_one_thing():
    assert len(decode_plain(packed_of(as_packed()))) == 1


@pytest.mark.parametrize(("way", "value"), [pytest.param(way, value, id=what) for what, way, value in wrong()])
def test_nonsense_is_refused_before_aer_meets_it(way, value):
    packed = copy.deepcopy(as_packed())
    place = packed
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    with pytest.raises(DecodingError, match="circuits cannot be read"):
        decode_plain(packed_of(packed))


def test_what_is_cut_is_refused():
    data = encode_plain([volume()])
    for end in range(0, len(data), 7):
        with pytest.raises(DecodingError):
            decode_plain(data[:end])
