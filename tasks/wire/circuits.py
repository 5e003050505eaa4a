"""The codec of circuits: QPY, and a table of what QPY loses.

Layout, by msgpack: `[format, number of circuits, QPY file, specs, patches]`. The file holds the circuits and behind
them those that their instructions refer to (definitions). `specs` holds each different lost instruction once;
`patches` says for each circuit where they belong: `[index, spec, clbits, carriers, bodies]`, with `bodies` the patches
of a control-flow operation's blocks. `circuit.metadata` stays with whoever submitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, CircuitInstruction, ControlFlowOp, Operation, Store

from . import programs, values
from .errors import DecodingError, EncodingError
from .instructions import pack_instruction, unpack_instruction
from .kinds import PLAIN_NAMES, WITHOUT_NUMBERS
from .loosebits import share_loose_bits
from .nesting import DEFINITION_STEPS, check_steps, depth_of, steps_of

_FORMAT = 1

#: What is written for an instruction, its carriers, and its patch without the index.
_Replaced = tuple[CircuitInstruction, Sequence[Operation], list[Any]]


def encode_circuits(circuits: Sequence[QuantumCircuit]) -> bytes:
    """Encodes circuits; `decode_circuits` gives equal ones, on which Aer computes the same bits.

    Args:
        circuits: the circuits, which are not changed. Their parameters may be unbound. Their metadata is not
            encoded and may be anything.

    Returns:
        Bytes; the same circuits give the same bytes, unless Qiskit orders its own tables anew.

    Raises:
        EncodingError: if a circuit cannot travel unchanged; the text names circuit and instruction.
    """
    encoder = _Encoder(len(circuits))
    for number, circuit in enumerate(circuits):
        encoder.add(number, circuit)
    return encoder.pack()


def decode_circuits(data: bytes) -> list[QuantumCircuit]:
    """Decodes circuits.

    Args:
        data: what `encode_circuits` returned. Its digest must have been checked.

    Returns:
        The circuits in their order, with empty metadata.

    Raises:
        DecodingError: if the bytes are not circuits.
    """
    try:
        version, count, program, specs, patches = values.unpack(data)
        if version != _FORMAT:
            raise DecodingError(f"circuits have format {version}, this aerq reads format {_FORMAT}")
        circuits = programs.load(program)
        if len(circuits) < count:
            raise DecodingError(f"{count} circuits were announced and {len(circuits)} arrived")
        for number, rows in patches:
            _restore(circuits[number], rows, specs, circuits)
        for circuit in circuits[:count]:
            share_loose_bits(circuit)
    except (DecodingError, MemoryError):
        raise
    except Exception as error:
        raise DecodingError(f"circuits cannot be read ({_said(error)})") from error
    return circuits[:count]


class _Encoder:
    """Collects circuits, those that their instructions refer to, and the table beside them.

    Args:
        count: how many circuits will be added.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._circuits: list[QuantumCircuit] = []
        #: Circuits that instructions refer to. They are numbered behind the others.
        self._definitions: list[QuantumCircuit] = []
        self._numbers: dict[int, int] = {}
        self._patches: list[Any] = []
        self._specs: dict[bytes, int] = {}
        # Keeps the identities of what was referred to from being used again.
        self._held: list[QuantumCircuit] = []
        self._steps = 0

    def add(self, number: int, circuit: QuantumCircuit) -> None:
        """Adds one of the circuits to encode."""
        if not isinstance(circuit, QuantumCircuit):
            raise EncodingError(f"number {number} is a {type(circuit).__name__}, not a QuantumCircuit")
        try:
            rewritten, rows = self._rewrite(circuit)
        except EncodingError as error:
            raise EncodingError(f"{_name(number, circuit)}: {error}") from error
        except MemoryError:
            raise
        except Exception as error:
            # Instructions of the user's own run code of their own when they are asked for their definition.
            raise EncodingError(f"{_name(number, circuit)} cannot be read ({_said(error)})") from error
        if rows:
            self._patches.append([number, rows])
        self._circuits.append(rewritten)

    def pack(self) -> bytes:
        """The bytes of everything added."""
        everything = self._circuits + self._definitions
        try:
            program = programs.dump(everything)
        except EncodingError as error:
            raise _explained(everything, error) from error
        return values.pack([_FORMAT, self._count, program, list(self._specs), self._patches])

    def _refer(self, circuit: QuantumCircuit) -> int:
        """Adds a circuit that an instruction refers to, if it is new, and returns its number."""
        position = self._numbers.get(id(circuit))
        if position is None:
            position = self._numbers[id(circuit)] = len(self._definitions)
            self._definitions.append(circuit)
            self._held.append(circuit)
            rewritten, rows = self._inside(circuit, DEFINITION_STEPS)
            if rows:
                self._patches.append([self._count + position, rows])
            self._definitions[position] = rewritten
        return self._count + position

    def _inside(self, circuit: QuantumCircuit, steps: int) -> tuple[QuantumCircuit, list[Any]]:
        """Rewrites a circuit that stands so many steps inside of the one at work."""
        self._steps += steps
        try:
            check_steps(self._steps)
            return self._rewrite(circuit)
        finally:
            self._steps -= steps

    def _rewrite(self, circuit: QuantumCircuit) -> tuple[QuantumCircuit, list[Any]]:
        """The circuit that QPY can write, the same one if it can, and the patches that make it whole again."""
        phase = circuit.global_phase
        if type(phase) is float and not isfinite(phase):
            raise EncodingError("its global phase is not a finite number")
        # Counting names takes a microsecond; most circuits have no name that needs a closer look.
        names = circuit.count_ops().keys()
        closer = names - PLAIN_NAMES
        replaced: dict[int, _Replaced] = {}
        for index, instruction in enumerate(circuit._data if names - WITHOUT_NUMBERS else ()):
            if instruction.name in WITHOUT_NUMBERS:
                continue
            for value in instruction.params:
                if type(value) is float and not isfinite(value):
                    raise EncodingError(f"instruction {index} {instruction.name!r}: {value} is not a finite number")
            if not closer or instruction.name not in closer:
                continue
            try:
                found = self._replace(circuit, instruction)
            except EncodingError as error:
                raise EncodingError(f"instruction {index} {instruction.name!r}: {error}") from error
            if found is not None:
                replaced[index] = found
        return _rebuilt(circuit, replaced) if replaced else (circuit, [])

    def _replace(self, circuit: QuantumCircuit, instruction: CircuitInstruction) -> _Replaced | None:
        """What to write for one instruction; None if QPY keeps all of it."""
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            return self._replace_bodies(instruction, operation)
        if isinstance(operation, Store):
            check_steps(self._steps + max(depth_of(operation.lvalue), depth_of(operation.rvalue)))
        packed = pack_instruction(operation, self._refer)
        if packed is None:
            return None
        spec = self._specs.setdefault(packed.data, len(self._specs))
        stand_in, clbits, indices = packed.stand_in, instruction.clbits, None
        if stand_in is None:
            stand_in, clbits = Barrier(len(instruction.qubits)), ()
            indices = [circuit.find_bit(clbit).index for clbit in instruction.clbits]
        written = CircuitInstruction(stand_in, instruction.qubits, clbits)
        return written, packed.carriers, [spec, indices, len(packed.carriers), None]

    def _replace_bodies(self, instruction: CircuitInstruction, operation: ControlFlowOp) -> _Replaced | None:
        for attribute in ("condition", "target"):
            check_steps(self._steps + depth_of(getattr(operation, attribute, None)))
        bodies = [self._inside(block, steps_of(operation)) for block in operation.blocks]
        if not any(rows for _, rows in bodies):
            return None
        written = instruction.replace(operation=operation.replace_blocks([block for block, _ in bodies]))
        return written, (), [None, None, 0, [rows for _, rows in bodies]]


