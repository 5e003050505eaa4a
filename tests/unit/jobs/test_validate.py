import re

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction, Parameter, ParameterVector, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit.circuit.controlflow import BoxOp, BreakLoopOp
from qiskit.circuit.library import (
    BlueprintCircuit,
    CCXGate,
    CXGate,
    HGate,
    PauliEvolutionGate,
    QFTGate,
    RCCXGate,
    U2Gate,
)
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Kraus, SparsePauliOp, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.library.control_flow_instructions import AerJump, AerMark
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from aerq.jobs.errors import QobjValidationError
from aerq.jobs.options import RunOptions
from aerq.jobs.validate import validate_circuits

OPTIONS = RunOptions(shots=4, memory=False, seed_simulator=1)
A, B = Parameter("a"), Parameter("b")


def circuit_with(build, qubits=3) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, qubits, name="mine")
    build(circuit)
    return circuit


def validate(circuits, binds=None, **keywords) -> None:
    if isinstance(circuits, QuantumCircuit):
        circuits = [circuits]
    validate_circuits(circuits, binds, OPTIONS, **keywords)


def run_locally(circuits, binds=None):
    return AerSimulator().run(circuits, parameter_binds=binds, shots=4, seed_simulator=1).result()


def if_else(circuit):
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.append(CXGate(ctrl_state=0), [1, 2])


def for_loop(circuit):
    index = Parameter("i")
    with circuit.for_loop(range(3), index):
        circuit.rx(index, 0)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.cregs[0], 1)):
            circuit.break_loop()


def while_loop(circuit):
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((0, 1)):
        circuit.x(0)
        circuit.measure(0, 0)


def switch(circuit):
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0):
            circuit.x(0)
        with case(case.DEFAULT):
            circuit.y(0)


def expression(circuit):
    with circuit.if_test(expr.logic_not(expr.equal(circuit.cregs[0], 3))):
        circuit.x(0)


def uint_variable(circuit):
    variable = circuit.add_var("v", expr.lift(2, types.Uint(4)))
    with circuit.if_test(expr.equal(variable, 2)):
        circuit.x(0)


def jump(circuit):
    circuit.append(AerJump("there", 3), range(3))
    circuit.append(AerMark("there", 3), range(3))


def channels(circuit):
    circuit.append(depolarizing_error(0.1, 1).to_instruction(), [0])
    circuit.append(Kraus(depolarizing_error(0.1, 1)).to_instruction(), [0])
    circuit.measure(0, 0)
    circuit.append(ReadoutError([[0.9, 0.1], [0.2, 0.8]]).to_instruction(), [], [0])


def idle_loop(circuit):
    with circuit.for_loop(range(2)):
        circuit.h(1)


def measured_body(circuit):
    with circuit.if_test((2, 1)):
        circuit.measure(0, 0)


ACCEPTED = {
    "nothing": lambda c: None,
    "standard gates": lambda c: (c.h(0), c.cx(0, 1), c.u(0.1, 0.2, 0.3, 2), c.rzx(1, 0, 1), c.ecr(0, 1)),
    "integer angle": lambda c: c.rx(1, 0),
    "labelled gate": lambda c: c.append(HGate(label="noisy"), [0]),
    "open control": lambda c: (
        c.append(CXGate(ctrl_state=0), [0, 1]),
        c.append(CCXGate(ctrl_state=1), [0, 1, 2]),
    ),
    "many controls": lambda c: (c.mcx([0, 1], 2), c.mcp(0.1, [0, 1], 2)),
    "controlled u2": lambda c: c.append(U2Gate(0.1, 0.2).control(), [0, 1]),
    "own gate of a known name": lambda c: c.append(Gate("h", 1, []), [0]),
    "unitary": lambda c: c.unitary(np.eye(4), [0, 1]),
    "labelled unitary": lambda c: c.unitary(np.eye(2), [0], label="noisy"),
    "diagonal, pauli": lambda c: (c.append(_diagonal(), [0]), c.pauli("XYZ", range(3))),
    "multiplexer": lambda c: c.append(_multiplexer(), [0, 1]),
    "initialize with amplitudes": lambda c: c.initialize([1, 1j], [0], normalize=True),
    "initialize with an integer": lambda c: c.initialize(3, [0, 1]),
    "initialize with a label": lambda c: c.initialize("r1", [0, 1]),
    "delay": lambda c: (c.delay(100, 0), c.delay(1.5, 1, "us")),
    "barrier and reset": lambda c: (c.barrier(), c.reset(0)),
    "saves": lambda c: (
        c.save_statevector(),
        c.save_probabilities(label="p"),
        c.save_expectation_value(SparsePauliOp("ZZZ"), range(3)),
        c.save_amplitudes([0, 1]),
    ),
    "set": lambda c: c.set_statevector(np.eye(8)[0]),
    "superop": lambda c: c.append(SuperOp(np.eye(4)).to_instruction(), [0]),
    "channels": channels,
    "if": if_else,
    "for": for_loop,
    "while": while_loop,
    "switch": switch,
    "expression": expression,
    "jump": jump,
    "global phase": lambda c: setattr(c, "global_phase", 0.5),
}


