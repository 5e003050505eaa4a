"""Circuits arrive with everything that Aer reads of them, or are refused with a sentence that names the part."""

import math

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import AncillaRegister, ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import (
    Annotation,
    BoxOp,
    Clbit,
    Delay,
    Gate,
    IfElseOp,
    Instruction,
    Parameter,
    ParameterVector,
    Qubit,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import Initialize, XGate, n_local, quantum_volume
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.library import SaveStatevector
from qiskit_aer.noise import PauliError, amplitude_damping_error, depolarizing_error

from aerq.tasks.wire import values
from aerq.tasks.wire.circuits import decode_circuits, encode_circuits
from aerq.tasks.wire.errors import DecodingError, EncodingError


def travel(circuit):
    data = encode_circuits([circuit])
    assert encode_circuits([circuit]) == data
    (decoded,) = decode_circuits(data)
    assert decoded.name == circuit.name
    return decoded


def bits_of(circuit, bits):
    """Where bits are in a circuit and in its registers."""
    found = [circuit.find_bit(bit) for bit in bits]
    return [(at.index, [(register.name, place) for register, place in at.registers]) for at in found]


def assert_alike(first, second):
    """What Qiskit's own comparison does not look at is compared by hand."""
    assert [register.name for register in first.qregs] == [register.name for register in second.qregs]
    assert [register.name for register in first.cregs] == [register.name for register in second.cregs]
    assert first.global_phase == second.global_phase
    assert list(first.parameters) == list(second.parameters)
    assert len(first.data) == len(second.data)
    for one, other in zip(first.data, second.data, strict=True):
        assert type(one.operation) is type(other.operation)
        assert (one.name, one.label) == (other.name, other.label)
        assert bits_of(first, one.qubits) == bits_of(second, other.qubits)
        assert bits_of(first, one.clbits) == bits_of(second, other.clbits)
        for body, arrived in zip(
            getattr(one.operation, "blocks", ()), getattr(other.operation, "blocks", ()), strict=True
        ):
            assert_alike(body, arrived)


def with_if():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
        circuit.append(depolarizing_error(0.4, 1).to_instruction(), [0])
        circuit.save_statevector(label="then")
    with otherwise:
        circuit.append(PauliError(["X", "I"], [0.5, 0.5]).to_instruction(), [1])
        circuit.save_expectation_value(SparsePauliOp(["ZZ"]), [0, 1], label="else")
    circuit.measure([0, 1], [0, 1])
    return circuit


def with_while():
    circuit = QuantumCircuit(1, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.h(0)
        circuit.append(amplitude_damping_error(0.2).to_instruction(), [0])
        circuit.measure(0, 0)
    circuit.measure(0, 1)
    return circuit


def with_for():
    angle = Parameter("ang")
    circuit = QuantumCircuit(2, 2)
    with circuit.for_loop(range(3), angle):
        circuit.rx(angle * 0.3, 0)
        circuit.append(depolarizing_error(0.3, 1).to_instruction(), [0])
        with circuit.if_test((circuit.cregs[0], 2)):
            circuit.break_loop()
        circuit.measure([0, 1], [0, 1])
    circuit.save_density_matrix(label="ĝ電", pershot=True)
    return circuit


def with_switch():
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0, 2):
            circuit.x(0)
            with circuit.if_test((circuit.clbits[1], 0)):
                circuit.append(depolarizing_error(0.5, 2).to_instruction(), [1, 0])
        with case(case.DEFAULT):
            circuit.save_probabilities_dict(label="other", conditional=True)
    circuit.measure([0, 1], [0, 1])
    return circuit


def with_variables():
    """Variables are only written: Aer 0.18 ends the process when a circuit reads one."""
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(3, "zähler"))
    number = circuit.add_var("größe", expr.lift(3, types.Uint(3)))
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.store(number, circuit.cregs[0])
    with circuit.if_test(expr.logic_and(circuit.clbits[0], expr.less(circuit.cregs[0], 2))):
        circuit.x(1)
        circuit.store(number, 2)
        circuit.save_statevector(label="inner", pershot=True)
    with circuit.if_test(expr.equal(expr.bit_xor(circuit.cregs[0], 5), 4)):
        circuit.append(depolarizing_error(0.3, 1).to_instruction(), [1])
    circuit.measure([0, 1], [1, 2])
    return circuit


