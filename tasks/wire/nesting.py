"""How deep a circuit is nested, in the steps that reading it takes.

Qiskit's reader counts its own recursion and stops at a tenth of Python's recursion limit: at 100 steps in a worker.
Measured with Qiskit 2.6: an `if`, loop or box takes 2 steps, a `switch` 4, a classical expression 1 for each level.
"""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, ForLoopOp, SwitchCaseOp
from qiskit.circuit.classical import expr

from .errors import EncodingError

#: Below 100 by what surrounds the nesting: the circuit itself and the values at its bottom.
STEPS = 90

#: Aer copies the body of a for loop once for each index, which takes a minute for as many as this.
UNROLLED = 100_000

_BODY_STEPS = 2
_CASE_STEPS = 4
#: Definitions are read one beside the other and take no steps there, but writing them calls itself.
DEFINITION_STEPS = 4


def steps_of(operation: ControlFlowOp) -> int:
    """The steps that reading one control-flow operation takes, before its bodies.

    Args:
        operation: the operation.
    """
    return _CASE_STEPS if isinstance(operation, SwitchCaseOp) else _BODY_STEPS


def check_steps(steps: int) -> None:
    """Checks that what is nested so deep can be read again.

    Args:
        steps: the steps to the innermost part.

    Raises:
        EncodingError: if it is too deep.
    """
    if steps > STEPS:
        raise EncodingError(
            f"it is nested deeper than a worker can read ({STEPS // _BODY_STEPS} levels of if, loop or box, "
            f"{STEPS // _CASE_STEPS} of switch, {STEPS} of a classical expression); nest it less deep"
        )


def depth_of(root: object) -> int:
    """The number of levels of a classical expression; 0 for anything else.

    Args:
        root: a condition, a switch's target, or a part of a store.
    """
    deepest = 0
    pending = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, expr.Expr):
            deepest = max(deepest, depth)
            pending.extend((child, depth + 1) for child in _children(node))
    return deepest


def _children(node: expr.Expr) -> list[object]:
    if isinstance(node, expr.Unary | expr.Cast):
        return [node.operand]
    if isinstance(node, expr.Binary):
        return [node.left, node.right]
    if isinstance(node, expr.Index):
        return [node.target, node.index]
    return []


def check_nesting(circuit: QuantumCircuit) -> None:
    """Checks that a circuit's control flow can be read again, and that its loops can be unrolled.

    It calls itself nowhere, and ends early where blocks are shared so often that their copies fit no memory.

    Args:
        circuit: the circuit; definitions of its instructions are not looked at.

    Raises:
        EncodingError: if it is too deep, or too much once it is unrolled.
    """
    size = 0
    pending = [(circuit, 0, 1)]
    while pending:
        body, steps, times = pending.pop()
        check_steps(steps)
        # What Aer does not copy may be as long as it likes; blocks that are shared count as often as they are there.
        size += times * (len(body.data) + 1) if times > 1 or steps else 0
        if size > UNROLLED:
            raise EncodingError(
                f"its control flow has more than {UNROLLED} instructions once its for loops are unrolled, as Aer does; "
                "shorten them or use a while loop"
            )
        if not body.has_control_flow_op():
            continue
        for instruction in body.data:
            operation = instruction.operation
            if isinstance(operation, ControlFlowOp):
                for attribute in ("condition", "target"):
                    check_steps(steps + depth_of(getattr(operation, attribute, None)))
                inside = times * len(operation.params[0]) if isinstance(operation, ForLoopOp) else times
                pending += [(block, steps + steps_of(operation), inside) for block in operation.blocks]
