"""What Aer sees in a circuit once its kernel has cut it down: which instructions, on how many qubits, sampled or not.

Aer follows back from the measurements and saves, drops what they do not depend on, and looks whether all measurements
can be moved to the end. Method and sampling are decided on what is left. This is the same analysis
(`Circuit::set_params` in Aer's src/framework/circuit.hpp), made at submit for circuits whose shots may be split.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit
from qiskit.circuit.classical.expr import iter_vars
from qiskit_aer.backends.aer_compiler import compile_circuit
from qiskit_aer.backends.backend_utils import circuit_optypes
from qiskit_aer.noise.errors.base_quantum_error import QuantumChannelInstruction


class Operation(NamedTuple):
    """One operation as Aer's kernel has it.

    Attributes:
        name: Aer's name.
        label: the name under which a noise model finds it.
        qubits: places of its qubits in the user's circuit.
        conditional: whether it happens only if a classical value is so.
        params: the instruction's parameters.
        subtype: of a save instruction, how it gathers the shots' values.
        memory: places of the classical bits that it measures into, or that an expression of it has.
    """

    name: str
    label: str
    qubits: tuple[int, ...]
    conditional: bool = False
    params: tuple[Any, ...] = ()
    subtype: str = ""
    memory: tuple[int, ...] = ()

    @property
    def saves(self) -> bool:
        """Whether it saves a value in the result."""
        return self.name.startswith("save_")


@dataclass(frozen=True)
class Anatomy:
    """A circuit as Aer's kernel sees it.

    Attributes:
        operations: those on which the result depends, or all if Aer was told to keep them.
        num_qubits: qubits of the state.
        can_sample: whether one state gives the outcomes of all shots, as far as the ideal circuit tells.
        can_sample_initialize: whether no `initialize` stands in the way of that.
        has_idle_marks: whether there are jumps or marks on which no result depends; Aer keeps them all the same.
        reads_unmeasured: whether an expression reads or writes classical bits behind the last that is measured.
        problem: why Aer cannot load the circuit, and with it the whole batch; empty if it can.
    """

    operations: tuple[Operation, ...]
    num_qubits: int
    can_sample: bool
    can_sample_initialize: bool
    has_idle_marks: bool = False
    reads_unmeasured: bool = False
    problem: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Names of all operations."""
        return frozenset(operation.name for operation in self.operations)

    @classmethod
    def of(cls, circuit: QuantumCircuit, *, truncation: bool, job_qubits: int) -> Anatomy:
        """Analyses a circuit.

        Args:
            circuit: the circuit.
            truncation: Aer's option `enable_truncation`.
            job_qubits: the largest number of qubits in the job, which Aer gives every circuit that it may not cut.
        """
        cut = _Cut(list(_operations(circuit)), truncation)
        return cls(
            operations=tuple(cut.operations[place] for place in sorted(cut.kept)),
            num_qubits=len(cut.qubits) if truncation else job_qubits,
            can_sample=cut.can_sample,
            can_sample_initialize=cut.can_sample_initialize,
            has_idle_marks=any(place not in cut.kept for place in cut.jumps_and_marks()),
            reads_unmeasured=_reads_unmeasured(cut.operations),
            problem=cut.problem(),
        )


def _operations(circuit: QuantumCircuit) -> Iterator[Operation]:
    """The operations that Aer's compiler makes of a circuit, in order."""
    compiled = circuit
    if circuit.has_control_flow_op() or "initialize" in circuit.count_ops():
        bare = copy.copy(circuit)
        bare.metadata = {}  # the compiler copies it, and the user's may hold what cannot be copied
        (compiled,), _ = compile_circuit([bare], optypes=[circuit_optypes(circuit)])
    places = {qubit: place for place, qubit in enumerate(compiled.qubits)}
    for instruction in compiled.data:
        operation = instruction.operation
        name = operation.name
        if name == "barrier":
            continue
        if isinstance(operation, QuantumChannelInstruction):
            name = "qerror_loc"
        elif name == "aer_store":
            name = "store"
        elif (mark := name.find("_o")) > 0 and not name.startswith(("save_", "set_", "qerror_")):
            yield Operation("x", "x", (places[instruction.qubits[0]],))
            name = name[:mark]  # open controls become x gates around the closed ones
        if getattr(operation, "condition", None):
            yield Operation("bfunc", "bfunc", ())
        yield Operation(
            name,
            operation.label or name,
            tuple(places[qubit] for qubit in instruction.qubits),
            bool(getattr(operation, "condition", None) or getattr(operation, "condition_expr", None)),
            tuple(operation.params),
            getattr(operation, "_subtype", ""),
            tuple(_memory(compiled, instruction)),
        )