def with_odd_widths():
    """A body on some of the bits, in another order than the circuit's."""
    body = QuantumCircuit(2, 1)
    body.cx(0, 1)
    body.append(depolarizing_error(0.4, 1).to_instruction(), [1])
    body.measure(1, 0)
    circuit = QuantumCircuit(3, 3)
    circuit.h([0, 1, 2])
    circuit.measure(2, 2)
    circuit.append(IfElseOp((circuit.clbits[2], 1), body, label="körper"), [2, 0], [2])
    circuit.measure_all()
    return circuit


DYNAMIC = [with_if, with_while, with_for, with_switch, with_variables, with_odd_widths]


@pytest.mark.parametrize("make", DYNAMIC, ids=lambda make: make.__name__)
def test_control_flow(make, run_local, assert_same):
    circuit = make()
    decoded = travel(circuit)
    assert_alike(circuit, decoded)
    output = run_local(circuit, shots=30)
    assert output["success"], output["status"]
    assert_same(output, run_local(decoded, shots=30))


def test_box_and_stretch(run_local, assert_same):
    """Aer knows neither; they arrive so that it says the same of them."""
    circuit = QuantumCircuit(2)
    stretch = circuit.add_stretch("s")
    with circuit.box(duration=100, unit="ns", label="kiste"):
        circuit.x(0)
        circuit.save_statevector()
    circuit.delay(expr.mul(2.0, stretch), 1)
    decoded = travel(circuit)
    assert_alike(circuit, decoded)
    box = decoded.data[0].operation
    assert (box.duration, box.unit, box.label) == (100, "ns", "kiste")
    assert type(box.blocks[0].data[1].operation) is SaveStatevector
    error = run_local(circuit)
    assert isinstance(error, tuple)
    assert_same(error, run_local(decoded))


def test_variables_arrive_as_they_were():
    given = expr.Var.new("input", types.Bool())
    circuit = QuantumCircuit(1, 1, inputs=[given])
    local = circuit.add_var("lokal", expr.lift(3, types.Uint(4)))
    with circuit.if_test(expr.logic_or(given, expr.equal(local, 3))):
        circuit.store(local, 1)
        circuit.save_statevector()
    decoded = travel(circuit)
    assert list(decoded.iter_vars()) == list(circuit.iter_vars())
    assert list(decoded.iter_input_vars()) == [given]
    body, arrived = circuit.data[-1].operation.blocks[0], decoded.data[-1].operation.blocks[0]
    assert set(arrived.iter_captured_vars()) == set(body.iter_captured_vars())
    assert [row.name for row in arrived.data] == ["store", "save_statevector"]
    assert decoded.data[-1].operation.condition == circuit.data[-1].operation.condition


def test_plain_circuits_arrive_in_order():
    circuits = [quantum_volume(4, 3, seed=seed) for seed in range(5)]
    for circuit in circuits:
        circuit.measure_all()
    circuits[2].save_state()
    decoded = decode_circuits(encode_circuits(circuits))
    assert len(decoded) == 5
    for circuit, arrived in zip(circuits, decoded, strict=True):
        assert_alike(circuit, arrived)
        assert arrived.metadata == {}
    assert decoded[:2] == circuits[:2]


def test_nothing_at_all():
    assert decode_circuits(encode_circuits([])) == []
    decoded = travel(QuantumCircuit(0, name="leer", global_phase=0.25))
    assert (decoded.num_qubits, decoded.name, decoded.global_phase) == (0, "leer", 0.25)


