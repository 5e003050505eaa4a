"""The disposable process that parses circuit files: `python -m aerq.jobs.cli.parse_child`.

A hostile or damaged file can abort, exhaust or overflow the process that parses it, and no `except` helps. So this
process does it, under limits, and hands back what it understood as QPY that it has itself read back once.

It answers requests on stdin, one reply each on stdout, until stdin ends.
Request: kind, 1 byte | length, 8 bytes | the file. Reply: status, 1 byte | SHA-256 of the body | length | body.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import os
import re
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from .sources import Kind

REQUEST = struct.Struct(">BQ")
REPLY = struct.Struct(">B32sQ")
#: The statuses of a reply: the body is QPY, or the rest of a sentence that starts with the file's name.
CIRCUITS, REFUSED = 0, 1

#: Limits of this process. A file at the size limit needs about half of either.
MEMORY_GIB = 4
SECONDS = 120

#: Aer's instructions that QPY writes without complaint and reads back as empty shells, besides `save_...`.
_LOST_IN_QPY = frozenset({"quantum_channel", "roerror", "set_stabilizer", "pauli_lindblad_error"})
#: Longest text of a parser that is passed on.
_LONGEST = 300
_LONGEST_TOKEN = 40
#: The place of an error in the words of the three parsers: `<input>:1,2: `, `1,2: `, `L1:C2: `, `line 1:2 `.
_PLACE = re.compile(r"^(?:<input>:|L|line )?(\d+)(?:,|:C?)(\d+):? ")


class _RefusedError(Exception):
    """The rest of a sentence that starts with the file's name."""


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until there are no more."""
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        kind, length = REQUEST.unpack(head)
        data = requests.read(length)
        _limit_seconds()
        try:
            status, body = CIRCUITS, read_circuits(Kind(kind), data)
        except _RefusedError as refusal:
            status, body = REFUSED, str(refusal).encode(errors="replace")
        replies.write(REPLY.pack(status, hashlib.sha256(body).digest(), len(body)) + body)
        replies.flush()
        del data, body
        gc.collect()


def read_circuits(kind: Kind, data: bytes) -> bytes:
    """Parses a file, checks its circuits and returns them as QPY that is known to load."""
    from qiskit import qpy

    circuits = _parse(kind, data)
    if not circuits:
        raise _RefusedError("holds no circuits")
    for number, circuit in enumerate(circuits):
        which = "" if len(circuits) == 1 else f"holds the circuit {circuit.name!r} (number {number}) that "
        check_circuit(circuit, which)
    body = io.BytesIO()
    try:
        qpy.dump(circuits, body)
        body.seek(0)
        if len(qpy.load(body)) != len(circuits):
            raise _RefusedError("does not survive being written and read again")
    except RecursionError:
        raise _RefusedError("nests its statements too deeply") from None
    except _RefusedError:
        raise
    except Exception as error:
        raise _RefusedError(f"cannot be sent to a worker: {_text(error)}") from None
    return body.getvalue()


def check_circuit(circuit: Any, which: str = "") -> None:
    """Refuses a circuit that cannot give counts.

    Args:
        circuit: the `QuantumCircuit`.
        which: what names it in a file of several.
    """
    unbound = [parameter.name for parameter in circuit.parameters]
    unbound += [variable.name for variable in circuit.iter_input_vars()]
    if unbound:
        raise _RefusedError(f"{which}leaves {_names(unbound)} without a value; bind all parameters first")
    measured = False
    for instruction in instructions(circuit):
        name = instruction.name
        if name in _LOST_IN_QPY or (name.startswith("save_") and instruction.definition is None):
            raise _RefusedError(
                f"{which}uses Aer's instruction {name!r}, which circuit files do not keep; run this circuit from "
                "Python with AerqSimulator"
            )
        measured = measured or name == "measure"
    if not measured:
        raise _RefusedError(
            f"{which}measures and saves nothing, so there is nothing to count; "
            "add measurements, e.g. circuit.measure_all()"
        )


def instructions(circuit: Any) -> Iterator[Any]:
    """Every instruction of a circuit, with those in control flow and in definitions of non-unitary blocks."""
    from qiskit.circuit import Gate

    waiting, seen = [circuit], {id(circuit)}
    while waiting:
        for item in waiting.pop().data:
            operation = item.operation
            yield operation
            inner = list(getattr(operation, "blocks", ()))
            if not inner and not isinstance(operation, Gate) and getattr(operation, "definition", None):
                inner = [operation.definition]
            for block in inner:
                if id(block) not in seen:
                    seen.add(id(block))
                    waiting.append(block)


def _parse(kind: Kind, data: bytes) -> list[Any]:
    """The circuits in a file, or a refusal that says what the parser did not understand."""
    parser = {Kind.QASM2: _qasm2, Kind.QASM3: _qasm3, Kind.QPY: _qpy}[kind]
    said = io.StringIO()  # ANTLR prints what it dislikes
    try:
        with contextlib.redirect_stderr(said):
            return parser(data)
    except RecursionError:
        raise _RefusedError("nests its expressions or statements too deeply") from None
    except MemoryError:
        raise _RefusedError(f"needs more than {MEMORY_GIB} GiB of memory to read") from None
    except Exception as error:
        heard = _text(error) or _heard(said.getvalue()) or _place_of_token(error)
        raise _RefusedError(f"is not valid {kind.label}" + (f": {heard}" if heard else "")) from None


def _qasm2(data: bytes) -> list[Any]:
    from qiskit import qasm2

    circuit = qasm2.loads(
        data.decode(),
        include_path=(),  # or `include` would read files of this machine
        custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
        custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL,
    )
    return [circuit]


def _qasm3(data: bytes) -> list[Any]:
    from qiskit import qasm3

    return [qasm3.loads(data.decode())]


def _qpy(data: bytes) -> list[Any]:
    from qiskit import QuantumCircuit, qpy

    try:
        loaded = qpy.load(io.BytesIO(data))
    except (qpy.QpyError, RecursionError, MemoryError):
        raise
    except Exception as error:  # damaged bytes raise whatever the code that meets them first raises
        raise ValueError("it is damaged, or was written by a newer Qiskit") from error
    if not all(isinstance(program, QuantumCircuit) for program in loaded):
        raise ValueError("it holds a program that is no circuit")
    return list(loaded)


def _place_of_token(error: BaseException | None) -> str:
    """Where ANTLR met something that it did not expect: the OpenQASM 3 parser raises that without a word."""
    while error is not None:
        for cause in error.args:
            token = getattr(cause, "offendingToken", None)
            if token is not None:
                found = "the file ends too early" if token.type == -1 else f"unexpected {token.text[:_LONGEST_TOKEN]!r}"
                return f"line {token.line}, column {token.column}: {found}"
        error = error.__cause__ or error.__context__
    return ""


def _text(error: Exception) -> str:
    """A parser's own words."""
    return _heard(str(getattr(error, "message", error)))


def _heard(text: str) -> str:
    """Words of a parser on one line, with the place said as people say it."""
    text = _PLACE.sub(r"line \1, column \2: ", " ".join(text.split()))
    return text[:_LONGEST]


def _names(names: list[str], most: int = 3) -> str:
    """The first few of many names."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _limit_resources() -> None:
    """Bounds what a file can make this process take, before it sees the first one."""
    limits: dict[int, int] = {
        resource.RLIMIT_AS: MEMORY_GIB * 2**30,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,  # it writes to its pipe and to no file
    }
    for name, limit in limits.items():
        hard = resource.getrlimit(name)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        with contextlib.suppress(ValueError, OSError):  # where a system does not know this limit
            resource.setrlimit(name, (limit, hard))


def _limit_seconds() -> None:
    """Gives the next file its own share of processor time; the kernel ends this process after that."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + SECONDS + 1
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def main(limit: Callable[[], None] = _limit_resources) -> None:
    """Serves stdin and stdout; what a parser prints goes elsewhere."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import qiskit  # noqa: F401  # before the limits, because an import may map much more than it uses

    limit()
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
