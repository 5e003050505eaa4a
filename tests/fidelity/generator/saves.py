"""Every instruction that saves something, and every one that sets the state."""

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Clifford, DensityMatrix, Kraus, Operator, SparsePauliOp, Statevector, SuperOp
from qiskit_aer import library

LABELS = ("ψ", "état après", "label with spaces", "a", "b", "counts!", "😀", "x" * 40, "saved.value", "0")

#: What can be saved with each method; automatic takes the statevector's.
_PROBABLE = ("probabilities", "probabilities_dict", "expectation", "variance", "state")
SAVES_OF = {
    "statevector": (*_PROBABLE, "statevector", "statevector_dict", "amplitudes", "squared", "density_matrix"),
    "density_matrix": (*_PROBABLE, "density_matrix", "squared"),
    "stabilizer": (*_PROBABLE, "stabilizer", "clifford", "squared"),
    "matrix_product_state": (*_PROBABLE, "mps", "statevector", "amplitudes", "squared", "density_matrix"),
    "unitary": ("unitary", "state"),
    "superop": ("superop", "state"),
    "extended_stabilizer": ("statevector", "expectation", "variance"),
}
SAVES_OF["automatic"] = (*SAVES_OF["statevector"], "mps", "stabilizer", "unitary", "superop")
#: Of these Aer adds up the shots' values, in an order that depends on its threads.
SUMMED = frozenset({"probabilities", "probabilities_dict", "expectation", "variance", "density_matrix", "squared"})


def observable(draw, qubits):
    terms = [draw.pauli(qubits) for _ in range(draw.between(1, 3))]
    return SparsePauliOp(terms, [draw.random.uniform(-1, 1) for _ in terms])


def add_save(draw, circuit, kind, label):
    """Adds one save instruction."""
    how = {"label": label}
    if kind not in ("unitary", "superop", "clifford") or draw.maybe(0.3):
        how["pershot"] = draw.maybe(0.3)
    if kind not in ("unitary", "superop", "clifford"):
        how["conditional"] = draw.maybe(0.25)
    wires = draw.some(range(circuit.num_qubits), 1)
    if kind == "state":
        circuit.save_state(**how)
    elif kind == "statevector":
        circuit.save_statevector(**how)
    elif kind == "statevector_dict":
        circuit.append(library.SaveStatevectorDict(circuit.num_qubits, **how), circuit.qubits)
    elif kind in ("amplitudes", "squared"):
        which = draw.some(range(2**circuit.num_qubits), 1, 4)
        add = circuit.save_amplitudes if kind == "amplitudes" else circuit.save_amplitudes_squared
        add([np.int64(each) for each in which] if draw.maybe(0.2) else which, **how)
    elif kind == "density_matrix":
        circuit.save_density_matrix(None if draw.maybe(0.5) else wires, unnormalized=draw.maybe(0.1), **how)
    elif kind in ("probabilities", "probabilities_dict"):
        add = circuit.save_probabilities if kind == "probabilities" else circuit.save_probabilities_dict
        add(None if draw.maybe(0.4) else wires, unnormalized=draw.maybe(0.1), **how)
    elif kind in ("expectation", "variance"):
        name = "save_expectation_value" + ("_variance" if kind == "variance" else "")
        operator = observable(draw, len(wires))
        operator = Operator(operator) if draw.maybe(0.1) else operator
        getattr(circuit, name)(operator, wires, unnormalized=draw.maybe(0.1), **how)
    elif kind == "mps":
        circuit.save_matrix_product_state(**how)
    else:
        getattr(circuit, f"save_{kind}")(**how)


def add_saves(draw, circuit, method, labels, most=2):
    """Adds some saves that the method has; returns their kinds."""
    kinds = [draw.of(SAVES_OF[method]) for _ in range(draw.between(1, most))]
    if draw.maybe(0.03):
        kinds.append(draw.of(SAVES_OF[draw.of(SAVES_OF)]))
    for kind in kinds:
        add_save(draw, circuit, kind, labels.pop() if labels else f"more {len(circuit.data)}")
    return kinds


def clifford(draw, qubits):
    circuit = QuantumCircuit(qubits)
    for _ in range(3 * qubits):
        getattr(circuit, draw.one("h", "s", "x", "sdg", "z"))(draw.between(0, qubits - 1))
        if qubits > 1:
            circuit.cx(*draw.some(range(qubits), 2, 2))
    return Clifford(circuit)


def product_state(draw, qubits):
    """A product state as Aer's matrix product states are given."""
    sites = []
    for _ in range(qubits):
        vector = draw.state(1)
        sites.append((np.array([[vector[0]]]), np.array([[vector[1]]])))
    return sites, [[1.0]] * (qubits - 1)


def add_set(draw, circuit, method):
    """Sets the state, as the method has it."""
    qubits = circuit.num_qubits
    if method in ("automatic", "statevector"):
        state = draw.state(qubits)
        circuit.set_statevector(Statevector(state) if draw.maybe(0.5) else state)
    elif method == "density_matrix":
        state = draw.density(qubits)
        circuit.set_density_matrix(DensityMatrix(state) if draw.maybe(0.5) else state)
    elif method == "stabilizer":
        circuit.set_stabilizer(clifford(draw, qubits))
    elif method == "unitary":
        circuit.set_unitary(draw.unitary(qubits))
    elif method == "superop" and qubits <= 2:
        circuit.set_superop(SuperOp(Kraus(draw.kraus(qubits))))
    elif method == "matrix_product_state":
        circuit.set_matrix_product_state(product_state(draw, qubits))