def test_names_and_registers_in_any_script():
    first = QuantumRegister(2, "кубит")
    loose = [Qubit(), Qubit()]
    clbits = [Clbit(), Clbit()]
    circuit = QuantumCircuit(first, loose, AncillaRegister(1, "补助"), clbits, name="電路 🎲 ‮")
    circuit.add_register(QuantumRegister(name="overlap", bits=[first[1], loose[0]]))
    circuit.add_register(ClassicalRegister(name="ცნობა", bits=[clbits[1]]))
    circuit.h(0)
    circuit.save_statevector(label="vettore λ")
    decoded = travel(circuit)
    assert_alike(circuit, decoded)
    assert [len(register) for register in decoded.qregs] == [2, 1, 2]
    assert decoded.find_bit(decoded.qubits[1]).registers[1][0].name == "overlap"
    assert decoded.data[-1].operation._label == "vettore λ"
    assert decoded.num_ancillas == 1


def test_metadata_stays_and_is_never_touched():
    class Untouchable(dict):
        def __deepcopy__(self, memo):
            raise AssertionError("copied")

        __copy__ = __reduce__ = __iter__ = items = keys = __getitem__ = __deepcopy__

    endless = {}
    endless["self"] = endless
    for metadata in (Untouchable(a=1), endless, {1: object(), ("a",): math.nan}):
        for circuit in (with_if(), QuantumCircuit(1), QuantumCircuit(1)):
            circuit.metadata = metadata
            if circuit.num_qubits == 1:
                circuit.append(with_if_inside(metadata), [0], [])
            decoded = travel(circuit)
            assert circuit.metadata is metadata
            assert decoded.metadata == {}


def with_if_inside(metadata):
    body = QuantumCircuit(1, metadata=metadata)
    body.x(0)
    return BoxOp(body)


def test_metadata_need_not_be_a_dict():
    circuit = QuantumCircuit(1)
    circuit._metadata = 5
    assert travel(circuit).metadata == {}


def test_parameters_are_the_same_ones(run_local, assert_same):
    vector = ParameterVector("θ", 3)
    a, b = Parameter("a"), Parameter("a b")
    circuit = QuantumCircuit(2, global_phase=a + b)
    circuit.rx(vector[0] + 2 * a.sin(), 0)
    circuit.ry(vector[2] / (b + 1), 1)
    circuit.append(Gate("mcry", 2, [a * vector[1]]), [0, 1])
    circuit.save_statevector()
    decoded = travel(circuit)
    assert list(decoded.parameters) == list(circuit.parameters)
    assert [parameter.uuid for parameter in decoded.parameters] == [parameter.uuid for parameter in circuit.parameters]
    values_by_name = {vector: [0.1, 0.2, 0.3], a: 0.4, b: 0.5}
    decoded.assign_parameters(values_by_name, inplace=True)
    circuit.assign_parameters(values_by_name, inplace=True)
    assert_same(run_local(circuit), run_local(decoded))


def test_library_circuits_are_built(run_local, assert_same):
    circuit = n_local(2, "ry", "cx", reps=1).assign_parameters([0.1, 0.2, 0.3, 0.4])
    circuit.save_statevector()
    assert_same(run_local(circuit), run_local(travel(circuit)))


def test_layout():
    circuit = QuantumCircuit(3)
    circuit.cx(0, 2)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    line = [[0, 1], [1, 2], [2, 3]]
    mapped = transpile(circuit, basis_gates=["cx", "u"], coupling_map=line, seed_transpiler=1)
    assert mapped.layout is not None
    (decoded,) = decode_circuits(encode_circuits([mapped]))
    assert decoded.layout == mapped.layout
    mapped.save_statevector()
    (decoded,) = decode_circuits(encode_circuits([mapped]))
    assert decoded.layout == mapped.layout


