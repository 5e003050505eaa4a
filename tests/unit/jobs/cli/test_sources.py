"""What a file is, told by its content alone, and what is refused before any parser sees it."""

import io
import os
from pathlib import Path

import pytest

from aerq.jobs.cli import sources
from aerq.jobs.cli.failures import InputError
from aerq.jobs.cli.sources import Kind, read_source


def write(folder: Path, content: str | bytes, name: str = "some.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("OPENQASM 2.0;\nqreg q[1];", Kind.QASM2),
        ("OPENQASM 2;", Kind.QASM2),
        ("\ufeffOPENQASM 2.0;", Kind.QASM2),
        ("\n\t // OPENQASM 3.0;\nOPENQASM 2.0;", Kind.QASM2),
        ("OPENQASM // which?\n 2.0;", Kind.QASM2),
        ("OPENQASM 3;", Kind.QASM3),
        ("OPENQASM 3.1;", Kind.QASM3),
        ("/* OPENQASM 2.0; */ // x\r\nOPENQASM 3.0;", Kind.QASM3),
        (b"QISKIT\x0d\x02\x06\x00", Kind.QPY),
    ],
)
def test_the_kind_is_told_by_the_content(tmp_path: Path, content: str | bytes, kind: Kind) -> None:
    assert read_source(write(tmp_path, content)).kind is kind


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(b"OPENQASM 2.0;\nqreg q[1];"))
    monkeypatch.setattr("sys.stdin", given)
    source = read_source(Path("-"))
    assert (source.path, source.kind, source.data) == (Path("stdin"), Kind.QASM2, b"OPENQASM 2.0;\nqreg q[1];")
    with pytest.raises(InputError, match=r"^stdin is empty$"):
        read_source(Path("-"))


def test_standard_input_that_is_closed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match=r"^stdin is closed$"):
        read_source(Path("-"))


def test_standard_input_has_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LARGEST_MIB", 0)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"OPENQASM 2.0;")))
    with pytest.raises(InputError, match=r"^stdin is larger than 0 MiB"):
        read_source(Path("-"))


def test_a_byte_order_mark_is_not_passed_on(tmp_path: Path) -> None:
    assert read_source(write(tmp_path, "\ufeffOPENQASM 2.0;")).data == b"OPENQASM 2.0;"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (" \n\t\n", "is empty"),
        ("hello", "is not a circuit in OpenQASM 2, OpenQASM 3 or QPY"),
        ("// OPENQASM 2.0;", "is not a circuit"),
        ("qreg q[1];", "is not a circuit"),
        ("OPENQASMX 2.0;", "is not a circuit"),
        ("OPENQASM 4.0;", "is OpenQASM 4; only OpenQASM 2 and OpenQASM 3"),
        ("OPENQASM " + "9" * 5000 + ";", "is OpenQASM 999999999;"),
        (b"\x80\x04\x95\x10", "is not a circuit"),
        (b"\x7fELF\x02\x01", "is not a circuit"),
        (b"\xff\xfeO\x00P\x00", "is not a circuit"),
    ],
)
def test_what_is_no_circuit_is_refused_by_name(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_source(path)
    assert str(caught.value).startswith(f"{path} {said}")


def test_a_missing_file_a_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for name, said in {
        "missing.qasm": "does not exist",
        "file/in.qasm": "does not exist",
        "": "is a directory; name the circuit files in it",
        "pipe": "is not a regular file",
        "x" * 300: "cannot be opened",
    }.items():
        with pytest.raises(InputError, match=said):
            read_source(tmp_path / name)
    with pytest.raises(InputError, match="null character"):
        read_source(Path("a\0b"))


def test_an_unreadable_file_is_named_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sources.os, "open", refuse)
    with pytest.raises(InputError, match=r"a\.qasm may not be read by this user"):
        read_source(tmp_path / "a.qasm")


def test_a_file_over_the_limit_is_refused_without_reading_it_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "OPENQASM 2.0;")
    os.truncate(path, 2**40)  # a sparse file of 1 TiB
    with pytest.raises(InputError, match="is larger than 64 MiB"):
        read_source(path)


@pytest.mark.parametrize(
    "program",
    [
        'OPENQASM 2.0; include "/etc/passwd";',
        "OPENQASM 2.0; include '/etc/passwd';",
        'OPENQASM 2.0; include"/etc/passwd";',
        'OPENQASM 2.0; include\n//"qelib1.inc"\n"/etc/passwd";',
        'OPENQASM 2.0; include "qelib1.inc"; include "/etc/passwd";',
        'OPENQASM 2.0; // "\ninclude "/etc/passwd"; // "',
        'OPENQASM 2.0; include "//etc/../etc/passwd";',
        'OPENQASM 2.0; /* include "qelib1.inc"; */ include "stdgates.inc";',
        'OPENQASM 2.0;qreg q[1];include "./qelib1.inc";',
        'OPENQASM 3.0; include "/etc/passwd";',
        'OPENQASM 3.0; include /* "stdgates.inc" */ "/etc/passwd";',
        'OPENQASM 3.0; /* // */ include "/etc/passwd";',
        'OPENQASM 3.0; // /*\ninclude "/etc/passwd"; // */',
        'OPENQASM 3.0; include "qelib1.inc";',
    ],
)
def test_a_file_that_includes_another_is_refused(tmp_path: Path, program: str) -> None:
    with pytest.raises(InputError, match="includes another file, ") as caught:
        read_source(write(tmp_path, program))
    assert "root:" not in str(caught.value)


@pytest.mark.parametrize(
    "program",
    [
        'OPENQASM 2.0; include "qelib1.inc";',
        "OPENQASM 2.0; include'qelib1.inc';",
        'OPENQASM 2.0; // include "/etc/passwd";',
        'OPENQASM 2.0; gate includes a {} qreg include_[1]; creg _include[1]; "x"',
        'OPENQASM 3.0; include "stdgates.inc";',
        'OPENQASM 3.0; /* include "/etc/passwd"; */',
    ],
)
def test_what_only_looks_like_an_include_is_none(tmp_path: Path, program: str) -> None:
    assert read_source(write(tmp_path, program)).data == program.encode()


def test_large_texts_are_looked_through_in_no_time(tmp_path: Path) -> None:
    for filler in ("// include\n", "/* include */ ", '"', "x q[0]; ", " ", "/", "include "):
        text = "OPENQASM 3.0;" + filler * (2_000_000 // len(filler))
        assert read_source(write(tmp_path, text)).kind is Kind.QASM3
