"""Every instruction that Aer knows arrives with the same class, attributes and results."""

import inspect
import itertools

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Gate, Instruction, Parameter
from qiskit.circuit.classical import expr
from qiskit.circuit.exceptions import CircuitError
from qiskit.circuit.library import (
    DiagonalGate,
    Initialize,
    MCPhaseGate,
    MCXGate,
    PauliGate,
    UCGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Clifford, Kraus, SparsePauliOp, SuperOp, random_unitary
from qiskit_aer import library
from qiskit_aer.backends import name_mapping
from qiskit_aer.library import control_flow_instructions as flow
from qiskit_aer.noise import (
    PauliError,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
)
from qiskit_aer.noise.errors.base_quantum_error import QuantumChannelInstruction
from qiskit_aer.noise.noise_model import QuantumErrorLocation

from aerq.tasks.wire import programs
from aerq.tasks.wire.circuits import decode_circuits, encode_circuits
from aerq.tasks.wire.kinds import AER_NAMES, GATES, OTHERS, SAVES, SETS

UNITARY = random_unitary(2, seed=1).data
OPERATOR = SparsePauliOp(["XX", "ZI", "YY"], [0.5, -0.25, 1 / 3])

#: What each save instruction is made from, and the method that runs it.
SAVE_ARGUMENTS = {
    library.SaveAmplitudes: ((2, [0, 3]), "statevector"),
    library.SaveAmplitudesSquared: ((2, ["0x1", "0x2"]), "statevector"),
    library.SaveClifford: ((2,), "stabilizer"),
    library.SaveDensityMatrix: ((2,), "density_matrix"),
    library.SaveExpectationValue: ((OPERATOR,), "statevector"),
    library.SaveExpectationValueVariance: ((OPERATOR,), "statevector"),
    library.SaveMatrixProductState: ((2,), "matrix_product_state"),
    library.SaveProbabilities: ((2,), "statevector"),
    library.SaveProbabilitiesDict: ((2,), "statevector"),
    library.SaveStabilizer: ((2,), "stabilizer"),
    library.SaveState: ((2,), "statevector"),
    library.SaveStatevector: ((2,), "statevector"),
    library.SaveStatevectorDict: ((2,), "statevector"),
    library.SaveSuperOp: ((2,), "superop"),
    library.SaveUnitary: ((2,), "unitary"),
}


def save_cases():
    for kind, (arguments, method) in SAVE_ARGUMENTS.items():
        flags = [
            name for name in ("unnormalized", "pershot", "conditional") if name in inspect.signature(kind).parameters
        ]
        for chosen in itertools.product([False, True], repeat=len(flags)):
            options = dict(zip(flags, chosen, strict=True))
            name = "-".join([kind.__name__, *(flag for flag in flags if options[flag])])
            yield pytest.param(kind, arguments, options, method, id=name)


def set_cases():
    state = np.array([0.6, 0, 0, 0.8j])
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    mps = ([(np.array([[1 + 0j]]), np.array([[0j]])), (np.array([[0j]]), np.array([[1 + 0j]]))], [[1.0]])
    return {
        library.SetStatevector: (library.SetStatevector(state), "statevector"),
        library.SetDensityMatrix: (
            library.SetDensityMatrix(np.outer(state, state.conj())),
            "density_matrix",
        ),
        library.SetStabilizer: (library.SetStabilizer(Clifford(bell)), "stabilizer"),
        library.SetUnitary: (library.SetUnitary(random_unitary(4, seed=3)), "unitary"),
        library.SetSuperOp: (library.SetSuperOp(SuperOp(random_unitary(4, seed=4))), "superop"),
        library.SetMatrixProductState: (library.SetMatrixProductState(mps), "matrix_product_state"),
    }


def controlled_gates():
    kinds = {kind for kind in vars(name_mapping).values() if isinstance(kind, type)}
    return {kind for kind in kinds if kind.__module__ == name_mapping.__name__}


def travel(circuit):
    """A circuit after a trip; also that the trip does not change the circuit and always gives the same bytes."""
    before = [(row.operation, row.qubits, row.clbits) for row in circuit.data]
    data = encode_circuits([circuit])
    assert encode_circuits([circuit]) == data
    after = [(row.operation, row.qubits, row.clbits) for row in circuit.data]
    assert [(type(a[0]), *a[1:]) for a in before] == [(type(a[0]), *a[1:]) for a in after]
    (decoded,) = decode_circuits(data)
    assert encode_circuits([decoded]) == data
    return decoded


def assert_same_operation(first, second, assert_same):
    assert type(first) is type(second)
    one, other = dict(vars(first)), dict(vars(second))
    for lazy in ("_definition", "_quantum_error", "store", "condition", "condition_expr"):
        one.pop(lazy, None)
        other.pop(lazy, None)
    if "_params" in one:
        one["_params"], other["_params"] = list(first.params), list(second.params)
    assert one.keys() == other.keys()
    for name in one:
        assert_same(one[name], other[name], f"{first.name}.{name}")


def test_every_instruction_of_aer_is_known():
    listed = {getattr(library, name) for name in library.__all__}
    assert listed == set(SAVES) | set(SETS)
    assert listed == set(SAVE_ARGUMENTS) | set(set_cases())
    flows = {kind for kind in vars(flow).values() if isinstance(kind, type)}
    assert flows <= set(OTHERS)
    everything = {kind for kind in _subclasses(Instruction) if str(kind.__module__).startswith("qiskit_aer.")}
    bases = {base for kind in everything for base in kind.__mro__[1:]}
    assert everything - bases == listed | flows | controlled_gates() | {QuantumChannelInstruction, QuantumErrorLocation}


def _subclasses(kind):
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


@pytest.mark.parametrize(("kind", "arguments", "options", "method"), list(save_cases()))
def test_save(kind, arguments, options, method, run_local, assert_same):
    circuit = QuantumCircuit(2, 2, name="état")
    circuit.h(0)
    circuit.cx(0, 1)
    if method not in ("unitary", "superop"):
        circuit.measure(0, 0)
        circuit.h(1)
    circuit.append(kind(*arguments, label="état η", **options), [1, 0])
    decoded = travel(circuit)
    assert_same_operation(circuit.data[-1].operation, decoded.data[-1].operation, assert_same)
    assert [decoded.find_bit(qubit).index for qubit in decoded.data[-1].qubits] == [1, 0]
    output = run_local(circuit, method=method)
    assert_same(output, run_local(decoded, method=method))
    # Some saves only work on all qubits in their order.
    circuit.data[-1] = circuit.data[-1].replace(qubits=circuit.qubits)
    output = run_local(circuit, method=method)
    assert output["success"]
    assert "état η" in output["results"][0]["data"]
    assert_same(output, run_local(travel(circuit), method=method))


@pytest.mark.parametrize("kind", SETS, ids=lambda kind: kind.__name__)
def test_set(kind, run_local, assert_same):
    operation, method = set_cases()[kind]
    circuit = QuantumCircuit(2, 2)
    circuit.append(operation, [0, 1])
    circuit.save_state(label="then")
    decoded = travel(circuit)
    assert_same_operation(operation, decoded.data[0].operation, assert_same)
    output = run_local(circuit, method=method)
    assert output["success"]
    assert_same(output, run_local(decoded, method=method))


def test_amplitudes_beyond_64_bits(assert_same):
    circuit = QuantumCircuit(80)
    circuit.save_amplitudes([0, 2**79 + 1])
    operation = travel(circuit).data[0].operation
    assert operation.params == [0, 2**79 + 1]
    assert all(type(value) is int for value in operation.params)


@pytest.mark.parametrize(
    "error",
    [
        depolarizing_error(0.3, 1),
        amplitude_damping_error(0.3),
        PauliError(["X", "I"], [0.25, 0.75]),
        PauliLindbladError(["X", "Z"], [0.1, 0.2]),
        QuantumError([(Delay(7), 0.5), (PauliGate("Y"), 0.5)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_quantum_error(error, run_local, assert_same):
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.append(error.to_instruction(), [1])
    circuit.append(error.to_instruction(), [0])
    circuit.measure([0, 1], [0, 1])
    decoded = travel(circuit)
    arrived = decoded.data[2].operation
    assert type(arrived) is QuantumChannelInstruction
    assert arrived._quantum_error == error
    assert arrived._quantum_error.id == error.id
    assert_same(arrived._quantum_error.to_dict(), error.to_dict())
    output = run_local(circuit, shots=50)
    assert output["success"]
    assert_same(output, run_local(decoded, shots=50))


@pytest.mark.parametrize(
    "operation",
    [
        Kraus(amplitude_damping_error(0.3)).to_instruction(),
        SuperOp(amplitude_damping_error(0.3)).to_instruction(),
        UnitaryGate(UNITARY, label="ü"),
        UCGate([UNITARY, random_unitary(2, seed=5).data]),
        UCGate([UNITARY, UNITARY], mux_simp=False, up_to_diagonal=True),
        DiagonalGate([1, -1j]),
        PauliGate("XZ"),
        Initialize([0.6, 0.8j]),
        Initialize("+r"),
        Initialize(2, 3),
        MCXGate(3),
        MCXGate(2, ctrl_state=1),
        MCPhaseGate(0.3, 2, ctrl_state=2),
        Delay(3),
        Delay(2.5, "us"),
        Delay(10, "ns"),
        Gate("mcry", 3, [0.25]),
        Gate("rx", 1, [0.5], label="ü"),
        Instruction("multiplexer", 2, 0, [UNITARY, UNITARY]),
        Instruction("diagonal", 1, 0, [np.complex128(1), np.complex128(1j)]),
        QuantumErrorLocation(depolarizing_error(0.1, 1)),
    ],
    ids=lambda operation: f"{type(operation).__name__}-{operation.name}",
)
def test_other_instructions(operation, run_local, assert_same):
    circuit = QuantumCircuit(operation.num_qubits, operation.num_clbits)
    circuit.h(circuit.qubits)
    circuit.append(operation, circuit.qubits, circuit.clbits)
    circuit.measure_all()
    decoded = travel(circuit)
    index = circuit.num_qubits
    assert_same_operation(circuit.data[index].operation, decoded.data[index].operation, assert_same)
    assert_same(
        run_local(circuit, method="density_matrix"),
        run_local(decoded, method="density_matrix"),
    )


@pytest.mark.parametrize("kind", GATES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("state", [None, 1])
def test_gates_of_aer(kind, state, run_local, assert_same):
    gate = kind(0.1, 0.2, 2, ctrl_state=state)
    gate.label = "mç"
    circuit = QuantumCircuit(4)
    circuit.h(range(gate.num_qubits))
    circuit.append(gate, range(gate.num_qubits))
    circuit.save_statevector()
    arrived = travel(circuit)
    operation = arrived.data[gate.num_qubits].operation
    assert type(operation) is kind
    assert (operation.name, operation.params, operation.label) == (gate.name, gate.params, "mç")
    assert (operation.num_ctrl_qubits, operation.ctrl_state) == (2, gate.ctrl_state)
    assert_same(run_local(circuit), run_local(arrived))


def test_gate_of_aer_with_parameters():
    first, second = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(3)
    circuit.append(name_mapping.MCU2Gate(first, 2 * second, 2), range(3))
    arrived = travel(circuit)
    assert arrived.data[0].operation.params == [first, 2 * second]
    assert set(arrived.parameters) == {first, second}


@pytest.mark.parametrize("kind", sorted(controlled_gates() - set(GATES), key=str), ids=lambda kind: kind.__name__)
def test_other_gates_of_aer_cannot_be_made(kind):
    angles = len(inspect.signature(kind).parameters) - 2
    for controls in range(1, 4):
        with pytest.raises(CircuitError, match="number of control qubits"):
            kind(*[0.1] * angles, controls)


def test_readout_error_instruction(run_local, assert_same):
    circuit = QuantumCircuit(1, 3)
    circuit.append(ReadoutError([[0.9, 0.1], [0.2, 0.8]]).to_instruction(), [], [2])
    decoded = travel(circuit)
    row = decoded.data[0]
    assert_same_operation(circuit.data[0].operation, row.operation, assert_same)
    assert [decoded.find_bit(clbit).index for clbit in row.clbits] == [2]
    assert_same(run_local(circuit), run_local(decoded))


@pytest.mark.parametrize("name", sorted(get_standard_gate_name_mapping().keys() - {"delay", "measure"}))
def test_standard_gates(name, assert_same):
    gate = get_standard_gate_name_mapping()[name]
    angles = [0.1 * (index + 1) for index in range(len(gate.params))]
    gate = gate.base_class(*angles) if angles else gate
    variants = [gate]
    if name != "reset":
        variants.append(gate.to_mutable())
        variants[-1].label = "é"
    if getattr(gate, "num_ctrl_qubits", 0):
        variants.append(gate.base_class(*angles, ctrl_state=0))
        variants.append(gate.base_class(*angles, ctrl_state=0, label="é"))
    circuit = QuantumCircuit(gate.num_qubits)
    for variant in variants:
        circuit.append(variant, circuit.qubits)
    decoded = travel(circuit)
    assert [row.label for row in decoded.data] == [variant.label for variant in variants]
    for one, other in zip(circuit.data, decoded.data, strict=True):
        assert_same_operation(one.operation, other.operation, assert_same)
        assert one.operation == other.operation


def test_jump_and_mark(run_local, assert_same):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    jumps = [
        flow.AerJump("end", 2, 2).set_conditional((circuit.clbits[0], 1)),
        flow.AerJump("end", 2).set_conditional((circuit.cregs[0], 3)),
        flow.AerJump("end", 2).set_conditional(expr.logic_and(circuit.clbits[0], circuit.clbits[1])),
        flow.AerJump("start", 2),
    ]
    circuit.append(jumps[0], [0, 1], [1, 0])
    circuit.append(jumps[1], [0, 1])
    circuit.append(jumps[2], [0, 1])
    circuit.x(1)
    circuit.append(flow.AerMark("end", 2), [0, 1])
    circuit.measure(1, 1)
    decoded = travel(circuit)
    rows = [row for row in decoded.data if row.name == "jump"]
    assert [row.operation.params for row in rows] == [["end"]] * 3
    assert rows[0].operation.condition == (decoded.clbits[0], 1)
    assert rows[0].clbits == (decoded.clbits[1], decoded.clbits[0])
    assert rows[1].operation.condition == (decoded.cregs[0], 3)
    assert expr.structurally_equivalent(rows[2].operation.condition_expr, jumps[2].condition_expr)
    assert [row.name for row in decoded.data] == [row.name for row in circuit.data]
    output = run_local(circuit, shots=20)
    assert output["success"]
    assert_same(output, run_local(decoded, shots=20))


def test_store_of_aer(run_local, assert_same):
    circuit = QuantumCircuit(1, 2)
    variable = circuit.add_var("größe", expr.lift(False))
    store = circuit.data[0].operation
    circuit.append(flow.AerStore(1, 2, store), [0], [0, 1])
    circuit.save_statevector()
    decoded = travel(circuit)
    arrived = decoded.data[1].operation
    assert type(arrived) is flow.AerStore
    assert arrived.store.lvalue == variable
    assert arrived.params == [store.lvalue, store.rvalue]
    assert_same(run_local(circuit), run_local(decoded))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "ps", "dt"])
def test_delay_keeps_unit_and_parameter(unit):
    duration = Parameter("t")
    circuit = QuantumCircuit(1)
    circuit.delay(duration, 0, unit)
    circuit.delay(3, 0, unit)
    decoded = travel(circuit)
    assert [row.operation.unit for row in decoded.data] == [unit, unit]
    assert decoded.data[0].operation.duration == duration
    assert set(decoded.parameters) == {duration}
    assert type(decoded.data[1].operation.duration) is (int if unit == "dt" else float)


def test_qpy_alone_would_lose_the_unit():
    circuit = QuantumCircuit(1)
    circuit.delay(3, 0, "us")
    (alone,) = programs.load(programs.dump([circuit]))
    assert alone.data[0].operation.unit == "dt"


def test_composite_that_holds_instructions_of_aer(assert_same, run_local):
    angle = Parameter("θ")
    inner = QuantumCircuit(2, name="inner")
    inner.rx(2 * angle, 0)
    inner.append(depolarizing_error(0.2, 1).to_instruction(), [1])
    inner.save_statevector(label="within")
    outer = QuantumCircuit(2, 1, name="outer")
    outer.append(inner.to_instruction(label="λ"), [1, 0])
    circuit = QuantumCircuit(2, 1)
    circuit.append(outer.to_instruction(), [0, 1], [0])
    circuit.append(outer.to_instruction(), [1, 0], [0])
    decoded = travel(circuit)
    assert decoded.parameters == circuit.parameters
    first, second = (row.operation for row in decoded.data)
    assert first.definition is not None
    nested = first.definition.data[0].operation
    assert (nested.name, nested.label) == ("inner", "λ")
    assert nested.params == [angle]
    assert [row.name for row in nested.definition.data] == ["rx", "quantum_channel", "save_statevector"]
    assert second.definition.data[0].operation.definition.data[2].operation._label == "within"
    flat = circuit.assign_parameters({angle: 0.3}).decompose(reps=2)
    arrived = decoded.assign_parameters({angle: 0.3}).decompose(reps=2)
    for one, other in zip(flat.data, arrived.data, strict=True):
        assert one.name == other.name
    assert_same(run_local(circuit.assign_parameters([0.3])), run_local(decoded.assign_parameters([0.3])))


def test_names_that_aer_compiles():
    assert {"kraus", "save_state", "initialize", "store", "jump", "mark", "delay"} <= AER_NAMES
