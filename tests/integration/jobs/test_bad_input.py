"""What cannot run as it would locally is refused by `run()`, by name and in one sentence, and nothing is sent."""

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction, Parameter
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import HGate, QFTGate, RXGate, UCGate
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.library import SaveExpectationValue
from qiskit_aer.noise import NoiseModel, QuantumError
from qiskit_aer.noise.passes import LocalNoisePass, RelaxationNoisePass

from aerq.jobs import AerqProvider, JobError, QobjValidationError

THETA, PHI = Parameter("θ"), Parameter("φ")


def measured(build, qubits=2, name="mine"):
    circuit = QuantumCircuit(qubits, qubits, name=name)
    build(circuit)
    circuit.measure(range(qubits), range(qubits))
    return circuit


def plain():
    return measured(lambda circuit: circuit.h(0), name="plain")


def rotated():
    return measured(lambda circuit: (circuit.rx(THETA, 0), circuit.ry(PHI, 1)), name="rotated")


def with_an_object(circuit):
    gate = Gate("mystery", 1, [])
    gate._params = [object()]
    circuit.append(gate, [0])


def with_an_object_in_rx(circuit):
    gate = RXGate(0.0).to_mutable()
    gate._params = [object()]
    circuit.append(gate, [0])


def save_of_another_class(circuit):
    class SaveMine(SaveExpectationValue):
        pass

    circuit.append(SaveMine(SparsePauliOp("Z")), [0])


def nested(depth, kind):
    """Control flow within control flow; built from the inside, because the builder calls itself."""
    body = QuantumCircuit(1, 1)
    body.x(0)
    for _ in range(depth):
        outer = QuantumCircuit(1, 1)
        if kind == "if":
            outer.if_test((outer.clbits[0], 1), body, [0], [0])
        elif kind == "while":
            outer.while_loop((outer.clbits[0], 1), body, [0], [0])
        elif kind == "for":
            outer.for_loop(range(2), None, body, [0], [0])
        else:
            outer.switch(outer.clbits[0], [(0, body)], [0], [0])
        body = outer
    body.name = "deep"
    body.measure(0, 0)
    return body


def deep_expression(depth):
    circuit = QuantumCircuit(1, 1, name="deep")
    circuit.measure(0, 0)
    condition = expr.lift(circuit.clbits[0])
    for _ in range(depth):
        condition = expr.logic_not(condition)
    with circuit.if_test(condition):
        circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def deep_definition(depth):
    gate = QuantumCircuit(1, name="level 0")
    gate.append(HGate(), [0])
    for level in range(depth):
        outer = QuantumCircuit(1, name=f"level_{level + 1}")
        outer.append(gate.to_gate(), [0])
        gate = outer
    return measured(lambda circuit: circuit.append(gate.to_gate(), [0]), name="deep")


def custom_pass(function=lambda op, qubits: None):
    model = NoiseModel()
    model._custom_noise_passes.append(LocalNoisePass(function, op_types=HGate))
    return model


class MyError(QuantumError):
    """An error of a class that aerq does not know."""


class MyPass(RelaxationNoisePass):
    """A pass of a class that aerq does not know."""


def with_my_error():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(MyError([([(HGate(), [0])], 1.0)]), "x", warnings=False)
    return model


def with_my_pass():
    model = NoiseModel()
    model._custom_noise_passes.append(MyPass([1.0], [1.0], dt=1e-9))
    return model


def variable(circuit):
    circuit.add_var("count", expr.lift(3, types.Uint(4)))


def behind_idle_qubits():
    circuit = QuantumCircuit(3, 3, name="mine")
    circuit.append(UCGate([np.eye(2), np.eye(2)]), [1, 2])
    circuit.measure([1, 2], [1, 2])
    return circuit


def mine(build):
    return lambda: measured(build)


