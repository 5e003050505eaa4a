"""The instructions that QPY loses or changes, as plain data, and back.

QPY writes Aer's own instructions as a plain `Instruction` without their class and attributes, writes a `Delay`
without its unit, and cannot load again a `UCGate` or a labelled gate with open controls. Each of these leaves a
barrier of the same width in the circuit that is written, and its data in a table beside it.

What only QPY knows how to write (parameters, conditions on classical bits and variables) stays in the circuit as
well: as *carriers*, instructions directly behind the barrier whose one purpose is to hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ControlledGate, Delay, Gate, IfElseOp, Instruction, Operation, ParameterExpression
from qiskit.circuit.classical import expr
from qiskit.circuit.library import GlobalPhaseGate, UCGate
from qiskit_aer.library.control_flow_instructions import AerJump, AerStore
from qiskit_aer.library.save_instructions.save_data import SaveData
from qiskit_aer.noise.errors.base_quantum_error import QuantumChannelInstruction

from . import values
from .errors import DecodingError, EncodingError
from .kinds import AER_NAMES, CLASSES, GATES, SPECIAL
from .quantum_errors import GetCircuit, pack_error, unpack_error

#: The data that stands for nothing but a label.
_LABEL = "label"


class Packed:
    """One instruction ready to travel.

    Attributes:
        data: its plain data, packed; equal instructions have equal data.
        stand_in: what QPY writes in its place if that is not a barrier.
        carriers: operations on no qubits that have to follow the stand-in in the circuit.
    """

    __slots__ = ("carriers", "data", "stand_in")

    def __init__(self, data: bytes, carriers: Sequence[Operation] = (), stand_in: Instruction | None = None) -> None:
        self.data = data
        self.carriers = carriers
        self.stand_in = stand_in


def pack_instruction(operation: Operation, add_circuit: Callable[[QuantumCircuit], int]) -> Packed | None:
    """Turns an instruction that QPY would change into plain data.

    Args:
        operation: an instruction that is not control flow.
        add_circuit: takes a circuit that the instruction refers to and returns its number.

    Returns:
        What has to travel, or None if QPY keeps all of the instruction.

    Raises:
        EncodingError: if it cannot travel.
    """
    kind: type[Any] = getattr(operation, "base_class", type(operation))
    if kind is Delay and (operation.unit == "expr" or (operation.unit == "dt" and type(operation.duration) is int)):
        return None
    if CLASSES.get(kind.__name__) is not kind:
        if isinstance(operation, ControlledGate) and operation.label is not None and "_o" in operation.name:
            bare = operation.to_mutable()
            bare.label = None
            return Packed(values.pack([_LABEL, operation.label]), stand_in=bare)
        package = str(kind.__module__).partition(".")[0]
        if package == "qiskit":
            return None
        foreign = isinstance(operation, SPECIAL) or package == "qiskit_aer"
        if foreign or not isinstance(operation, Instruction):
            raise EncodingError(
                f"its class {kind.__qualname__} is unknown to aerq and would arrive as something else; "
                "use Qiskit's or Aer's own class"
            )
        if isinstance(operation, ControlledGate):
            return None
        # Of a class that somebody wrote, Aer reads only what every instruction has.
        kind = Gate if isinstance(operation, Gate) else Instruction
    carriers: list[Operation] = []
    extra = _pack_extra(operation, kind, carriers, add_circuit)
    symbols: list[int] = []
    params: list[Any] = []
    for index, value in enumerate([] if kind is AerStore else operation.params):
        if isinstance(value, ParameterExpression):
            symbols.append(index)
            carriers.append(GlobalPhaseGate(value))
            params.append(None)
        else:
            params.append(value)
    size = (operation.num_qubits, operation.num_clbits)
    data = values.pack([kind.__name__, operation.name, *size, operation.label, params, symbols, extra])
    return Packed(data, carriers)


def unpack_instruction(
    data: bytes, stand_in: Operation, carriers: list[Operation], get_circuit: GetCircuit
) -> Operation:
    """Turns plain data back into the instruction.

    Args:
        data: what `pack_instruction` gave.
        stand_in: the operation that stands in its place.
        carriers: the carriers that followed it.
        get_circuit: finds the circuits that were added.

    Raises:
        DecodingError: if the data is not of a known instruction; other errors if its parts do not fit together,
            which the caller turns into a `DecodingError`.
    """
    class_name, *rest = values.unpack(data)
    if class_name == _LABEL:
        labelled = stand_in.to_mutable()
        (labelled.label,) = rest
        return labelled
    name, num_qubits, num_clbits, label, params, symbols, extra = rest
    kind = CLASSES.get(class_name)
    if kind is None or stand_in.name != "barrier" or stand_in.num_qubits != num_qubits:
        raise DecodingError(f"an instruction {class_name!r} arrived that this aerq does not know or expect here")
    # The carriers of parameters are the last ones.
    for index, carrier in zip(reversed(symbols), reversed(carriers), strict=False):
        (params[index],) = carrier.params
    if kind in GATES:
        controls, state = extra
        gate = kind(*params, controls, ctrl_state=state)
        gate.label = label
        return gate
    # Constructors check and convert what was checked and converted where the instruction was made.
    operation = kind.__new__(kind)
    Instruction.__init__(operation, name, num_qubits, num_clbits, [], label=label)
    operation._params = params
    _unpack_extra(operation, kind, extra, carriers, get_circuit)
    return operation


def _pack_extra(
    operation: Instruction,
    kind: type[Instruction],
    carriers: list[Operation],
    add_circuit: Callable[[QuantumCircuit], int],
) -> Any:
    """What an instruction of this class has beside name, size, label and parameters."""
    if issubclass(kind, SaveData):
        return operation._subtype
    if kind is Delay:
        return operation.unit
    if kind is QuantumChannelInstruction:
        return pack_error(operation._quantum_error, add_circuit)
    if kind is UCGate:
        simplified, controls = operation.simp_contr
        return [operation.up_to_diagonal, simplified, sorted(controls)]
    if kind in GATES:
        return [operation.num_ctrl_qubits, operation.ctrl_state]
    if kind is AerStore:
        carriers.append(operation.store)
        return None
    if kind is AerJump:
        return _pack_conditions(operation, carriers)
    if kind is Instruction or kind is Gate:
        return _pack_definition(operation, add_circuit)
    return None


def _unpack_extra(
    operation: Instruction, kind: type[Instruction], extra: Any, carriers: list[Operation], get_circuit: GetCircuit
) -> None:
    """Sets what `_pack_extra` packed."""
    if issubclass(kind, SaveData):
        if extra not in SaveData._allowed_subtypes:
            raise DecodingError(f"a save instruction of an unknown kind arrived ({extra!r})")
        operation._subtype = extra
    elif kind is Delay:
        operation._unit = extra
    elif kind is QuantumChannelInstruction:
        operation._quantum_error = unpack_error(extra, get_circuit)
    elif kind is UCGate:
        operation.up_to_diagonal, simplified, controls = extra
        operation.simp_contr = (simplified, set(controls))
    elif kind is AerStore:
        operation.store = carriers[0]
        operation._params = [operation.store.lvalue, operation.store.rvalue]
    elif kind is AerJump:
        _unpack_conditions(operation, extra, carriers)
    elif extra is not None:
        operation._definition = get_circuit(extra)


def _pack_conditions(operation: Instruction, carriers: list[Operation]) -> list[Any]:
    """A jump's two kinds of condition; an `if` without a body carries what each refers to."""
    packed: list[Any] = [None, None]
    if operation.condition is not None:
        target, value = operation.condition
        if isinstance(target, expr.Expr):
            raise EncodingError("its condition compares an expression; use an expression for all of it")
        packed[0] = [value]
        carriers.append(IfElseOp((target, int(value)), QuantumCircuit()))
    if operation.condition_expr is not None:
        packed[1] = True
        carriers.append(IfElseOp(operation.condition_expr, QuantumCircuit()))
    return packed


def _unpack_conditions(operation: Instruction, packed: list[Any], carriers: list[Operation]) -> None:
    operation.condition = operation.condition_expr = None
    plain, expression = packed
    if plain is not None:
        operation.condition = (carriers[0].condition[0], *plain)
    if expression is not None:
        operation.condition_expr = carriers[-1].condition


def _pack_definition(operation: Instruction, add_circuit: Callable[[QuantumCircuit], int]) -> int | None:
    for attribute in ("condition", "condition_expr"):
        if getattr(operation, attribute, None) is not None:
            raise EncodingError("it has a condition as an attribute, which Qiskit has no more; use if_test")
    definition = operation.definition
    if definition is not None:
        return add_circuit(definition)
    name = operation.name
    if name not in AER_NAMES and name.partition("_o")[0] not in AER_NAMES:
        raise EncodingError(
            "it has no definition and is not an instruction that Aer knows; define it or transpile the circuit "
            "for this backend"
        )
    return None
