"""The package as a whole: what it exports, what is packed, and that importing it does nothing."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PUBLIC = {
    "aerq.config": {"AerqError", "ClusterError", "LocalCluster", "Settings", "SettingsError", "UnavailableError"},
    "aerq.jobs": {
        "AerJob",
        "AerJobSet",
        "AerqProvider",
        "AerqSimulator",
        "BaseJob",
        "BasicAerJob",
        "CeleryExecutor",
        "JobCancelledError",
        "JobError",
        "JobStatus",
        "JobTimeoutError",
        "NoSuchJobError",
        "QobjValidationError",
    },
}


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_pinned(module):
    loaded = importlib.import_module(module)
    assert set(loaded.__all__) == PUBLIC[module]
    assert all(hasattr(loaded, name) for name in loaded.__all__)
    assert PUBLIC[module] <= set(dir(loaded))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = loaded.nothing


def test_every_folder_is_packed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = set(project["tool"]["setuptools"]["packages"])
    on_disk = {
        "aerq." + ".".join(file.parent.relative_to(ROOT).parts)
        for top in ("config", "tasks", "jobs")
        for file in (ROOT / top).rglob("__init__.py")
    }
    assert named == on_disk
    for name in named:
        assert (ROOT.joinpath(*name.split(".")[1:]) / "py.typed").exists(), name


def test_importing_everything_connects_to_nothing_and_starts_nothing():
    script = """
import importlib, socket, subprocess, threading
from pathlib import Path
def refuse(*_, **__):
    raise AssertionError("a connection or a process at import")
socket.socket.connect = refuse
subprocess.Popen.__init__ = refuse
for top in ("config", "tasks", "jobs"):
    for file in sorted((Path.cwd() / top).rglob("*.py")):
        parts = file.relative_to(Path.cwd()).with_suffix("").parts
        name = ".".join(("aerq", *parts)).removesuffix(".__init__")
        importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_promise_7_no_pickle_in_the_package():
    for top in ("config", "tasks", "jobs"):
        for file in (ROOT / top).rglob("*.py"):
            for line in file.read_text().splitlines():
                assert not line.strip().startswith(
                    ("import pickle", "from pickle", "import dill", "import cloudpickle")
                )
