"""The depth of classical expressions; `test_circuits` shows that the limits are right."""

import pytest
from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr, types

from aerq.tasks.wire.errors import EncodingError
from aerq.tasks.wire.nesting import STEPS, check_steps, depth_of

BIT = Clbit()
REGISTER = ClassicalRegister(4, "c")


@pytest.mark.parametrize(
    ("root", "depth"),
    [
        (None, 0),
        ((BIT, 1), 0),
        (expr.lift(BIT), 1),
        (expr.logic_not(BIT), 2),
        (expr.logic_and(expr.logic_not(BIT), BIT), 3),
        (expr.logic_and(BIT, expr.logic_not(BIT)), 3),
        (expr.equal(expr.index(REGISTER, 2), expr.cast(REGISTER, types.Bool())), 3),
        (expr.index(expr.shift_left(REGISTER, expr.lift(3)), 2), 3),
    ],
    ids=str,
)
def test_depth(root, depth):
    assert depth_of(root) == depth


def test_limit():
    check_steps(STEPS)
    with pytest.raises(EncodingError, match="45 levels of if, loop or box, 22 of switch"):
        check_steps(STEPS + 1)