def _diagonal():
    from qiskit.circuit.library import DiagonalGate

    return DiagonalGate([1, -1])


def _multiplexer():
    from qiskit.circuit.library import UCGate

    return UCGate([np.eye(2), np.array([[0, 1], [1, 0]])])


REFUSED = {
    "unknown standard gate": (lambda c: c.iswap(0, 1), "'iswap'.*transpile it for this backend"),
    "unknown gate": (lambda c: c.append(QFTGate(3), range(3)), "'qft'.*transpile it for this backend"),
    "opaque gate": (lambda c: c.append(Gate("mystery", 1, []), [0]), "'mystery'.*transpile"),
    "gate in a body": (lambda c: _in_body(c, lambda b: b.append(RCCXGate(), range(3))), "'rccx'.*transpile"),
    "evolution": (
        lambda c: c.append(PauliEvolutionGate(SparsePauliOp("XX")), [0, 1]),
        "'PauliEvolution'.*transpile",
    ),
    "state preparation": (lambda c: c.prepare_state([1, 0], [0]), "'state_preparation'.*transpile"),
    "box": (lambda c: c.append(BoxOp(QuantumCircuit(1)), [0], []), "'box'"),
    "name that looks like an open control": (lambda c: c.append(Gate("h_op", 1, []), [0]), "'h_op'"),
    "known name, other parameters": (lambda c: c.append(Gate("u", 1, [0.1]), [0]), "'u'"),
    "save that lost its class": (
        lambda c: c.append(Instruction("save_statevector", 3, 0, []), range(3)),
        "'save_statevector'",
    ),
    "channel that lost its class": (
        lambda c: c.append(Instruction("quantum_channel", 1, 0, []), [0]),
        "'quantum_channel'",
    ),
    "break without a loop": (lambda c: c.append(BreakLoopOp(3, 3), range(3), range(3)), "'break_loop'"),
    "shift": (
        lambda c: _conditional(c, expr.equal(expr.shift_left(c.cregs[0], 1), 2)),
        "condition.*SHIFT_LEFT",
    ),
    "index": (lambda c: _conditional(c, expr.index(c.cregs[0], 1)), "condition.*Index"),
    "boolean variable": (lambda c: c.add_var("flag", expr.lift(True)), "'flag'.*Bool"),
    "float variable": (lambda c: c.add_var("angle", expr.lift(1.5, types.Float())), "'angle'.*Float"),
}


def _in_body(circuit, build):
    body = QuantumCircuit(3)
    build(body)
    circuit.if_test((circuit.clbits[0], 1), body, range(3), [])


def _conditional(circuit, condition):
    with circuit.if_test(condition):
        circuit.x(0)


