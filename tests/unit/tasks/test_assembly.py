"""Circuits are put together for Aer's C++ by the calls that Aer's own compiler makes."""

import numpy as np
import pytest
from qiskit import QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Clbit, Gate, Parameter, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import CXGate, UnitaryGate, get_standard_gate_name_mapping, quantum_volume
from qiskit_aer import AerSimulator
from qiskit_aer.backends import aer_compiler

from aerq.tasks import assembly
from aerq.tasks.kernel import AerKernel
from aerq.tasks.qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from aerq.tasks.wire.kinds import STANDARD_GATES
from aerq.tasks.wire.plain import decode_plain, encode_plain


class Recorder:
    """Stands for an `AerCircuit` and notes what is done to it."""

    def __init__(self):
        object.__setattr__(self, "calls", [])

    def __setattr__(self, name, value):
        self.calls.append((name, value))

    def __getattr__(self, name):
        return lambda *args: self.calls.append((name, tuple(map(plain, args))))


def plain(value):
    if isinstance(value, np.ndarray):
        assert value.flags.carray or value.flags.farray  # or Aer's C++ takes it for something else
        return value.dtype.str, value.shape, value.tobytes()
    return vars(value) if isinstance(value, aer_compiler.CircuitHeader) else value


@pytest.fixture
def both_ways():
    """The circuits that were also put together from what a slot gets."""
    return []


@pytest.fixture
def look(monkeypatch, both_ways):
    """Says what Aer's compiler and ours do with a circuit, and how often ours leaves it to Aer."""
    left = []
    travelled = both_ways

    def aers(circuit, *args):
        left.append(circuit)
        return aer_compiler.assemble_circuit(circuit, *args)

    monkeypatch.setattr(aer_compiler, "AerCircuit", Recorder)
    monkeypatch.setattr(assembly, "AerCircuit", Recorder)
    monkeypatch.setattr(assembly, "assemble_circuit", aers)

    def both(circuit):
        (expected,), (places,) = aer_compiler.assemble_circuits([circuit])
        (found,), (ours,) = assembly.assemble([circuit])
        assert found.calls == expected.calls
        assert ours == places
        data = encode_plain([circuit])
        if data is not None:
            (arrived,), (ours,) = assembly.assemble(decode_plain(data))
            assert arrived.calls == expected.calls
            assert ours == places
            travelled.append(circuit)
        return len(left)

    return both


@pytest.mark.parametrize("name", sorted(STANDARD_GATES))
@pytest.mark.parametrize("label", [None, "mine"])
def test_a_gate_is_given_to_aer_as_aer_gives_it(look, both_ways, name, label):
    gate = get_standard_gate_name_mapping()[name].to_mutable()
    gate.label = label
    gate.params = [0.1 + number for number in range(len(gate.params))]
    circuit = QuantumCircuit(5, 2, name="one gate", global_phase=0.25)
    circuit.append(gate, list(range(5))[: gate.num_qubits][::-1])
    circuit.measure([1, 4], [1, 0])
    assert look(circuit) == 0
    assert both_ways == [circuit]


@pytest.mark.parametrize("label", [None, "here"])
def test_unitaries_of_all_widths_barriers_and_resets(look, both_ways, label):
    circuit = quantum_volume(4, 4, seed=1)
    circuit.barrier(0, 2, label=label)
    circuit.unitary(np.eye(2)[::-1], [3], label="flip")
    circuit.unitary(np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0], [2, 0, 1])
    circuit.reset([0, 2])
    circuit.barrier()
    circuit.measure_all()
    assert look(circuit) == 0
    assert look(transpile(circuit, AerSimulator(), num_processes=1)) == 0
    assert len(both_ways) == (2 if label is None else 0)


def test_registers_and_bits_without_one(look):
    circuit = QuantumCircuit(QuantumRegister(2, "a"), [Qubit(), Clbit()], QuantumRegister(1, "b"))
    circuit.cx(2, 3)
    circuit.measure(2, 0)
    assert look(circuit) == 0


def test_open_parameters_and_the_places_that_bindings_need(look):
    angle, phase = Parameter("angle"), Parameter("phase")
    circuit = QuantumCircuit(2, global_phase=phase)
    circuit.barrier()
    circuit.rx(angle, 0)
    circuit.barrier()
    circuit.u(0.1, angle * 2, angle + phase, 1)
    circuit.cp(angle - 1, 0, 1)
    circuit.measure_all()
    assert look(circuit) == 0


@pytest.mark.parametrize("prepared", [False, True])
def test_a_gate_whose_parameters_aers_compiler_overwrites_is_computed_as_aer_does_then(prepared):
    angle = Parameter("angle")
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    if prepared:  # Aer compiles the definition of it, and holds on to the gates of the circuit that it gets
        circuit.initialize("+", [1])
    circuit.cu(angle, angle + 1, 0.3, 2 * angle, 0, 1)
    circuit.h([0, 1])
    circuit.measure_all()
    binds, options = {angle: [0.7, 0.8]}, {"shots": 200, "seed_simulator": 3}
    local = AerSimulator().run(circuit.copy(), parameter_binds=[binds], **options).result()
    qobj = Qobj("job", QobjHeader(), QobjConfig(200, 3), (QobjExperiment(circuit.copy(), binds),))
    found = AerKernel().run(qobj)["results"]
    assert [each["data"]["counts"] for each in found] == [each.data.counts for each in local.results]


@pytest.mark.parametrize("instruction", [CXGate(ctrl_state=0), "initialize", "save", "variable", "control flow"])
def test_anything_else_is_left_to_aer(look, instruction):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    if instruction == "initialize":
        circuit.initialize([1, 0], 0)
    elif instruction == "save":
        circuit.save_statevector()
    elif instruction == "variable":
        circuit.add_uninitialized_var(expr.Var.new("flag", types.Uint(8)))
    elif instruction == "control flow":
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(1)
        (circuit,) = aer_compiler.compile_circuit([circuit])
    else:
        circuit.append(instruction, [0, 1])
    assert look(circuit) == 1


class OtherUnitary(UnitaryGate):
    """Says of its matrix what its parameter does not say."""

    def to_matrix(self):
        return np.array([[0, 1], [1, 0]], dtype=complex)


class OtherHadamard(Gate):
    """Has the name of a gate of Qiskit's."""

    def __init__(self):
        super().__init__("h", 1, [])


@pytest.mark.parametrize(("gate", "left"), [(OtherUnitary(np.eye(2)), 0), (OtherHadamard(), 1)])
def test_a_class_of_the_users_own_under_a_known_name_is_what_aer_takes_it_for(look, gate, left):
    circuit = QuantumCircuit(1)
    circuit.append(gate, [0])
    assert look(circuit) == left


def test_a_unitary_is_the_same_in_either_order_of_memory(look):
    circuit = QuantumCircuit(2)
    matrix = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0].astype(complex)
    circuit.append(UnitaryGate(np.asfortranarray(matrix)), [1, 0])
    circuit.append(UnitaryGate(matrix, label="named"), [0, 1])
    assert look(circuit) == 0