CIRCUITS = {
    "an opaque gate": (mine(lambda c: c.append(Gate("mystery", 1, []), [0])), r"'mine'.*'mystery'.*transpile"),
    "an opaque instruction": (mine(lambda c: c.append(Instruction("odd", 1, 0, []), [0])), r"'mine'.*'odd'"),
    "an object as a parameter": (mine(with_an_object), r"'mine'.*'mystery'"),
    "an object as a parameter of a gate that Aer has": (mine(with_an_object_in_rx), r"'mine'.*'rx'"),
    "a save instruction of another class": (mine(save_of_another_class), r"'mine'.*SaveMine"),
    "a gate that is not in Aer's basis": (
        mine(lambda c: c.append(QFTGate(2), [0, 1])),
        r"'mine'.*'qft'.*transpile it for this backend",
    ),
    "NaN as an angle": (mine(lambda c: c.rx(math.nan, 0)), r"'mine'.*'rx'.*not a finite number \(nan\)"),
    "an infinite angle": (mine(lambda c: c.u(0, math.inf, 0, 0)), r"'mine'.*'u'.*not a finite number"),
    "NaN in numpy's clothes": (mine(lambda c: c.p(np.float64("nan"), 0)), r"'mine'.*'p'.*not a finite number"),
    "NaN as a global phase": (mine(lambda c: setattr(c, "global_phase", math.nan)), r"'mine'.*global phase"),
    "NaN in a body": (
        mine(lambda c: c.if_test((c.clbits[0], 1), measured(lambda b: b.rx(math.nan, 0)), [0, 1], [0, 1])),
        r"'mine'.*'rx'.*not a finite number",
    ),
    "a parameter without a value": (rotated, r"'rotated'.*parameters without values \(θ, φ\)"),
    "a box": (mine(lambda c: c.box(QuantumCircuit(1), [0], [])), r"'mine'.*'box'"),
    "a variable without room": (mine(variable), r"'mine'.*classical variables"),
    "a multiplexer behind idle qubits": (behind_idle_qubits, r"'mine'.*'multiplexer'"),
    "nested if": (lambda: nested(80, "if"), r"'deep'.*nested"),
    "nested while": (lambda: nested(80, "while"), r"'deep'.*nested"),
    "nested for": (lambda: nested(60, "for"), r"'deep'.*more than 100000 instructions"),
    "for loops that Aer would unroll for days": (lambda: nested(20, "for"), r"'deep'.*more than 100000 instructions"),
    "nested switch": (lambda: nested(40, "switch"), r"'deep'.*nested"),
    "very deep if": (lambda: nested(200, "if"), r"'deep'.*nested"),
    "a deep expression": (lambda: deep_expression(120), r"'deep'.*nested"),
    "a very deep expression": (lambda: deep_expression(600), r"'deep'.*nested"),
    "a deep definition": (lambda: deep_definition(60), r"'deep'.*'level_60'"),
}
BINDS = {
    "of unequal length": ([{THETA: [0.1, 0.2], PHI: [0.1]}], r"'rotated'.*unequal length \(θ: 2, φ: 1\)"),
    "that lack a parameter": ([{THETA: [0.1]}], r"'rotated'.*lack values for φ"),
    "with NaN": ([{THETA: [0.1, math.nan], PHI: [0.1, 0.2]}], r"value 1 of θ.*'rotated'.*nan"),
    "that are infinite": ([{THETA: [math.inf], PHI: [0.1]}], r"value 0 of θ.*'rotated'.*inf"),
    "that are text": ([{THETA: ["0.1"], PHI: [0.1]}], r"θ.*'rotated'.*real numbers"),
    "that are complex": ([{THETA: [1j], PHI: [0.1]}], r"θ.*'rotated'.*real numbers"),
    "that are empty": ([{THETA: [], PHI: []}], r"'rotated'.*empty"),
    "for too many circuits": ([{THETA: [1], PHI: [1]}] * 2, r"2 dictionaries for 1 circuits"),
    "by name": ([{"θ": [0.1], "φ": [0.2]}], r"'rotated'.*Parameter objects themselves"),
}
NOISE = {
    "a noise pass of a class that nobody knows": (custom_pass, r"noise pass LocalNoisePass runs code of its own"),
    "a subclass of a noise pass": (with_my_pass, r"noise pass MyPass runs code of its own"),
    "an error of a class that nobody knows": (with_my_error, r"error of 'x'.*MyError"),
}
OPTIONS = {
    "an unknown option": ({"shotz": 5}, r"no option 'shotz'.*'shots'"),
    "shots that are negative": ({"shots": -5}, r"shots"),
    "shots that are text": ({"shots": "many"}, r"shots"),
    "a method that nobody knows": ({"method": "magic"}, r"method.*'magic'"),
    "a device that no worker has": ({"device": "GPU"}, r"device.*operator"),
    "a log that is the whole process's": ({"mps_log_data": True}, r"mps_log_data.*operator"),
    "a noise model that is none": ({"noise_model": {"errors": []}}, r"noise_model"),
    "a task size of nothing": ({"max_job_size": 0}, r"max_job_size"),
    "an executor that cannot submit": ({"executor": object()}, r"executor.*submit"),
}


@pytest.fixture
def refused(backend, cluster):
    """Runs something that must be refused, and sends nothing."""
    provider = AerqProvider(cluster.settings)

    def run(words, *args, **options):
        before = len(provider.jobs(limit=None))
        with pytest.raises(QobjValidationError, match=words) as caught:
            backend.run(*args, **{"shots": 10, "seed_simulator": 1, **options})
        assert isinstance(caught.value, JobError)
        assert isinstance(caught.value, ValueError)
        text = str(caught.value)
        assert "\n" not in text
        assert "Traceback" not in text
        assert len(provider.jobs(limit=None)) == before

    return run


@pytest.mark.parametrize("name", CIRCUITS)
def test_circuits(refused, name):
    build, words = CIRCUITS[name]
    refused(words, [plain(), build()])


@pytest.mark.parametrize("name", BINDS)
def test_parameter_binds(refused, name):
    binds, words = BINDS[name]
    refused(words, [rotated()], binds)


@pytest.mark.parametrize("name", NOISE)
def test_noise_models(refused, name):
    make, words = NOISE[name]
    refused(words, plain(), noise_model=make())


@pytest.mark.parametrize("name", OPTIONS)
def test_options(refused, name):
    options, words = OPTIONS[name]
    refused(words, plain(), **options)


@pytest.mark.parametrize("things", [[], [None], "qasm", [[plain()]]])
def test_things_that_are_no_circuits(refused, things):
    refused(r"no circuit|element 0|QuantumCircuit", things)
