"""The depth of classical expressions; `test_circuits` shows that the limits are right."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr, types

from aerq.tasks.wire.errors import EncodingError
from aerq.tasks.wire.nesting import STEPS, UNROLLED, check_nesting, check_steps, depth_of

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


def shared(depth):
    """An `if` whose two branches are one block, that holds such an `if`, and so on."""
    body = QuantumCircuit(1, 1)
    for _ in range(depth):
        outer = QuantumCircuit(1, 1)
        outer.if_else((outer.clbits[0], 1), body, body, [0], [0])
        body = outer
    return body


def looped(depth, indexes):
    body = QuantumCircuit(1, 1)
    body.x(0)
    for _ in range(depth):
        outer = QuantumCircuit(1, 1)
        outer.for_loop(indexes, None, body, [0], [0])
        body = outer
    return body


def test_control_flow_that_fits():
    check_nesting(QuantumCircuit(1))
    check_nesting(shared(5))
    check_nesting(looped(8, range(2)))
    check_nesting(looped(1, [5] * (UNROLLED // 4)))
    check_nesting(looped(40, range(1)))


@pytest.mark.parametrize("build", [lambda: looped(30, range(2)), lambda: looped(1, range(UNROLLED))])
def test_control_flow_that_is_too_much_once_it_is_unrolled(build):
    with pytest.raises(EncodingError, match=f"more than {UNROLLED} instructions"):
        check_nesting(build())


def test_control_flow_that_is_too_deep():
    with pytest.raises(EncodingError, match="nested deeper"):
        check_nesting(looped(46, range(1)))