def test_equal_instructions_are_written_once():
    one = QuantumCircuit(8)
    one.set_statevector(np.arange(256) / np.linalg.norm(np.arange(256)))
    one.save_statevector()
    many = [one.copy() for _ in range(10)]
    assert len(encode_circuits(many)) < len(encode_circuits([one])) + 10 * 300
    assert all(len(circuit.data) == 2 for circuit in decode_circuits(encode_circuits(many)))


def nested(kind, levels):
    body = QuantumCircuit(1, 1)
    body.x(0)
    body.save_statevector()
    for _ in range(levels):
        circuit = QuantumCircuit(1, 1)
        if kind == "if":
            circuit.if_test((circuit.clbits[0], 1), body, [0], [0])
        elif kind == "for":
            circuit.for_loop(range(2), None, body, [0], [0])
        elif kind == "switch":
            circuit.switch(circuit.clbits[0], [(0, body)], [0], [0])
        elif kind == "definition":
            circuit.append(body.to_instruction(), [0], [0])
        else:
            condition = expr.lift(circuit.clbits[0])
            for _ in range(levels):
                condition = expr.logic_not(condition)
            circuit.append(IfElseOp(condition, body), [0], [0])
            return circuit
        body = circuit
    return body


@pytest.mark.parametrize(
    ("kind", "levels"), [("if", 45), ("for", 45), ("switch", 22), ("definition", 22), ("expression", 85)]
)
def test_deepest_nesting_that_travels(kind, levels):
    decoded = travel(nested(kind, levels))
    for _ in range(levels if kind != "expression" else 1):
        operation = decoded.data[0].operation
        decoded = operation.definition if kind == "definition" else operation.blocks[0]
    assert decoded.data[1].name == "save_statevector"


@pytest.mark.parametrize(
    ("kind", "levels"), [("if", 46), ("for", 46), ("switch", 23), ("definition", 23), ("expression", 100)]
)
def test_nesting_that_a_worker_cannot_read(kind, levels):
    with pytest.raises(EncodingError, match=r"(?s)circuit '.*' \(number 0\): .*nested deeper than a worker"):
        encode_circuits([nested(kind, levels)])


class Cunning(SaveStatevector):
    pass


class Lazy(Delay):
    pass


class Start(Initialize):
    pass


class Written(Gate):
    """A gate of somebody's own, of which Aer reads what every gate has."""

    def __init__(self):
        super().__init__("written", 1, [], label="mine")

    def _define(self):
        self.definition = QuantumCircuit(1)
        self.definition.h(0)


class Note(Annotation):
    namespace = "a.note"


def opaque():
    return Gate("secret", 1, [0.5])


def unknown_object():
    gate = Instruction("kraus", 1, 0, [])
    gate._params = [object()]
    return gate


def dict_of_objects():
    operation = SaveStatevector(1)
    operation._params = {"a": {1, 2}}
    operation._params = [{"a": {1, 2}}]
    return operation


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (opaque(), "instruction 1 'secret': it has no definition and is not an instruction that Aer knows"),
        (unknown_object(), "instruction 1 'kraus': an object of type object cannot travel"),
        (dict_of_objects(), "instruction 1 'save_statevector': an object of type set cannot travel"),
        (Cunning(1), "instruction 1 'save_statevector': its class Cunning is unknown"),
        (Lazy(3), "instruction 1 'delay': its class Lazy is unknown"),
        (Start([1, 0]), "instruction 1 'initialize': its class Start is unknown"),
        (BoxOp(QuantumCircuit(1), annotations=[Note()]), "instruction 1 'box': Qiskit's file format cannot hold"),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