class TestWhatAerTakes:
    @pytest.mark.parametrize("name", ACCEPTED)
    def test_is_accepted(self, name):
        circuit = circuit_with(ACCEPTED[name])
        run_locally(circuit)  # raises where Aer's Python would refuse
        validate(circuit)

    @pytest.mark.parametrize("name", REFUSED)
    def test_and_what_it_does_not_is_refused_by_name(self, name):
        build, words = REFUSED[name]
        circuit = circuit_with(build)
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever Aer raises
            run_locally(circuit)
        with pytest.raises(QobjValidationError, match=f"circuit 1 \\('mine'\\).*{words}"):
            validate([QuantumCircuit(1), circuit])

    @pytest.mark.parametrize("name", ["cx", "rz", "barrier", "save_statevector"])
    def test_a_device_backend_takes_its_own_gates(self, name):
        backend = AerSimulator.from_backend(GenericBackendV2(3, seed=1))
        basis = backend.configuration().basis_gates
        circuit = circuit_with(
            {
                "cx": lambda c: c.cx(0, 1),
                "rz": lambda c: c.rz(0.1, 0),
                "barrier": lambda c: c.barrier(),
                "save_statevector": lambda c: c.save_statevector(),
            }[name]
        )
        backend.run(circuit, shots=1).result()
        validate(circuit, basis_gates=basis)

    @pytest.mark.parametrize("build", [lambda c: c.h(0), lambda c: c.mcx([0, 1, 2], 3)])
    def test_a_device_backend_refuses_others(self, build):
        backend = AerSimulator.from_backend(GenericBackendV2(4, seed=1))
        circuit = circuit_with(build, 4)
        with pytest.raises(Exception, match="unknown instruction"):
            backend.run(circuit, shots=1).result()
        with pytest.raises(QobjValidationError, match="this backend does not have: transpile"):
            validate(circuit, basis_gates=backend.configuration().basis_gates)
        validate(circuit)


class TestWhatFailsTheWholeBatchLater:
    def test_two_saves_of_one_label(self):
        circuit = circuit_with(lambda c: (c.save_statevector(), c.save_density_matrix(label="statevector")))
        assert not run_locally(circuit).success
        with pytest.raises(QobjValidationError, match="'statevector' more than once"):
            validate(circuit)

    def test_a_save_in_an_unrolled_loop(self):
        def build(circuit):
            with circuit.for_loop(range(2)):
                circuit.save_statevector()

        circuit = circuit_with(build)
        assert not run_locally(circuit).success
        with pytest.raises(QobjValidationError, match="'statevector' more than once"):
            validate(circuit)

    @pytest.mark.parametrize(
        ("build", "words"),
        [
            (lambda c: (idle_loop(c), c.measure(2, 2)), "control flow on qubits"),
            (lambda c: (c.h(0), measured_body(c)), "measurement as the last thing"),
        ],
    )
    def test_control_flow_that_it_cannot_load(self, build, words):
        circuit = circuit_with(build)
        assert not run_locally(circuit).results
        with pytest.raises(QobjValidationError, match=words):
            validate(circuit)

    def test_expressions_over_bits_that_nothing_measures(self):
        """With noise Aer aborts the process here."""
        model = NoiseModel()
        model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
        options = RunOptions(shots=4, memory=False, seed_simulator=1, noise_model=model)
        circuit = circuit_with(lambda c: (c.measure(0, 0), expression(c)))
        with pytest.raises(QobjValidationError, match="expression over classical bits that nothing measures"):
            validate_circuits([circuit], None, options)
        validate(circuit)
        measured = circuit_with(lambda c: (c.measure(2, 2), expression(c)))
        assert AerSimulator().run(measured, shots=4, noise_model=model).result().success
        validate_circuits([measured], None, options)

    @pytest.mark.parametrize(
        "build",
        [
            lambda c: (idle_loop(c), c.measure(range(3), range(3))),
            lambda c: (idle_loop(c), c.measure(0, 0)),
            lambda c: (c.measure(2, 2), idle_loop(c)),
            lambda c: (measured_body(c), c.measure(0, 0)),
        ],
    )
    def test_but_not_control_flow_that_it_can(self, build):
        circuit = circuit_with(build)
        assert run_locally(circuit).success
        validate(circuit)

    def test_a_jump_to_nowhere(self):
        circuit = circuit_with(lambda c: (c.append(AerJump("there", 3), range(3)), c.measure(0, 0)))
        assert not run_locally(circuit).success
        with pytest.raises(QobjValidationError, match="jump to a mark that is not there"):
            validate(circuit)


class TestNumbers:
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize(
        "build",
        [
            lambda c, value: c.rx(value, 0),
            lambda c, value: c.u(0.1, value, 0.2, 0),
            lambda c, value: c.mcp(value, [0, 1], 2),
            lambda c, value: setattr(c, "global_phase", value),
            lambda c, value: c.append(Instruction("kraus", 1, 0, [np.full((2, 2), value)]), [0]),
            lambda c, value: _in_body(c, lambda body: body.rx(value, 0)),
        ],
    )
    def test_that_are_not_finite_are_refused(self, build, value):
        circuit = circuit_with(lambda c: build(c, value))
        with pytest.raises(QobjValidationError, match=r"circuit 0.*finite"):
            validate(circuit)

    def test_of_huge_size_are_fine(self):
        validate(circuit_with(lambda c: c.u(1e308, 1e308, 1e308, 0)))

    def test_in_binds_are_refused(self):
        with pytest.raises(QobjValidationError, match=r"value 1 of a for circuit 0.*nan"):
            validate(circuit_with(lambda c: c.rx(A, 0)), [{A: [0.1, float("nan")]}])


