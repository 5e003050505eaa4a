"""Measurements on the way, resets, conditions and every kind of control flow that Aer has."""

from qiskit.circuit.classical import expr

from .gates import add_gate


def add_dynamic(draw, circuit, method, depth=0):
    """Adds something that depends on an outcome or changes one."""
    kind = draw.one("measure", "measure", "reset", "if", "if", "else", "for", "while", "switch", "expr", "break")
    qubit, clbit = draw.of(circuit.qubits), draw.of(circuit.clbits) if circuit.clbits else None
    if kind == "reset" or clbit is None:
        circuit.reset(qubit)
        return
    if kind == "measure" or depth > 1:
        circuit.measure(qubit, clbit)
        return
    if draw.maybe(0.7):
        circuit.measure(qubit, clbit)
    register = draw.of(circuit.cregs) if circuit.cregs and draw.maybe(0.5) else None
    condition = (clbit, draw.between(0, 1))
    if register is not None:
        condition = (register, draw.between(0, 2 ** len(register) - 1))
    if kind == "expr":
        condition = expression(draw, circuit, clbit, register)
    if kind in ("if", "expr"):
        with circuit.if_test(condition):
            body(draw, circuit, method, depth)
    elif kind == "else":
        with circuit.if_test(condition) as otherwise:
            body(draw, circuit, method, depth)
        with otherwise:
            body(draw, circuit, method, depth)
    elif kind == "for":
        with circuit.for_loop(range(draw.between(0, 3)) if draw.maybe(0.6) else [3, 1]):
            body(draw, circuit, method, depth)
    elif kind == "break":
        with circuit.for_loop(range(draw.between(1, 3))):
            circuit.h(qubit)
            circuit.measure(qubit, clbit)
            with circuit.if_test((clbit, 1)):
                circuit.break_loop() if draw.maybe(0.5) else circuit.continue_loop()
            body(draw, circuit, method, depth)
    elif kind == "while":
        # a fair coin ends it
        with circuit.while_loop((clbit, 1)):
            circuit.reset(qubit)
            circuit.h(qubit)
            circuit.measure(qubit, clbit)
    elif kind == "switch":
        with circuit.switch(clbit if register is None else register) as case:
            with case(0):
                body(draw, circuit, method, depth)
            with case(1) if draw.maybe(0.5) else case(case.DEFAULT):
                body(draw, circuit, method, depth)


def body(draw, circuit, method, depth):
    for _ in range(draw.between(1, 2)):
        if draw.maybe(0.8):
            # inside of a block the builder knows the bits of the whole circuit
            add_simple(draw, circuit, method)
        else:
            add_dynamic(draw, circuit, method, depth + 1)


def add_simple(draw, circuit, method):
    qubit = draw.of(circuit.qubits)
    if method in ("stabilizer", "extended_stabilizer"):
        getattr(circuit, draw.one("x", "h", "s"))(qubit)
    elif draw.maybe(0.5):
        add_gate(draw, circuit, "matrix_product_state" if method == "automatic" else method)
    else:
        circuit.rx(draw.angle(), qubit)


def expression(draw, circuit, clbit, register):
    other = draw.of(circuit.clbits)
    if register is not None and draw.maybe(0.6):
        value = draw.between(0, 2 ** len(register) - 1)
        compare = draw.one(expr.less, expr.greater_equal, expr.equal, expr.not_equal)
        masked = draw.one(expr.bit_and, expr.bit_xor)(register, value) if draw.maybe(0.4) else register
        return compare(masked, value)
    return draw.one(
        expr.logic_not(clbit),
        expr.logic_and(clbit, other),
        expr.logic_or(expr.logic_not(clbit), other),
        expr.lift(clbit),
    )
