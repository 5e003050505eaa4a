"""Circuits of every kind that Aer runs, now and then one that it does not."""

import math

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Gate, Parameter, ParameterVector, Qubit

from .flow import add_dynamic
from .gates import add_channel, add_gate, add_initialize
from .saves import LABELS, SUMMED, add_saves, add_set

NAMES = ("bell", "bell", " ", "schrödinger 🐈", "量子回路", "a/b\\c\n", "circuit-1", "Ω" * 30, "دارة")
REGISTERS = ("q", "c", "регистр", "m", "データ", "ancilla", "out_1", "ß")
PARAMETERS = ("θ", "phase", "a[0]", "λ b", "x1")


class Stubborn:
    """An object that lets nobody compare, copy or serialize it."""

    def __eq__(self, other):
        raise TypeError("do not compare")

    __hash__ = None

    def __deepcopy__(self, memo):
        raise TypeError("do not copy")

    def __reduce__(self):
        raise TypeError("do not pickle")


def metadata(draw):
    loop = {"id": 3}
    loop["self"] = loop
    return draw.one(
        {}, {}, {"id": "0"}, {"n": [1, (2, {3})], 5: math.nan}, {"it": Stubborn()}, {"f": len, b"k": 1j}, loop
    )


def registers(draw, qubits, clbits):
    """An empty circuit with its bits in several registers, or in none."""
    names = draw.some(REGISTERS, 4, 4)
    circuit = QuantumCircuit(name=draw.of(NAMES))
    for bits, register, bit in ((qubits, QuantumRegister, Qubit), (clbits, ClassicalRegister, Clbit)):
        if draw.maybe(0.1):
            circuit.add_bits([bit() for _ in range(bits)])
        elif bits > 1 and draw.maybe(0.4):
            first = draw.between(1, bits - 1)
            circuit.add_register(register(first, names.pop()), register(bits - first, names.pop()))
        elif bits:
            circuit.add_register(register(bits, names.pop()))
    return circuit


def circuit_and_binds(draw, method, parameterized):
    """A circuit, values for its parameters, and whether it saves what Aer sums over shots."""
    qubits = draw.one(1, 2, 2, 3, 3, 4)
    stateless = method in ("unitary", "superop")
    clbits = 0 if stateless or draw.maybe(0.08) else draw.one(qubits, qubits, qubits, 1, qubits + 2)
    circuit = registers(draw, qubits, clbits)
    circuit.metadata = metadata(draw)
    labels = draw.some(LABELS, 6, 6)
    parameters, sums = (), False
    if parameterized:
        parameters = draw.one([Parameter(name) for name in draw.some(PARAMETERS, 1, 2)], list(ParameterVector("v", 2)))
    if draw.maybe(0.25):
        circuit.global_phase = draw.of(parameters) * 1.5 if parameters and draw.maybe(0.6) else draw.angle()
    if draw.maybe(0.1):
        add_set(draw, circuit, method)
    dynamic = not stateless and method != "extended_stabilizer" and draw.maybe(0.3)
    channels = method not in ("unitary", "extended_stabilizer") and draw.maybe(0.12)
    initializes = not stateless and method not in ("stabilizer", "extended_stabilizer") and draw.maybe(0.12)
    saving = draw.maybe(0.45) and method != "extended_stabilizer"
    for _ in range(draw.between(1, 8)):
        if dynamic and draw.maybe(0.4):
            add_dynamic(draw, circuit, method)
        elif channels and draw.maybe(0.3):
            add_channel(draw, circuit)
        elif initializes and draw.maybe(0.3):
            add_initialize(draw, circuit)
        elif saving and not stateless and draw.maybe(0.1):
            sums |= not SUMMED.isdisjoint(add_saves(draw, circuit, method, labels, 1))
        else:
            add_gate(draw, circuit, method, parameters)
    for parameter in parameters:
        circuit.rz(parameter, 0)
    if stateless or (saving and draw.maybe(0.7)):
        sums |= not SUMMED.isdisjoint(add_saves(draw, circuit, method, labels))
    if clbits and draw.maybe(0.85):
        measured = min(qubits, clbits) if draw.maybe(0.7) else 1
        circuit.measure(draw.some(range(qubits), measured, measured), draw.some(range(clbits), measured, measured))
    elif not stateless and draw.maybe(0.7):
        circuit.measure_all()
    if saving and draw.maybe(0.15):
        sums |= not SUMMED.isdisjoint(add_saves(draw, circuit, method, labels, 1))
    spoil(draw, circuit)
    return circuit, binds(draw, parameters), sums


def binds(draw, parameters):
    count = draw.one(1, 2, 3)
    values = {parameter: [draw.angle() for _ in range(count)] for parameter in parameters}
    if parameters and draw.maybe(0.02):
        values[parameters[0]] = values[parameters[0]] * 2
    return values


def spoil(draw, circuit):
    """Seldom: something that Aer must not run."""
    if draw.maybe(0.985):
        return
    kind = draw.one("opaque", "nan", "unbound", "twice", "infinite")
    if kind == "opaque":
        circuit.append(Gate("mystery", 1, []), [0])
    elif kind == "nan":
        circuit.rx(math.nan, 0)
    elif kind == "infinite":
        circuit.global_phase = 0.0
        circuit.u(0.1, math.inf, 0.2, 0)
    elif kind == "unbound":
        circuit.rx(Parameter("nobody gives it"), 0)
    else:
        circuit.save_state(label="twice")
        circuit.save_state(label="twice")