def sweep(circuit):
    circuit.rx(A + B, 0)
    circuit.rx(B, 0)
    circuit.measure(0, 0)


BINDS_TAKEN = [
    {A: [1, 2], B: [3, 4]},
    {A: np.array([1.0, 2.0]), B: np.array([3, 4])},
    {A: (1, 2), B: range(2)},
    {A: [np.float32(0.1), True], B: [np.int8(1), 2.0]},
    {A: [1, 2], B: [3, 4], Parameter("unused"): [5, 6]},
]
BINDS_REFUSED = [
    ({A: [1, 2], B: [1]}, "unequal length"),
    ({A: [1, 2]}, "lack values for b"),
    ({"a": [1], "b": [1]}, "lack values for a, b; its keys must be the Parameter"),
    ({}, "lack values for a, b"),
    ({A: 1.0, B: 2.0}, "values of a.*must be a list"),
    ({A: ["1"], B: [1]}, "values of a.*real numbers"),
    ({A: [1j], B: [1]}, "values of a.*real numbers"),
    ({A: np.array([[1], [2]]), B: np.array([[1], [2]])}, "values of a.*must be a list"),
]


class TestBinds:
    @pytest.mark.parametrize("binds", BINDS_TAKEN)
    def test_that_aer_takes_are_accepted(self, binds):
        circuit = circuit_with(sweep)
        assert len(run_locally(circuit, [binds]).results) == 2
        validate(circuit, [binds])

    @pytest.mark.parametrize(("binds", "words"), BINDS_REFUSED)
    def test_that_it_does_not_are_refused(self, binds, words):
        circuit = circuit_with(sweep)
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever Aer raises
            run_locally(circuit, [binds])
        with pytest.raises(QobjValidationError, match=words) as refusal:
            validate(circuit, [binds])
        assert "circuit 0 ('mine')" in str(refusal.value)

    def test_without_values_crash_aer_and_are_refused(self):
        with pytest.raises(QobjValidationError, match="nothing to run"):
            validate(circuit_with(sweep), [{A: [], B: []}])

    @pytest.mark.parametrize("binds", [None, []])
    def test_missing_for_parameters_are_refused(self, binds):
        circuit = circuit_with(sweep)
        with pytest.raises(QobjValidationError, match="parameters without values \\(a, b\\)"):
            validate(circuit, binds)

    def test_long_lists_of_names_are_cut(self):
        vector = ParameterVector("v", 9)
        circuit = circuit_with(lambda c: [c.rx(p, 0) for p in vector])
        with pytest.raises(QobjValidationError, match=re.escape("v[4] and 4 more")):
            validate(circuit)
        validate(circuit, [{parameter: [0.1] for parameter in vector}])

    @pytest.mark.parametrize("binds", [[{}], [{}, {}, {}], {A: [1]}, "ab"])
    def test_one_dictionary_for_each_circuit(self, binds):
        with pytest.raises(QobjValidationError, match="parameter_binds"):
            validate([QuantumCircuit(1), QuantumCircuit(1)], binds)

    def test_a_dictionary_and_not_a_list(self):
        with pytest.raises(QobjValidationError, match="must be a dictionary"):
            validate(circuit_with(sweep), [[(A, [1])]])

    def test_loop_variables_need_no_values(self):
        validate(circuit_with(for_loop))

    def test_parameters_in_bodies_need_values(self):
        circuit = circuit_with(lambda c: _in_body(c, lambda body: body.rx(A, 0)))
        with pytest.raises(QobjValidationError, match="parameters without values \\(a\\)"):
            validate(circuit)
        validate(circuit, [{A: [0.1]}])

    def test_parameterised_phase_with_runtime_binding_is_refused(self):
        circuit = circuit_with(lambda c: (c.rx(A, 0), setattr(c, "global_phase", A)))
        options = RunOptions(shots=1, memory=False, seed_simulator=1, aer={"runtime_parameter_bind_enable": True})
        with pytest.raises(QobjValidationError, match="runtime_parameter_bind_enable"):
            validate_circuits([circuit], [{A: [0.1, 0.2]}], options)
        validate(circuit, [{A: [0.1, 0.2]}])