def _rebuilt(circuit: QuantumCircuit, replaced: dict[int, _Replaced]) -> tuple[QuantumCircuit, list[Any]]:
    """A new circuit with some instructions replaced, and the patches by their place in it."""
    # Qiskit 2.6 can lose count of the blocks when control flow is replaced in place, so all is appended anew.
    data = circuit._data.copy_empty_like()
    rows = []
    for index, instruction in enumerate(circuit._data):
        if index not in replaced:
            data.append(instruction)
            continue
        written, carriers, row = replaced[index]
        rows.append([len(data), *row])
        data.append(written)
        for carrier in carriers:
            data.append(CircuitInstruction(carrier, (), ()))
    rebuilt = QuantumCircuit.from_circuit_data(data, name=circuit.name)
    rebuilt._layout = circuit._layout
    return rebuilt, rows


def _restore(circuit: QuantumCircuit, rows: list[Any], specs: list[bytes], circuits: list[QuantumCircuit]) -> None:
    """Puts the lost instructions back into a circuit that was just read."""
    read = list(circuit._data)
    data = circuit._data.copy_empty_like()
    done = 0
    for index, spec, clbits, count, bodies in rows:
        for instruction in read[done:index]:
            data.append(instruction)
        instruction, *carried = read[index : index + 1 + count]
        operation, bits = instruction.operation, instruction.clbits
        if bodies is not None:
            blocks = list(operation.blocks)
            for block, inner in zip(blocks, bodies, strict=True):
                _restore(block, inner, specs, circuits)
            restored = operation.replace_blocks(blocks)
        else:
            carriers = [carrier.operation for carrier in carried]
            restored = unpack_instruction(specs[spec], operation, carriers, circuits.__getitem__)
        if clbits is not None:
            bits = [circuit.clbits[bit] for bit in clbits]
        data.append(CircuitInstruction(restored, instruction.qubits, bits))
        done = index + 1 + count
    for instruction in read[done:]:
        data.append(instruction)
    circuit._data = data


def _name(number: int, circuit: QuantumCircuit) -> str:
    return f"circuit {circuit.name!r} (number {number})"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _explained(circuits: Sequence[QuantumCircuit], error: EncodingError) -> EncodingError:
    """Finds the circuit and instruction for which QPY failed, by trying them one by one."""
    for number, circuit in enumerate(circuits):
        if not _fails(circuit):
            continue
        for index, instruction in enumerate(circuit._data):
            alone = circuit._data.copy_empty_like()
            alone.append(instruction)
            if _fails(QuantumCircuit.from_circuit_data(alone)):
                where = f"{_name(number, circuit)}: instruction {index} {instruction.name!r}"
                return EncodingError(f"{where}: {error}")
        return EncodingError(f"{_name(number, circuit)}: {error}")
    return error


def _fails(circuit: QuantumCircuit) -> bool:
    try:
        programs.dump([circuit])
    except EncodingError:
        return True
    return False
