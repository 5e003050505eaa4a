"""A circuit file's bytes, and what they say they are, before anything parses them."""

from __future__ import annotations

import enum
import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .failures import InputError

#: Larger files are refused; the widest circuits that anybody simulates take a few MiB.
LARGEST_MIB = 64

#: What the command line calls standard input.
STANDARD_INPUT = Path("-")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_QPY_MAGIC = b"QISKIT"
_COMMENT = r"//[^\n]*|/\*.*?\*/"
_HEADER = re.compile(rf"(?:\s+|{_COMMENT})*+OPENQASM(?:\s+|{_COMMENT})++(\d+)", re.DOTALL)


class Kind(enum.IntEnum):
    """The kinds of files that hold circuits."""

    QASM2 = 1
    QASM3 = 2
    QPY = 3

    @property
    def label(self) -> str:
        """The name that people use."""
        return {Kind.QASM2: "OpenQASM 2", Kind.QASM3: "OpenQASM 3", Kind.QPY: "QPY"}[self]


#: What a file of each language may include; both are built into Qiskit, so no file is opened for them.
_BUILT_IN = {Kind.QASM2: "qelib1.inc", Kind.QASM3: "stdgates.inc"}
#: Comments and strings are whole tokens, so that an `include` inside them is none and one after them is one.
#: OpenQASM 2 has no block comments.
_TOKENS = {
    Kind.QASM2: re.compile(r"//[^\n]*|\"[^\"\n]*\"|'[^'\n]*'|\binclude\b|[^\s\"'/\w]"),
    Kind.QASM3: re.compile(rf"{_COMMENT}|\"[^\"\n]*\"|'[^'\n]*'|\binclude\b|[^\s\"'/\w]", re.DOTALL),
}


@dataclass(frozen=True)
class Source:
    """A file whose kind is known and whose content nobody has parsed yet.

    Attributes:
        path: the file as the user named it.
        kind: what it says it is.
        data: its bytes; text is without a byte order mark.
    """

    path: Path
    kind: Kind
    data: bytes


def read_source(path: Path) -> Source:
    """Reads a file and finds its kind by its content.

    Args:
        path: the file, or `STANDARD_INPUT`.

    Raises:
        InputError: if it is missing, no file, unreadable, empty, too large, of no known kind, or includes
            another file.
    """
    if path == STANDARD_INPUT:
        path, data = Path("stdin"), _standard_input()
    else:
        data = _read(path)
    if len(data) > LARGEST_MIB * 2**20:
        raise InputError(f"{path} is larger than {LARGEST_MIB} MiB, the largest circuit file that is read")
    if not data.strip():
        raise InputError(f"{path} is empty")
    if data.startswith(_QPY_MAGIC):
        return Source(path, Kind.QPY, data)
    data = data.removeprefix(_BYTE_ORDER_MARK)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InputError(_unknown(path)) from None
    kind = _language(path, text)
    for included in _included_files(kind, text):
        if included != _BUILT_IN[kind]:
            raise InputError(
                f'{path} includes another file, "{included}"; {kind.label} files may include only '
                f"{_BUILT_IN[kind]}, so write the gates into the file itself"
            )
    return Source(path, kind, data)


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError("stdin is closed")
    try:
        return sys.stdin.buffer.read(LARGEST_MIB * 2**20 + 1)
    except OSError as error:
        raise InputError(f"stdin cannot be read ({error.strerror})") from None


def _read(path: Path) -> bytes:
    """The bytes of a regular file that is not too large."""
    try:
        # a named pipe without a writer would block for ever
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{path} {_reason(error)}") from None
    except ValueError:
        raise InputError("a file name holds a null character") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{path} is a directory; name the circuit files in it")
        if not stat.S_ISREG(mode):
            raise InputError(f"{path} is not a regular file; save it as a file first")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(LARGEST_MIB * 2**20 + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    finally:
        os.close(descriptor)
    return data


def _reason(error: OSError) -> str:
    """Why a file cannot be opened."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "does not exist"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "may not be read by this user"
    return f"cannot be opened ({error.strerror})"


def _language(path: Path, text: str) -> Kind:
    """The OpenQASM version in the header of a text."""
    header = _HEADER.match(text)
    if header is None:
        raise InputError(_unknown(path))
    version = int(header[1]) if len(header[1]) < 4 else 0
    if version not in (2, 3):
        raise InputError(f"{path} is OpenQASM {header[1][:9]}; only OpenQASM 2 and OpenQASM 3 can be read")
    return Kind.QASM2 if version == 2 else Kind.QASM3


def _unknown(path: Path) -> str:
    return (
        f"{path} is not a circuit in OpenQASM 2, OpenQASM 3 or QPY; an OpenQASM file starts with its version, "
        "such as `OPENQASM 2.0;`"
    )


def _included_files(kind: Kind, text: str) -> Iterator[str]:
    """The names that `include` statements give, whatever comments and spaces stand between."""
    if "include" not in text:
        return
    after_include = False
    for match in _TOKENS[kind].finditer(text):
        token = match[0]
        if token.startswith(("//", "/*")):
            continue
        if after_include and token[0] in "\"'":
            yield token[1:-1]
        after_include = token == "include"  # noqa: S105  # a word of the language, no password