def test_refused(operation, text):
    circuit = QuantumCircuit(2, name="übel")
    circuit.h(0)
    circuit.append(operation, [1])
    with pytest.raises(EncodingError) as caught:
        encode_circuits([QuantumCircuit(1), circuit])
    assert str(caught.value).startswith(f"circuit 'übel' (number 1): {text}")
    outer = QuantumCircuit(2, 1, name="außen")
    outer.if_test((outer.clbits[0], 1), circuit, [0, 1], [])
    with pytest.raises(EncodingError, match=r"circuit 'außen' \(number 0\): instruction 0 'if_else': "):
        encode_circuits([outer])


def test_condition_as_an_attribute_is_refused():
    gate = Instruction("kraus", 1, 0, [np.eye(2)])
    circuit = QuantumCircuit(1, 1)
    gate.condition = (circuit.clbits[0], 1)
    circuit.append(gate, [0])
    with pytest.raises(EncodingError, match="condition as an attribute"):
        encode_circuits([circuit])


def test_own_gate_with_a_definition_arrives_as_a_gate():
    circuit = QuantumCircuit(1)
    circuit.append(Written(), [0])
    operation = travel(circuit).data[0].operation
    assert type(operation) is Gate
    assert (operation.name, operation.label, operation.definition.data[0].name) == ("written", "mine", "h")


class Broken(Gate):
    def _define(self):
        raise ZeroDivisionError("no angle")


def test_a_gate_that_cannot_say_what_it_is():
    circuit = QuantumCircuit(1, name="c")
    circuit.append(Broken("broken", 1, []), [0])
    with pytest.raises(EncodingError, match=r"circuit 'c' \(number 0\) cannot be read \(ZeroDivisionError: no angle"):
        encode_circuits([circuit])


def test_there_are_no_calibrations_to_lose():
    assert not hasattr(QuantumCircuit, "calibrations")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none(value):
    circuit = QuantumCircuit(1, 1, name="c")
    circuit.rx(value, 0)
    with pytest.raises(EncodingError, match=r"circuit 'c' \(number 0\): instruction 0 'rx': .*not a finite number"):
        encode_circuits([circuit])
    outer = QuantumCircuit(1, 1)
    outer.if_test((outer.clbits[0], 1), circuit, [0], [0])
    with pytest.raises(EncodingError, match="instruction 0 'rx'"):
        encode_circuits([outer])
    outer = QuantumCircuit(1)
    outer.delay(abs(value), 0, "s")
    with pytest.raises(EncodingError, match="instruction 0 'delay'"):
        encode_circuits([outer])
    phase = QuantumCircuit(1, name="p")
    phase.global_phase = value
    if not math.isfinite(phase.global_phase):
        with pytest.raises(EncodingError, match=r"circuit 'p' .*: its global phase"):
            encode_circuits([phase])


def test_only_circuits_are_circuits():
    with pytest.raises(EncodingError, match="number 1 is a str, not a QuantumCircuit"):
        encode_circuits([QuantumCircuit(1), "circuit"])


def test_a_name_that_is_no_text():
    circuit = QuantumCircuit(1, name="\ud800")
    with pytest.raises(EncodingError, match="number 0"):
        encode_circuits([circuit])


def mangled():
    """Containers that are well formed and wrong."""
    circuit = with_if()
    good = values.unpack(encode_circuits([circuit]))
    plain = values.unpack(encode_circuits([QuantumCircuit(1)]))
    version, count, program, specs, patches = good
    yield [version + 1, count, program, specs, patches]
    yield [version, count + 1, program, specs, patches]
    yield [version, count, program[:-9], specs, patches]
    yield [version, count, b"", specs, patches]
    yield [version, count, program, specs[:1], patches]
    yield [version, count, program, [b"\xc1" for _ in specs], patches]
    yield [version, count, program, [values.pack(["Popen", "x", 1, 0, None, [], [], None])] * 9, patches]
    yield [version, count, program, specs, [[7, patches[0][1]]]]
    yield [version, count, plain[2], specs, patches]
    yield [version, count, program, specs, 3]
    yield {"version": 1}
    yield 7
    yield None


