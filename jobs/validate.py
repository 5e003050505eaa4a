"""Refuses, before anything is sent, circuits that Aer would refuse when the kernel starts.

Aer meets a gate it does not know, an unbound parameter or a missing attribute only in the kernel, and fails the whole
batch there. What is accepted here is what Aer's compiler (qiskit_aer/backends/aer_compiler.py) accepts: plain gates
are looked up by name, and for anything unusual Aer's own function for one instruction is asked.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit.circuit.classical.expr import Expr
from qiskit.circuit.controlflow import (
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    ForLoopOp,
    IfElseOp,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit_aer import AerSimulator
from qiskit_aer.backends.aer_compiler import AerVar, _assemble_op, _assemble_type, _AssembleExprImpl
from qiskit_aer.backends.controller_wrappers import AerCircuit
from qiskit_aer.library.save_instructions.save_data import SaveData
from qiskit_aer.noise.errors.base_quantum_error import QuantumChannelInstruction

from ..tasks.plain import count_operations
from ..tasks.wire.errors import EncodingError
from ..tasks.wire.kinds import STANDARD_GATES
from ..tasks.wire.nesting import check_nesting
from .binds import circuit_label, plain_binds
from .errors import QobjValidationError
from .loading import check_control_flow, check_multiplexers, check_phases, check_widths
from .noise import check_rates
from .options import RunOptions

#: Instructions without parameters that are neither gates nor in need of a look.
_PLAIN = frozenset({"measure", "reset", "barrier"})
#: Save instructions of Aer's library, which need no second opinion.
_SAVES = frozenset(name for name in AerSimulator._CUSTOM_INSTR["automatic"] if name.startswith("save_"))
#: Control flow that Aer turns into jumps; other kinds (`box`) it does not know.
_CONTROL_FLOW = (IfElseOp, ForLoopOp, WhileLoopOp, SwitchCaseOp)


def circuits_of(given: Any) -> list[Any]:
    """What `run()` was given, as a list.

    Raises:
        QobjValidationError: if it is neither a circuit nor several.
    """
    if isinstance(given, QuantumCircuit):
        return [given]
    if not isinstance(given, Iterable):
        raise QobjValidationError(f"run() takes a QuantumCircuit or a list of them, and was given {given!r}"[:200])
    return list(given)


def validate_circuits(
    circuits: Sequence[Any],
    parameter_binds: Any,
    options: RunOptions,
    *,
    basis_gates: Collection[str] | None = None,
) -> None:
    """Refuses what cannot run.

    Args:
        circuits: the circuits of the job.
        parameter_binds: their parameter bindings, as `run()` takes them.
        options: the options of the run.
        basis_gates: the backend's basis gates if it was made from a device; Aer then takes no other gates.

    Raises:
        QobjValidationError: if local Aer would refuse it, crash, or compute with numbers that are not finite.
    """
    if not circuits:
        raise QobjValidationError("there is no circuit to run")
    basis = None if basis_gates is None else frozenset(basis_gates)
    seen: set[int] = set()
    slots = max((circuit.num_clbits for circuit in circuits if isinstance(circuit, QuantumCircuit)), default=0)
    for index, circuit in enumerate(circuits):
        if not isinstance(circuit, QuantumCircuit):
            raise QobjValidationError(
                f"element {index} of the circuits is a {type(circuit).__name__}; only a QuantumCircuit can run"
            )
        if id(circuit) in seen:
            continue
        if not isinstance(circuit.name, str):
            raise QobjValidationError(f"circuit {index} has the name {circuit.name!r}; give it a text as its name")
        seen.add(id(circuit))
        try:
            check_nesting(circuit)
            _CircuitCheck(circuit, basis, slots).check()
        except QobjValidationError as error:
            raise QobjValidationError(f"{circuit_label(index, circuit)} {error}") from error
        except EncodingError as error:
            raise QobjValidationError(f"{circuit_label(index, circuit)}: {error}") from error
    plain_binds(circuits, parameter_binds)
    check_rates(options.noise_model)
    check_widths(circuits, options)
    check_phases(circuits, options)
    check_control_flow(circuits, options)
    check_multiplexers(circuits, options)


class _CircuitCheck:
    """The check of one circuit; its errors are the rest of a sentence that names the circuit."""

    def __init__(self, circuit: QuantumCircuit, basis: frozenset[str] | None, slots: int) -> None:
        self._circuit = circuit
        self._basis = basis
        #: Classical bits that Aer has for each circuit of the job.
        self._slots = slots
        self._variable_bits = 0
        self._labels: set[str] = set()
        self._scratch: AerCircuit | None = None

    def check(self) -> None:
        _check_number(self._circuit.global_phase, "its global phase")
        self._check_body(self._circuit, in_loop=False, repeated=False)
        # Aer puts variables behind the circuit's own bits, and aborts the process if the job has no such bits.
        if self._variable_bits and self._circuit.num_clbits + self._variable_bits > self._slots:
            raise QobjValidationError("has classical variables, for which Aer's kernel has no room and aborts")

    def _check_body(self, body: QuantumCircuit, *, in_loop: bool, repeated: bool) -> None:
        standard = STANDARD_GATES if self._basis is None else STANDARD_GATES & self._basis
        # One look at the names of all, so that the usual circuit needs none at each.
        all_standard = count_operations(body).keys() <= standard | _PLAIN
        for variable in body.iter_vars() if body.num_vars else ():
            if not hasattr(variable.type, "width"):
                raise QobjValidationError(
                    f"has the variable {variable.name!r} of a type that Aer does not have ({variable.type})"
                )
            self._variable_bits += variable.type.width
        for instruction in body._data:
            name = instruction.name
            if name == "unitary":
                # The building of its gate object is spared, because quantum volume circuits are made of them.
                matrix = instruction.matrix
                if matrix is None or not cmath.isfinite(np.vdot(matrix, matrix)):  # the sum of all squares
                    self._check_special(instruction, in_loop=in_loop, repeated=repeated)
            elif name in _PLAIN:
                continue
            elif instruction.is_standard_gate():
                if not all_standard and name not in standard:
                    self._check_special(instruction, in_loop=in_loop, repeated=repeated)  # Aer has some of them
                params = instruction.params
                if params and not _surely_finite(params):
                    for value in params:
                        _check_number(value, f"the gate {name!r}")
            else:
                self._check_special(instruction, in_loop=in_loop, repeated=repeated)

    def _check_special(self, instruction: Any, *, in_loop: bool, repeated: bool) -> None:
        operation = instruction.operation
        if isinstance(operation, (ControlFlowOp, BreakLoopOp, ContinueLoopOp)):
            self._check_control_flow(operation, in_loop=in_loop, repeated=repeated)
        elif isinstance(operation, QuantumChannelInstruction):
            return
        else:
            for value in _numbers(getattr(operation, "params", ())):
                _check_number(value, f"the instruction {operation.name!r}")
            saves = isinstance(operation, SaveData)
            if not saves or operation.name not in _SAVES:
                self._ask_aer(instruction)
            if saves:
                self._check_save(operation, repeated=repeated)

    def _check_control_flow(self, operation: Any, *, in_loop: bool, repeated: bool) -> None:
        if isinstance(operation, (BreakLoopOp, ContinueLoopOp)):
            if not in_loop:
                raise QobjValidationError(f"has {operation.name!r} outside of a loop")
            return
        if not isinstance(operation, _CONTROL_FLOW):
            raise self._unknown(operation.name)
        condition = operation.target if isinstance(operation, SwitchCaseOp) else getattr(operation, "condition", None)
        if isinstance(condition, Expr):
            try:
                condition.accept(_ExpressionCheck(self._circuit))
            except Exception as error:
                raise QobjValidationError(
                    f"has a condition of {operation.name!r} that Aer cannot evaluate: {_reason(error)}"
                ) from error
        is_loop = isinstance(operation, (ForLoopOp, WhileLoopOp))
        # Aer unrolls a for loop: what it holds is there once for each index.
        unrolled = isinstance(operation, ForLoopOp) and len(operation.params[0]) > 1
        for block in operation.blocks:
            self._check_body(block, in_loop=in_loop or is_loop, repeated=repeated or unrolled)

    def _check_save(self, operation: SaveData, *, repeated: bool) -> None:
        label = operation.label
        if label in self._labels or repeated:
            raise QobjValidationError(f"saves {label!r} more than once; give each save instruction a label of its own")
        self._labels.add(label)

    def _ask_aer(self, instruction: Any) -> None:
        """Lets Aer translate this one instruction, and throws the translation away."""
        operation = instruction.operation
        if self._scratch is None:
            self._scratch = AerCircuit()
        qubits = {bit: place for place, bit in enumerate(instruction.qubits)}
        clbits = {bit: place for place, bit in enumerate(instruction.clbits)}
        try:
            if operation.name == "initialize" and not isinstance(operation.params[0], complex):
                return  # Aer takes the gates of its definition instead
            _assemble_op(self._circuit, self._scratch, instruction, qubits, clbits, False, -1, None, self._basis)
        except Exception as error:
            if "unknown instruction" in str(error):
                raise self._unknown(operation.name) from error
            raise QobjValidationError(
                f"has the instruction {operation.name!r} that Aer cannot take: {_reason(error)}"
            ) from error

    def _unknown(self, name: str) -> QobjValidationError:
        whose = "Aer does not know" if self._basis is None else "this backend does not have"
        return QobjValidationError(f"has the gate {name!r}, which {whose}: transpile it for this backend")


class _ExpressionCheck(_AssembleExprImpl):  # type: ignore[misc]  # Aer ships no types
    """Walks an expression as Aer does, without looking for the place of its bits."""

    def visit_var(self, node: Any, /) -> Any:
        return AerVar(_assemble_type(node.type), [])


def _numbers(params: Any) -> Iterator[Any]:
    for value in params:
        if isinstance(value, (list, tuple)):
            yield from _numbers(value)
        else:
            yield value


def _surely_finite(values: Any) -> bool:
    """Whether these are all finite floats; False where it takes a closer look."""
    try:
        return math.isfinite(sum(values))
    except TypeError:
        return False


def _check_number(value: Any, where: str) -> None:
    """Refuses a number that is not finite; what is not a number is not looked at."""
    if isinstance(value, np.ndarray):
        finite = value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    elif isinstance(value, (float, int)):
        finite = math.isfinite(value)
    elif isinstance(value, complex):
        finite = cmath.isfinite(value)
    elif isinstance(value, ParameterExpression):
        finite = bool(value.parameters) or cmath.isfinite(complex(value))
    else:
        return
    if not finite:
        raise QobjValidationError(f"has a value in {where} that is not a finite number ({_shown(value)})")


def _shown(value: Any) -> str:
    return "in a matrix" if isinstance(value, np.ndarray) else str(value)


def _reason(error: Exception) -> str:
    """Aer's own words, of which only the first line is meant for people."""
    lines = str(error).strip("'\"").splitlines()
    if not lines or isinstance(error, (AttributeError, TypeError)):
        return f"it is not of the class that Aer's library has for it ({type(error).__name__})"
    return lines[0]
