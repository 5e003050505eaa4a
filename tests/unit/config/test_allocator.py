"""Which allocator a worker is started with."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from aerq.config import allocator
from aerq.config.allocator import allocator_environment
from aerq.config.settings import Settings, variable

IN_USE = [sys.executable, "-c", "from aerq.config.allocator import allocator_in_use; print(allocator_in_use())"]


@pytest.fixture(autouse=True)
def on_linux():
    """What is tested is the loader's way there."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux preloads a library by LD_PRELOAD")


def test_mimalloc_is_preloaded_and_used():
    found = allocator_environment({})
    assert set(found) == {"LD_PRELOAD", "MIMALLOC_ARENA_EAGER_COMMIT", "MIMALLOC_ARENA_MAX_OBJECT_SIZE"}
    assert Path(found["LD_PRELOAD"]).exists()
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    for environment, expected in ((plain, "system\n"), ({**plain, **found}, "mimalloc\n")):
        seen = subprocess.run(IN_USE, env=environment, capture_output=True, text=True, check=True)
        assert (seen.stdout, seen.stderr) == (expected, "")


def test_addresses_that_are_only_reserved_are_no_memory():
    """A slot's limit counts what it may write to (RLIMIT_DATA); mimalloc by itself makes a GiB of that at once."""
    code = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmData:')))"
    environment = {**os.environ, **allocator_environment({})}
    assert "mimalloc" in environment["LD_PRELOAD"]
    seen = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(seen.stdout) < 256 * 1024


def test_the_setting_switches_it_off():
    settings = Settings(allocator="system")
    assert settings.to_environment()[variable("allocator")] == "system"
    assert allocator_environment(settings.to_environment()) == {}
    assert allocator_environment(Settings(allocator="mimalloc").to_environment())


def test_what_an_operator_has_set_stays():
    assert allocator_environment({"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}) == {}
    assert "MIMALLOC_ARENA_MAX_OBJECT_SIZE" not in allocator_environment({"MIMALLOC_ARENA_MAX_OBJECT_SIZE": "1G"})


def test_without_the_package_it_is_the_systems(monkeypatch):
    def files(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(allocator.metadata, "files", files)
    assert allocator_environment({}) == {}


@pytest.mark.parametrize("folder", ["my folder", "a:b"])
def test_a_path_that_the_loader_would_cut_is_left_alone(monkeypatch, tmp_path, caplog, folder):
    """It would complain in the log of each process, and preload nothing."""
    library = tmp_path / folder / "libmimalloc.so"
    library.parent.mkdir()
    library.touch()
    monkeypatch.setattr(allocator, "_library", lambda: str(library))
    assert allocator_environment({}) == {}
    assert "a character that ends a path" in caplog.text


def test_what_cannot_be_loaded_is_left_alone_and_told(monkeypatch, tmp_path, caplog):
    """A small image may lack what mimalloc needs, and with a broken preload no worker would start."""
    library = tmp_path / "libmimalloc.so"
    library.write_bytes(b"no library")
    monkeypatch.setattr(allocator, "_library", lambda: str(library))
    assert allocator_environment({}) == {}
    assert "mimalloc cannot be loaded: ERROR: ld.so: object" in caplog.text
    library.unlink()
    assert allocator_environment({}) == {}
    monkeypatch.setattr(allocator, "_LOOK", ["/no/such/python"])
    assert allocator_environment({}) == {}


def test_a_system_without_it_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert allocator_environment({}) == {}
