"""Circuit files, and the command with workers that are Aer in this process."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result
from qiskit import QuantumCircuit, qpy

from aerq.jobs.cli.backends import BackendChoice
from aerq.jobs.cli.main import cli

BELL2 = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0],q[1];
measure q -> c;
"""
GHZ3 = """// a comment first
OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
bit[3] c;
h q[0];
cx q[0], q[1];
cx q[1], q[2];
c = measure q;
"""


class Command:
    """`aerq` in this process, in a directory of its own; a run is done by local Aer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connected = 0

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def bell(self, name: str = "bell.qasm") -> Path:
        """Two qubits in OpenQASM 2."""
        return self.write(name, BELL2)

    def ghz(self, name: str = "ghz.qasm") -> Path:
        """Three qubits in OpenQASM 3."""
        return self.write(name, GHZ3)

    def qpy(self, name: str, *circuits: QuantumCircuit) -> Path:
        """A QPY file of some circuits."""
        body = io.BytesIO()
        qpy.dump(list(circuits), body)
        return self.write(name, body.getvalue())

    def __call__(self, *args: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(arg) for arg in args])

    def refused(self, *args: str | Path) -> str:
        """The sentence with which a command is refused before anything is started."""
        result = self(*args)
        assert result.exit_code == 2, result.output
        assert self.connected == 0
        assert result.stdout == ""
        assert result.stderr.startswith("aerq: ")
        assert result.stderr.count("\n") == 1
        assert "Traceback" not in result.stderr
        return result.stderr.strip()


@pytest.fixture
def aerq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    command = Command(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AERQ_BROKER_URL", raising=False)

    @contextlib.contextmanager
    def connect(self: BackendChoice, target: object) -> Iterator[object]:
        from qiskit_aer import AerSimulator

        command.connected += 1
        yield AerSimulator(**self.options) if self.device_qubits is None else target

    monkeypatch.setattr(BackendChoice, "connect", connect)
    return command


@pytest.fixture
def no_child_left() -> Iterator[None]:
    """Asserts that no child process of this one is left at the end."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before
