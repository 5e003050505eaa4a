"""Plain circuits: gates with numbers, unitaries, measurements, resets and barriers, without Qiskit's objects.

Most circuits are plain. Qiskit makes an object of each instruction that somebody looks at, and for a short circuit to
write, read and assemble those takes longer than all else that is done for it in Python. So each is looked at once, and
what was found travels and goes to Aer's C++ as it is. Whatever is not plain is left to Qiskit's QPY and Aer's compiler.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import (
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    ParameterExpression,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
)
from qiskit.circuit.library import (
    Barrier,
    BlueprintCircuit,
    Measure,
    Reset,
    UnitaryGate,
    get_standard_gate_name_mapping,
)

from .wire.kinds import STANDARD_GATES

#: Instructions of which a plain circuit is made.
PLAIN_INSTRUCTIONS = STANDARD_GATES | {"unitary", "measure", "barrier", "reset"}

#: An instruction: its name, its qubits, what it has beside them, and its label. What it has: the numbers of a gate, the
#: matrix of a unitary, the classical bits of a measurement; None otherwise.
Operation = tuple[str, Sequence[int], Any, str | None]
#: A register as Aer's headers have it: name and size.
Register = Sequence[Any]


class NotPlainError(Exception):
    """An instruction is not what its name says."""


@dataclass(frozen=True, slots=True)
class PlainCircuit:
    """A plain circuit.

    Attributes:
        name: its name.
        num_qubits: its qubits.
        num_clbits: its classical bits.
        global_phase: its global phase in radians.
        qregs: names and sizes of the quantum registers.
        cregs: names and sizes of the classical registers.
        num_operations: how many instructions it has.
        operations: its instructions in order.
    """

    name: str
    num_qubits: int
    num_clbits: int
    global_phase: float
    qregs: Sequence[Register]
    cregs: Sequence[Register]
    num_operations: int
    operations: Iterable[Operation]

    @property
    def metadata(self) -> dict[str, Any]:
        """Empty: the metadata stays with whoever submitted the circuit."""
        return {}

    def quantum_circuit(self) -> QuantumCircuit:
        """The circuit as Qiskit's; its registers must hold its first bits, in order and each once."""
        registers = [QuantumRegister(size, name) for name, size in self.qregs]
        registers += [ClassicalRegister(size, name) for name, size in self.cregs]
        circuit = QuantumCircuit(*registers, name=self.name, global_phase=self.global_phase)
        circuit.add_bits([Qubit() for _ in range(self.num_qubits - circuit.num_qubits)])
        circuit.add_bits([Clbit() for _ in range(self.num_clbits - circuit.num_clbits)])
        gates = get_standard_gate_name_mapping()
        all_qubits, all_clbits = circuit.qubits, circuit.clbits
        for name, places, given, label in self.operations:
            qubits = [all_qubits[place] for place in places]
            if name == "unitary":
                instruction = CircuitInstruction(UnitaryGate(given.copy(), label, check_input=False), qubits)
            elif name == "measure":
                instruction = CircuitInstruction(Measure(), qubits, [all_clbits[place] for place in given])
            elif name == "reset":
                instruction = CircuitInstruction(Reset(), qubits)
            elif name == "barrier":
                instruction = CircuitInstruction(Barrier(len(qubits)), qubits)
            else:
                instruction = CircuitInstruction.from_standard(gates[name]._standard_gate, qubits, given, label)
            circuit._data.append(instruction)
        return circuit


def count_operations(circuit: QuantumCircuit) -> Mapping[str, int]:
    """How often each instruction is there, by its name: `QuantumCircuit.count_ops` without its order by number.

    A submit asks for it several times for each circuit, and to put a few names in order takes longer than to count.
    """
    if isinstance(circuit, BlueprintCircuit):  # is only built when somebody asks by Qiskit's own way
        return circuit.count_ops()  # type: ignore[no-any-return]
    counts: Mapping[str, int] = circuit._data.count_ops()
    return counts


def plain_of(circuit: QuantumCircuit) -> PlainCircuit | None:
    """A circuit as a plain one; None if its instructions or variables say that it is none.

    Args:
        circuit: the circuit. Where it waits for parameters it has 0, as Aer has it before it binds them.

    Returns:
        The plain circuit. Its operations are read as they are asked for, once, and raise `NotPlainError` at one that
        is not what its name says.
    """
    names = count_operations(circuit).keys()
    if not names <= PLAIN_INSTRUCTIONS or circuit.num_identifiers:
        return None
    if circuit.num_parameters and "cu" in names:
        return None  # Aer's compiler writes 0 for its parameters into the gate itself, and may not bind it any more
    return PlainCircuit(
        name=circuit.name,
        num_qubits=circuit.num_qubits,
        num_clbits=circuit.num_clbits,
        global_phase=0.0 if _is_open(circuit.global_phase) else float(circuit.global_phase),
        qregs=[[register.name, register.size] for register in circuit.qregs],
        cregs=[[register.name, register.size] for register in circuit.cregs],
        num_operations=len(circuit._data),
        operations=_operations_of(circuit),
    )


def _operations_of(circuit: QuantumCircuit) -> Iterator[Operation]:
    # A map and not a comprehension: of a short circuit the look at its bits is a third of the time.
    qubit_place = {qubit: place for place, qubit in enumerate(circuit.qubits)}.__getitem__
    clbit_place = {clbit: place for place, clbit in enumerate(circuit.clbits)}.__getitem__
    waits = circuit.num_parameters > 0
    for instruction in circuit._data:
        name = instruction.name
        given: Any = None
        if name == "unitary":
            given = instruction.matrix
            if given is None:
                raise NotPlainError(name)
        elif name == "measure":
            given = list(map(clbit_place, instruction.clbits))
        elif name != "barrier" and name != "reset":
            if not instruction.is_standard_gate():
                raise NotPlainError(name)
            given = instruction.params
            if waits:
                given = [0.0 if _is_open(value) else value for value in given]
        yield name, list(map(qubit_place, instruction.qubits)), given, instruction.label


def _is_open(value: Any) -> bool:
    """Whether a value waits for its parameters; Aer puts them in later."""
    return isinstance(value, ParameterExpression) and len(value.parameters) > 0
