"""Circuit files on the command line: all of them read and checked before anything else happens."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .failures import InputError
from .parser import Parser
from .sources import Kind, Source, read_source

#: The names that Qiskit makes up for circuits without one.
_MADE_UP = re.compile(r"circuit-\d+(-\d+)?")


@dataclass(frozen=True)
class FileCircuit:
    """A circuit and the file it came from.

    Attributes:
        file: the file as the user named it.
        circuit: the `QuantumCircuit`, named as the user knows it.
    """

    file: Path
    circuit: Any

    @property
    def name(self) -> str:
        """The circuit's own name, or the file's."""
        return str(self.circuit.name)


def read_files(paths: Iterable[Path]) -> list[FileCircuit]:
    """The circuits in some files, in order.

    A file is parsed in a process of its own, so that a hostile one can do no harm here.

    Raises:
        InputError: for the first file that cannot be used; it says why.
    """
    sources = [read_source(path) for path in paths]
    with Parser() as parser:
        import qiskit.qpy  # noqa: F401  # both processes import Qiskit at the same time

        return [item for source in sources for item in load_circuits(source, parser.parse(source))]


def load_circuits(source: Source, body: bytes) -> list[FileCircuit]:
    """The circuits that the parser found in one file, named.

    Args:
        source: the file.
        body: what `Parser.parse` gave for it.
    """
    from qiskit import qpy

    try:
        loaded = qpy.load(io.BytesIO(body))
    except Exception as error:  # it loaded in the parser, so this would be Qiskit's own fault
        raise InputError(f"{source.path} is not a readable circuit") from error
    for number, circuit in enumerate(loaded):
        if source.kind is not Kind.QPY or _MADE_UP.fullmatch(circuit.name):
            circuit.name = source.path.stem if len(loaded) == 1 else f"{source.path.stem}-{number}"
    return [FileCircuit(source.path, circuit) for circuit in loaded]
