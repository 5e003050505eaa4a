"""Gates and other instructions on the qubits, those that Aer has for a method."""

from qiskit.circuit.library import DiagonalGate, Initialize, MCPhaseGate, MCXGate, PauliGate, UCGate, UnitaryGate
from qiskit.quantum_info import Kraus, SuperOp
from qiskit_aer.backends.backend_utils import BASIS_GATES

from .noise import channel, readout, unital

#: By number of qubits: gates without parameters, and gates with the number of their parameters.
PLAIN = {
    1: ("id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "t", "tdg"),
    2: ("cx", "cy", "cz", "swap", "csx", "ecr"),
    3: ("ccx", "ccz", "cswap"),
}
ANGLED = {
    1: {"p": 1, "r": 2, "rx": 1, "ry": 1, "rz": 1, "u": 3},
    2: {"cp": 1, "rxx": 1, "ryy": 1, "rzz": 1, "rzx": 1, "crx": 1, "cry": 1, "crz": 1, "cu": 4},
    3: {},
}
CLIFFORD = {1: ("id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg"), 2: ("cx", "cy", "cz", "swap")}
EXTENDED = {1: ("x", "y", "z", "h", "s", "sdg", "t"), 2: ("cx", "cz", "swap")}
KINDS = ("plain", "plain", "angled", "angled", "unitary", "pauli", "diagonal", "controlled", "multiplexer", "barrier")


def add_gate(draw, circuit, method, parameters=()):
    """Adds one gate."""
    basis = BASIS_GATES[method] if method != "superop" else BASIS_GATES["density_matrix"]
    qubits = min(circuit.num_qubits, draw.one(1, 1, 1, 2, 2, 3))
    wires = draw.some(range(circuit.num_qubits), qubits, qubits)
    kind = draw.of(KINDS)
    label = "my label" if draw.maybe(0.05) else None
    if method == "stabilizer" and draw.maybe(0.97):
        qubits = min(qubits, 2)
        getattr(circuit, draw.of(CLIFFORD[qubits]))(*wires[:qubits])
    elif method == "extended_stabilizer":  # some gates that Aer lists for it end the process
        qubits = min(qubits, 2)
        getattr(circuit, draw.of(EXTENDED[qubits]))(*wires[:qubits])
    elif parameters and draw.maybe(0.6):
        add_angled(draw, circuit, wires, basis, lambda: draw.of(parameters) * draw.one(1, 2, -0.5) + draw.one(0, 0.25))
    elif kind == "angled":
        add_angled(draw, circuit, wires, basis, draw.angle)
    elif kind == "unitary":
        circuit.append(UnitaryGate(draw.unitary(qubits), label=label), wires)
    elif kind == "pauli" and "pauli" in basis:
        circuit.append(PauliGate(draw.pauli(qubits)), wires)
    elif kind == "diagonal" and "diagonal" in basis:
        phases = [complex(1), -1, 1j, -1j]
        circuit.append(DiagonalGate([draw.of(phases) for _ in range(2**qubits)]), wires)
    elif kind == "controlled" and "mcx" in basis and qubits > 1:
        state = draw.between(0, 2 ** (qubits - 1) - 1) if draw.maybe(0.4) else None
        gate = draw.one(MCXGate(qubits - 1, ctrl_state=state), MCPhaseGate(draw.angle(), qubits - 1))
        circuit.append(gate, wires)
    elif kind == "multiplexer" and "multiplexer" in basis and qubits == 2:
        circuit.append(UCGate([draw.unitary(1), draw.unitary(1)]), wires)
    elif kind == "barrier":
        circuit.barrier(wires)
    else:
        names = [name for name in PLAIN[qubits] if name in basis]
        if names:
            getattr(circuit, draw.of(names))(*wires)
        else:
            circuit.h(wires)
    if label and circuit.data and circuit.data[-1].operation.name == "barrier":
        circuit.delay(draw.between(1, 500), wires[0])


def add_angled(draw, circuit, wires, basis, angle):
    """Adds a gate with angles, which may be parameters."""
    names = {name: count for name, count in ANGLED[len(wires)].items() if name in basis}
    if not names:
        names, wires = ANGLED[1], wires[:1]
        names = {name: count for name, count in names.items() if name in basis} or {"rz": 1}
    name = draw.of(names)
    getattr(circuit, name)(*(angle() for _ in range(names[name])), *wires)


def add_initialize(draw, circuit):
    """Initializes some qubits, in each of the three ways that Qiskit has."""
    qubits = min(circuit.num_qubits, draw.one(1, 2, 4))
    wires = draw.some(range(circuit.num_qubits), qubits, qubits)
    kind = draw.one("vector", "label", "number")
    if kind == "vector":
        circuit.append(Initialize(draw.state(qubits)), wires)
    elif kind == "label":
        circuit.append(Initialize("".join(draw.one(*"01+-rl") for _ in wires)), wires)
    else:
        circuit.append(Initialize(draw.between(0, 2**qubits - 1), qubits), wires)


def add_channel(draw, circuit):
    """Adds a channel, an error of Aer's or a misreading to the circuit itself."""
    qubits = min(circuit.num_qubits, draw.one(1, 1, 2))
    wires = draw.some(range(circuit.num_qubits), qubits, qubits)
    kind = draw.one("kraus", "superop", "error", "error", "unital", "unital", "readout")
    if kind == "kraus":
        circuit.append(Kraus(draw.kraus(qubits)).to_instruction(), wires)
    elif kind == "superop":
        circuit.append(SuperOp(Kraus(draw.kraus(qubits))).to_instruction(), wires)
    elif kind == "readout" and circuit.clbits:
        circuit.append(readout(draw).to_instruction(), [], [draw.of(circuit.clbits)])
    else:
        make = channel if kind == "error" else unital
        circuit.append(make(draw, qubits).to_instruction(), wires)
