"""How deep a circuit is nested, in the steps that reading it takes.

Qiskit's reader counts its own recursion and stops at a tenth of Python's recursion limit: at 100 steps in a worker.
Measured with Qiskit 2.6: an `if`, loop or box takes 2 steps, a `switch` 4, a classical expression 1 for each level.
"""

from __future__ import annotations

from qiskit.circuit import ControlFlowOp, SwitchCaseOp
from qiskit.circuit.classical import expr

from .errors import EncodingError

#: Below 100 by what surrounds the nesting: the circuit itself and the values at its bottom.
STEPS = 90

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