def _memory(circuit: QuantumCircuit, instruction: Any) -> Iterator[int]:
    operation = instruction.operation
    if operation.name == "measure":
        yield from (circuit.find_bit(bit).index for bit in instruction.clbits)
    expressions = [getattr(operation, "condition_expr", None)]
    if operation.name in ("store", "aer_store"):
        expressions += operation.params
    for variable in (found for expression in expressions if expression is not None for found in iter_vars(expression)):
        if isinstance(variable.var, Clbit):
            yield circuit.find_bit(variable.var).index
        elif isinstance(variable.var, ClassicalRegister):
            yield from (circuit.find_bit(bit).index for bit in variable.var)
        else:
            yield circuit.num_clbits  # variables stand behind all bits


def _reads_unmeasured(operations: list[Operation]) -> bool:
    measured = max((place for one in operations if one.name == "measure" for place in one.memory), default=-1)
    return any(place > measured for one in operations if one.name != "measure" for place in one.memory)


class _Cut:
    """Aer's one pass over the operations of a circuit, from the last to the first and back."""

    def __init__(self, operations: list[Operation], truncation: bool) -> None:
        self.operations = operations
        self._truncation = truncation
        self.kept: set[int] = set()
        self.qubits: set[int] = set()
        self._last = 0
        self._find_kept()
        measures = [place for place in self.kept if operations[place].name == "measure"]
        self._first_measure = min(measures, default=len(operations))
        # Aer looks for the last initialize, and takes place 0 for "none".
        initialize = max((place for place in self.kept if operations[place].name == "initialize"), default=0)
        width = len(self.qubits) if truncation else max(self.qubits, default=-1) + 1
        self.can_sample_initialize = initialize == 0 or len(operations[initialize].qubits) >= width
        self.can_sample = self.can_sample_initialize
        if measures and self.can_sample:
            tail = (operations[place] for place in range(self._first_measure, self._last + 1) if place in self.kept)
            self.can_sample = _measures_can_wait(tail)
        # Where the measurements wait until the end, Aer reads the rest only up to the first of them.
        waits = bool(measures) and self.can_sample
        self._read = self._first_measure if waits else self._last + 1 if self.kept else 0

    def _find_kept(self) -> None:
        """The operations that a result depends on, their qubits, and the place where the last of them is."""
        for place in range(len(self.operations) - 1, -1, -1):
            operation = self.operations[place]
            if operation.name == "mark":
                self._last = self._last or place
            gives = operation.saves or operation.name in ("measure", "roerror", "bfunc")
            if not self._truncation or gives or not self.qubits.isdisjoint(operation.qubits):
                self.qubits.update(operation.qubits)
                self.kept.add(place)
                self._last = self._last or place

    def jumps_and_marks(self) -> list[int]:
        """Places of the jumps and marks that Aer reads; it drops none of them."""
        return [place for place in range(self._read) if self.operations[place].name in ("jump", "mark")]

    def problem(self) -> str:
        """Why Aer cannot load these operations."""
        places = self.jumps_and_marks()
        renumbered = self._truncation and self.qubits != set(range(len(self.qubits)))
        if renumbered and any(not self.qubits.issuperset(self.operations[place].qubits) for place in places):
            return "control flow on qubits that no measurement or save depends on, which Aer's truncation cannot cut"
        marks = [self.operations[place].params[0] for place in places if self.operations[place].name == "mark"]
        jumps = {self.operations[place].params[0] for place in places if self.operations[place].name == "jump"}
        if len(set(marks)) < len(marks):
            return "two marks of one name"
        if not jumps.issubset(marks):
            return "a jump to a mark that is not there, or a measurement as the last thing in a body of control flow"
        return ""


def _measures_can_wait(tail: Iterable[Operation]) -> bool:
    """Whether the measurements among these operations could as well come last."""
    measured: set[int] = set()
    for operation in tail:
        if operation.conditional or operation.saves:
            return False
        if operation.name in ("measure", "roerror"):
            measured.update(operation.qubits)
        elif not measured.isdisjoint(operation.qubits):
            return False
    return True
