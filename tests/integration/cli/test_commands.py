"""The commands `demo`, `up` and `doctor`, as a person starts them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

TIMEOUT = 90


def environment(**extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AERQ_")}
    return {**kept, **extra}


def start(folder, *arguments, **extra):
    runtime = {"XDG_RUNTIME_DIR": str(folder / "runtime")}
    (folder / "runtime").mkdir(mode=0o700, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "aerq.jobs.cli", *arguments],
        cwd=folder,
        env=environment(**runtime, **extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder, *arguments, **extra):
    process = start(folder, *arguments, **extra)
    out, err = process.communicate(timeout=TIMEOUT)
    return process.returncode, out, err


def family(process):
    """The command and everything it has started."""
    found = psutil.Process(process.pid)
    return [found, *found.children(recursive=True)]


def read_until(stream, text):
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"{text!r} was not said")


def test_the_demo_reports_identical_counts_and_draws(tmp_path: Path):
    code, out, err = run(tmp_path, "demo", "--max-width", "3", "--circuits", "4", "--shots", "200")
    assert code == 0, err
    report = json.loads(out)
    assert report["identical"] is True
    assert [row["width"] for row in report["widths"]] == [2, 3]
    assert report["experiments"] == 8
    assert all(row["interval"][0] < row["probability"] < row["interval"][1] for row in report["widths"])
    assert (tmp_path / "aerq-demo.png").read_bytes().startswith(b"\x89PNG")


def test_ctrl_c_in_the_demo_leaves_no_process(tmp_path: Path):
    process = start(tmp_path, "demo", "--circuits", "2000")
    read_until(process.stderr, "circuits of")
    # the cluster is there once its server's and its worker's processes are
    for _ in range(200):
        processes = family(process)
        if any("celery" in " ".join(child.cmdline()) for child in processes):
            break
        psutil.wait_procs(processes[:1], timeout=0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)
    gone, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive
    assert len(gone) > 2
    assert process.returncode == 130
    assert "Traceback" not in err


def test_the_demo_refuses_what_it_cannot_do(tmp_path: Path):
    code, _, err = run(tmp_path, "demo", "--min-width", "5", "--max-width", "3")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = run(tmp_path, "demo", "--plot", str(tmp_path / "nowhere" / "x.png"))
    assert code == 2
    assert "nowhere" in err


def test_up_is_found_by_doctor_and_run_and_leaves_nothing(tmp_path: Path):
    (tmp_path / "bell.qasm").write_text(
        'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n'
    )
    process = start(tmp_path, "up", "--workers", "1", "--no-flower", PYTHONUNBUFFERED="1")
    try:
        read_until(process.stdout, "aerq is up: 1 worker slot on")
        code, out, err = run(tmp_path, "doctor")
        findings = json.loads(out)
        assert code == 0, (findings, err)
        assert {finding["what"] for finding in findings} == {
            "settings",
            "broker",
            "store",
            "workers",
            "versions",
            "clock",
        }
        assert findings[0]["found"] == "from a running `aerq up`"
        code, _, err = run(tmp_path, "up", "--no-flower")
        assert (code, err) == (
            2,
            "aerq: another `aerq up` of this user runs on this machine; use it, or end it first\n",
        )
        code, out, err = run(tmp_path, "run", "bell.qasm", "--shots", "50", "--seed", "1")
        assert code == 0, err
        assert sum(json.loads(out)["circuits"][0]["counts"].values()) == 50
        processes = family(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert not psutil.wait_procs(processes, timeout=20)[1]


@pytest.mark.parametrize("command", [["run", "bell.qasm"], ["doctor"]])
def test_a_broker_that_is_not_there_is_named_without_its_password(tmp_path: Path, command):
    (tmp_path / "bell.qasm").write_text(
        'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\ncreg c[1];\nh q[0];\nmeasure q -> c;\n'
    )
    code, out, err = run(tmp_path, *command, AERQ_BROKER_URL="redis://:hidden@127.0.0.1:1/0")
    assert code == (2 if command[0] == "run" else 1)
    assert "redis://:***@127.0.0.1:1/0" in out + err
    assert "hidden" not in out + err
    assert "Traceback" not in err


def test_doctor_without_any_cluster_says_what_to_do(tmp_path: Path):
    code, out, _ = run(tmp_path, "doctor")
    assert code == 1
    assert json.loads(out)[0]["mend"] == "set AERQ_BROKER_URL, or start a cluster here with: aerq up"


def test_a_misspelt_setting_is_refused_with_its_right_name(tmp_path: Path):
    code, _, err = run(tmp_path, "demo", AERQ_BROKER_ULR="redis://:hidden@h")
    assert code == 2
    assert "AERQ_BROKER_URL" in err
    assert "hidden" not in err


def test_worker_and_flower_need_a_broker(tmp_path: Path):
    for command in ("worker", "flower"):
        code, _, err = run(tmp_path, command)
        assert code == 2
        assert err.startswith("aerq: no broker is set")


@pytest.mark.parametrize(
    ("option", "right"), [(("--pool", "threads"), "--pool prefork"), (("--pool-start-method", "spawn"), "fork")]
)
def test_a_worker_whose_slots_cannot_be_killed_or_know_no_tasks_does_not_start(tmp_path: Path, option, right):
    # nobody answers there, and nobody is asked
    code, _, err = run(tmp_path, "worker", "--", *option, AERQ_BROKER_URL="redis://127.0.0.1:1/0")
    assert code == 1
    assert right in err.splitlines()[-1]
    assert "Traceback" not in err
