"""Classical bits without a register, as the blocks of control flow have them.

A bit of a register is known by register and index, one without is an object of its own. QPY makes new objects of it
for each block that it reads, but where blocks stand inside of one another Aer looks for the bits of conditions among
those of the outermost circuit. So after reading each block gets the bits of the circuit that it stands in, as the
builder of blocks had it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Clbit, ControlFlowOp, IfElseOp, Store, SwitchCaseOp, WhileLoopOp
from qiskit.circuit._classical_resource_map import VariableMapper


def share_loose_bits(circuit: QuantumCircuit) -> None:
    """Gives all blocks in a circuit that was just read the circuit's own classical bits."""
    if not circuit.has_control_flow_op():
        return
    owned = {bit for register in circuit.cregs for bit in ClassicalRegister(len(register), register.name)}
    if not owned.issuperset(circuit.clbits):
        _map(circuit, {bit: bit for bit in circuit.clbits}, circuit.cregs)


def _map(circuit: QuantumCircuit, bits: Mapping[Clbit, Clbit], registers: Sequence[ClassicalRegister]) -> None:
    """Replaces the bits of a circuit and of all blocks in it."""
    mapper = VariableMapper(registers, bits, add_register=lambda register: None)
    old = list(circuit._data)
    data = circuit._data.copy_empty_like()
    if any(bits[bit] != bit for bit in circuit.clbits):
        data.replace_bits(clbits=[bits[bit] for bit in circuit.clbits])
        for register in circuit.cregs:  # which go with the bits
            data.add_creg(_counterpart(register, bits, registers))
    # Qiskit 2.6 can lose count of the blocks when control flow is replaced in place, so all is appended anew.
    for instruction in old:
        clbits = [bits[bit] for bit in instruction.clbits]
        operation = instruction.operation
        if isinstance(operation, (ControlFlowOp, Store)):
            instruction = instruction.replace(operation=_mapped(operation, clbits, mapper, registers))
        data.append(instruction.replace(clbits=clbits))
    circuit._data = data


def _counterpart(
    register: ClassicalRegister, bits: Mapping[Clbit, Clbit], registers: Sequence[ClassicalRegister]
) -> ClassicalRegister:
    """The register of the same name of the outermost circuit, or one that stands on its bits."""
    mapped = [bits[bit] for bit in register]
    same = (outer for outer in registers if outer.name == register.name and list(outer) == mapped)
    return next(same, None) or ClassicalRegister(name=register.name, bits=mapped)


def _mapped(operation: Any, clbits: Sequence[Clbit], mapper: VariableMapper, registers: Any) -> Any:
    if isinstance(operation, Store):
        return Store(mapper.map_expr(operation.lvalue), mapper.map_expr(operation.rvalue))
    blocks = list(operation.blocks)
    for block in blocks:
        _map(block, dict(zip(block.clbits, clbits, strict=True)), registers)
    mapped = operation.replace_blocks(blocks)
    if isinstance(mapped, (IfElseOp, WhileLoopOp)):
        mapped.condition = mapper.map_condition(operation.condition)
    elif isinstance(mapped, SwitchCaseOp):
        mapped.target = mapper.map_target(operation.target)
    return mapped