@pytest.mark.parametrize("container", list(mangled()))
def test_bytes_that_are_not_circuits(container):
    with pytest.raises(DecodingError):
        decode_circuits(values.pack(container))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"QISKIT", msgpack.packb([1] * 3), b"\xdc" + b"\xff" * 40])
def test_bytes_that_are_nothing(data):
    with pytest.raises(DecodingError):
        decode_circuits(data)


def test_cut_anywhere():
    data = encode_circuits([with_variables()])
    for end in range(0, len(data), max(1, len(data) // 40)):
        with pytest.raises(DecodingError):
            decode_circuits(data[:end])


ERRORS = [depolarizing_error(0.3, 1), amplitude_damping_error(0.3), PauliError(["Y", "I"], [0.5, 0.5])]


@st.composite
def circuits(draw):
    """Random circuits with saves, errors, delays and control flow at random places."""
    width = draw(st.integers(2, 3))
    circuit = QuantumCircuit(width, 2, name=draw(st.text("aé電 ", min_size=1, max_size=5)))
    for number in range(draw(st.integers(1, 4))):
        inner = random_circuit(width, 2, max_operands=2, seed=draw(st.integers(0, 2**16)))
        circuit.compose(transpile(inner, basis_gates=["cx", "u", "h"], optimization_level=0), inplace=True)
        choice = draw(st.integers(0, 5))
        qubit = draw(st.integers(0, width - 1))
        if choice == 0:
            circuit.append(draw(st.sampled_from(ERRORS)).to_instruction(), [qubit])
        elif choice == 1:
            circuit.measure(qubit, draw(st.integers(0, 1)))
        elif choice == 2:
            circuit.save_probabilities([qubit], label=f"p{number}", pershot=draw(st.booleans()))
        elif choice == 3:
            circuit.delay(draw(st.integers(0, 100)), qubit, draw(st.sampled_from(["dt", "ns", "s"])))
        elif choice == 4:
            with circuit.if_test((circuit.clbits[0], draw(st.booleans()))):
                circuit.append(draw(st.sampled_from(ERRORS)).to_instruction(), [qubit])
                circuit.append(XGate(), [qubit])
        else:
            circuit.save_expectation_value(
                SparsePauliOp("X" * width, draw(st.floats(-2, 2))), range(width), f"e{number}"
            )
    circuit.measure([0, 1], [0, 1])
    return circuit


@given(circuits())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_circuits(run_local, assert_same, circuit):
    decoded = travel(circuit)
    assert_alike(circuit, decoded)
    assert_same(run_local(circuit, shots=10), run_local(decoded, shots=10))


@pytest.mark.parametrize("kind", ["bit", "register", "expression", "switch", "while", "break"])
@pytest.mark.parametrize("nested", [False, True])
def test_control_flow_on_bits_without_a_register(kind, nested, run_local, assert_same):
    bits = [Clbit(), Clbit()]
    circuit = QuantumCircuit(2)
    circuit.add_bits(bits)
    circuit.add_register(ClassicalRegister(bits=bits, name="alias"))

    def body():
        if kind == "while":
            with circuit.while_loop((bits[0], 1)):
                circuit.h(0)
                circuit.measure(0, 0)
        elif kind == "switch":
            with circuit.switch(circuit.cregs[0]) as case, case(1):
                circuit.x(1)
        else:
            register = (circuit.cregs[0], 1)
            condition = {"register": register, "expression": expr.logic_not(bits[0])}.get(kind, (bits[0], 1))
            with circuit.if_test(condition):
                circuit.x(1)
                if kind == "break" and nested:
                    circuit.break_loop()

    circuit.h(0)
    circuit.measure(0, 0)
    if nested:
        with circuit.for_loop(range(2)):
            body()
    else:
        body()
    circuit.measure(1, 1)
    output = run_local(circuit, shots=40)
    assert output["success"]
    assert_same(output, run_local(decode_circuits(encode_circuits([circuit]))[0], shots=40))