class TestOtherThings:
    def test_no_circuit(self):
        with pytest.raises(QobjValidationError, match="no circuit"):
            validate([])

    @pytest.mark.parametrize("thing", [None, "qasm", HGate(), [QuantumCircuit(1)]])
    def test_that_are_no_circuits(self, thing):
        with pytest.raises(QobjValidationError, match=f"element 1.*{type(thing).__name__}"):
            validate([QuantumCircuit(1), thing])

    def test_variables_need_the_room_that_aer_forgets(self):
        """Alone, the circuit aborts the process; beside one with more classical bits it runs."""
        circuit = circuit_with(lambda c: (uint_variable(c), c.measure(0, 0)))
        with pytest.raises(QobjValidationError, match=r"classical variables.*aborts"):
            validate(circuit)
        roomy = QuantumCircuit(1, 20)
        roomy.measure(0, 0)
        assert run_locally([circuit, roomy]).success
        validate([circuit, roomy])

    def test_whole_states_of_narrow_circuits_need_truncation(self):
        """With noise Aer aborts the process here; without, the experiment fails."""
        narrow, wide = circuit_with(lambda c: c.save_statevector(), 2), QuantumCircuit(3)
        options = RunOptions(shots=1, memory=False, seed_simulator=1, aer={"enable_truncation": False})
        with pytest.raises(QobjValidationError, match=r"'save_statevector' on 2 qubits.*3 of the widest"):
            validate_circuits([wide, narrow], None, options)
        validate_circuits([narrow], None, options)
        validate([wide, narrow])

    def test_multiplexers_whose_qubits_are_renumbered(self):
        """Aer writes beside the memory of its state, and some runs end the process."""

        def circuit(qubits, measured):
            built = QuantumCircuit(4, 4)
            built.append(_multiplexer(), qubits)
            built.measure(measured, measured)
            return built

        refused = [circuit([0, 2], [0]), circuit([2, 3], [2]), circuit([1, 2], [0, 2, 3])]
        refused[2].data.pop(1)  # qubit 0 is not measured after all
        for one in refused:
            with pytest.raises(QobjValidationError, match="'multiplexer' behind a qubit on which no result depends"):
                validate([one])
            options = RunOptions(shots=1, memory=False, seed_simulator=1, aer={"enable_truncation": False})
            validate_circuits([one], None, options)
        body = QuantumCircuit(4, 4)
        body.measure(0, 0)
        with body.if_test((body.clbits[0], True)):
            body.append(_multiplexer(), [1, 3])
        body.measure(3, 3)
        with pytest.raises(QobjValidationError, match="'multiplexer' behind a qubit"):
            validate([body])
        validate([circuit([0, 1], [0]), circuit([1, 0], [1]), circuit([1, 3], [0, 1, 2, 3])])

    def test_the_circuit_is_left_as_it_was(self):
        circuit = circuit_with(lambda c: (sweep(c), channels(c), if_else(c)))
        before = circuit.copy()
        validate(circuit, [{A: [1], B: [2]}])
        assert circuit == before


class _Unbuilt(BlueprintCircuit):
    """Has nothing in it before somebody asks Qiskit for it."""

    def __init__(self, angle=0.5, gate=None):
        super().__init__(QuantumRegister(3))
        self._angle, self._gate = angle, gate

    def _check_configuration(self, raise_on_failure=True):
        return True

    def _build(self):
        if not self._is_built:
            super()._build()
            self.rx(self._angle, 0)
            if self._gate is not None:
                self.append(self._gate, range(3))


@pytest.mark.filterwarnings("ignore:.*BlueprintCircuit.*:DeprecationWarning")
def test_a_circuit_that_qiskit_has_not_built_yet_is_looked_at():
    """Promise 2: what stands in it is known only once it is built."""
    assert not _Unbuilt()._data
    validate([_Unbuilt()])
    with pytest.raises(QobjValidationError, match=r"'qft'.*transpile it for this backend"):
        validate([_Unbuilt(gate=QFTGate(3))])
    with pytest.raises(QobjValidationError, match="not a finite number"):
        validate([_Unbuilt(float("nan"))])
