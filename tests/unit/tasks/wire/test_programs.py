"""QPY files: a pinned version, no metadata, and one kind of error."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Instruction

from aerq.tasks.wire import programs
from aerq.tasks.wire.errors import DecodingError, EncodingError


def test_version_is_pinned():
    data = programs.dump([QuantumCircuit(1)])
    assert data[:7] == b"QISKIT" + bytes([programs.QPY_VERSION])


def test_metadata_is_not_written():
    circuit = QuantumCircuit(1, metadata={"secret": "value"})
    data = programs.dump([circuit])
    assert b"secret" not in data
    (loaded,) = programs.load(data)
    assert loaded.metadata == {}
    assert circuit.metadata == {"secret": "value"}


def test_what_qpy_cannot_write():
    circuit = QuantumCircuit(1)
    circuit.append(Instruction("kraus", 1, 0, [object()]), [0])
    with pytest.raises(EncodingError, match="Qiskit's file format cannot hold it"):
        programs.dump([circuit])


def test_a_panic_is_an_error_like_others(monkeypatch):
    class PanicException(BaseException):
        pass

    def panic(*args, **kwargs):
        raise PanicException("index out of bounds\nat some line")

    monkeypatch.setattr(programs.qpy, "load", panic)
    monkeypatch.setattr(programs.qpy, "dump", panic)
    with pytest.raises(DecodingError, match=r"circuits cannot be read \(index out of bounds\)$"):
        programs.load(b"")
    with pytest.raises(EncodingError, match="index out of bounds"):
        programs.dump([])


@pytest.mark.parametrize("kind", [MemoryError, KeyboardInterrupt, SystemExit])
def test_what_is_about_the_process_goes_through(monkeypatch, kind):
    def fail(*args, **kwargs):
        raise kind

    monkeypatch.setattr(programs.qpy, "load", fail)
    monkeypatch.setattr(programs.qpy, "dump", fail)
    with pytest.raises(kind):
        programs.load(b"")
    with pytest.raises(kind):
        programs.dump([])
