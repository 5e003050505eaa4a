import os

from aerq.config.local.readiness import READY_FD, signal_ready
from aerq.config.settings import Settings


def test_says_so_once(monkeypatch):
    reading, writing = os.pipe()
    monkeypatch.setenv(READY_FD, str(writing))
    signal_ready()
    signal_ready()
    assert os.read(reading, 10) == b"1"
    assert os.read(reading, 10) == b""  # its end is closed
    os.close(reading)


def test_nobody_waits(monkeypatch):
    monkeypatch.delenv(READY_FD, raising=False)
    signal_ready()
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setenv(READY_FD, str(writing))
    signal_ready()
    os.close(writing)
    monkeypatch.setenv(READY_FD, "9999")
    signal_ready()


def test_an_inherited_number_that_is_no_pipe_is_left_alone(monkeypatch, tmp_path):
    with (tmp_path / "file").open("wb") as file:
        monkeypatch.setenv(READY_FD, str(file.fileno()))
        signal_ready()
        os.fstat(file.fileno())
    assert (tmp_path / "file").read_bytes() == b""


def test_the_variable_is_no_setting(monkeypatch):
    monkeypatch.setenv(READY_FD, "3")
    assert Settings().queue == "aerq"
