"""Each example runs, against a cluster that is there, and prints what it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT = 100


@pytest.fixture
def environment(cluster, tmp_path):
    return {**os.environ, **cluster.settings.to_environment(), "XDG_RUNTIME_DIR": str(tmp_path)}


def run(environment, name, *arguments, folder):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


#: By example: arguments, and words that it says.
RUNS = {
    "ghz_on_workers": ([], ["ghz_9: {'"]),
    "sweep": (["--points", "8", "--shots", "500", "--plot", "chsh.png"], ["entangled", "saved chsh.png"]),
    "noisy_monte_carlo": (["--shots", "400", "--chunk", "100"], ["wrong after two rounds", "12 tasks"]),
    "vqe": (["--steps", "12"], ["exact -1.857275"]),
    "celery_calls": ([], ["all ready: True, all successful: True", ".5: SUCCESS", "'ghz_7': '"]),
    "tonight_and_tomorrow": ([], ["submitted ", "volume_11", "(its seed was 11)"]),
}


def test_every_example_is_run():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(RUNS)
    readme = (EXAMPLES.parent / "README.md").read_text()
    for name in RUNS:
        assert f"(examples/{name}.py)" in readme
        assert f"examples/{name}.py" in (EXAMPLES / f"{name}.py").read_text().split('"""')[1]  # how to start it


@pytest.mark.parametrize("name", RUNS)
def test_it_runs(environment, tmp_path, name):
    arguments, words = RUNS[name]
    said = run(environment, name, *arguments, folder=tmp_path)
    for word in words:
        assert word in said
    if "--plot" in arguments:
        assert (tmp_path / arguments[-1]).read_bytes().startswith(b"\x89PNG")
    if name == "vqe":
        assert float(said.splitlines()[-2].split()[-1]) < 1e-4  # above the exact energy
