"""`aerq submit`, `jobs`, `status`, `result` and `cancel`, each a process of its own, as a script calls them."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from qiskit import qasm2, transpile
from qiskit_aer import AerSimulator

from aerq.config import LocalCluster
from aerq.jobs import AerqProvider

AERQ = Path(sys.executable).with_name("aerq")
BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'
#: Aer never comes back from this one.
ENDLESS = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; x q; c = measure q; while (c) { x q; x q; c = measure q; }'
)
TIMEOUT = 60


@pytest.fixture
def environment(cluster: LocalCluster, tmp_path: Path) -> dict[str, str]:
    return {**os.environ, **cluster.settings.to_environment(), "XDG_RUNTIME_DIR": str(tmp_path)}


@pytest.fixture
def bell(tmp_path: Path) -> Path:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    return path


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    path = tmp_path / "endless.qasm"
    path.write_text(ENDLESS)
    return path


def aerq(environment, *args):
    return subprocess.run(
        [AERQ, *map(str, args)], env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def on_a_terminal(environment, *args):
    """What the command writes to a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    settings = {**environment, "TERM": "xterm-256color", "COLUMNS": "140"}
    process = subprocess.Popen([AERQ, *map(str, args)], env=settings, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    return shown.decode(), process.wait(TIMEOUT)


def refused(done, code=2):
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("aerq: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_submit_tonight_and_collect_tomorrow(environment, bell, tmp_path):
    tag = uuid.uuid4().hex
    submitted = aerq(environment, "submit", bell, bell, "--seed", "5", "--shots", "500", "--tag", tag)
    assert (submitted.returncode, submitted.stderr) == (0, "")
    job_id = submitted.stdout.strip()
    plot = tmp_path / "out.png"
    result = aerq(environment, "result", job_id, "--wait", "--plot", plot)
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    circuit = transpile(qasm2.load(bell), AerSimulator(), seed_transpiler=5)
    local = AerSimulator().run([circuit, circuit], shots=500, seed_simulator=5).result()
    assert [entry["counts"] for entry in document["circuits"]] == [dict(local.get_counts(i)) for i in (0, 1)]
    assert (document["job_id"], document["status"], document["seed"]) == (job_id, "DONE", 5)
    assert [(entry["name"], entry["qubits"], entry["shots"]) for entry in document["circuits"]] == [
        ("bell", 2, 500)
    ] * 2
    assert plot.read_bytes().startswith(b"\x89PNG")
    again = json.loads(aerq(environment, "result", job_id).stdout)
    assert again == document

    status = json.loads(aerq(environment, "status", job_id, "--json").stdout)
    assert (status["status"], status["tasks"], status["done"], status["tags"]) == ("DONE", 2, 2, [tag])
    assert status["submitted"] <= status["started"] <= status["finished"]
    assert status["errors"] == []
    one = json.loads(aerq(environment, "status", f"{job_id}.1").stdout)
    assert (one["job_id"], one["tasks"]) == (f"{job_id}.1", 1)

    listed = json.loads(aerq(environment, "jobs", "--tag", tag).stdout)
    assert [entry["job_id"] for entry in listed] == [job_id]
    # the job's own times are kept to fewer digits than its tasks'
    times = {key: pytest.approx(status[key], abs=0.001) for key in ("submitted", "started", "finished")}
    assert listed[0] == {**{key: status[key] for key in listed[0]}, **times}
    assert json.loads(aerq(environment, "jobs", "--tag", tag, "--status", "queued").stdout) == []

    for command, words in {
        ("jobs", "--tag", tag): "DONE",
        ("status", job_id): "submitted",
        ("result", job_id): "Outcome",
    }.items():
        shown, code = on_a_terminal(environment, *command)
        assert code == 0, shown
        assert words in shown
        assert "{" not in shown


def test_submit_says_more_in_json(environment, bell):
    document = json.loads(aerq(environment, "submit", bell, "--json", "--tag", "a", "--tag", "b").stdout)
    assert document["circuits"] == ["bell"]
    assert document["tags"] == ["a", "b"]
    assert document["shots"] == 1024
    result = json.loads(aerq(environment, "result", document["job_id"], "--timeout", "30").stdout)
    assert result["seed"] == document["seed"]


def test_a_job_that_runs_is_waited_for_in_vain_and_cancelled(environment, cluster, endless):
    job_id = aerq(environment, "submit", endless).stdout.strip()
    assert "--wait waits for it" in refused(aerq(environment, "result", job_id), 3)
    assert f"job {job_id} has not ended within 0.5 s; it runs on" in refused(
        aerq(environment, "result", job_id, "--timeout", "0.5"), 3
    )
    cancelled = aerq(environment, "cancel", job_id)
    assert cancelled.returncode == 0, cancelled.stderr
    assert json.loads(cancelled.stdout) == {"job_id": job_id, "status": "CANCELLED", "cancelled": 1}
    assert json.loads(aerq(environment, "cancel", job_id).stdout)["cancelled"] == 0
    assert AerqProvider(cluster.settings).job(job_id).cancelled()
    assert "cancelled" in refused(aerq(environment, "result", job_id, "--wait"), 1)
    assert json.loads(aerq(environment, "status", job_id).stdout)["status"] == "CANCELLED"


def test_what_has_ended_is_not_cancelled(environment, bell):
    job_id = aerq(environment, "submit", bell).stdout.strip()
    assert aerq(environment, "result", job_id, "--wait").returncode == 0
    assert "had ended already (DONE)" in refused(aerq(environment, "cancel", job_id), 1)
    assert aerq(environment, "result", job_id).returncode == 0


@pytest.mark.parametrize("command", ["status", "result", "cancel"])
def test_an_unknown_job_is_refused(environment, command):
    assert "no such job: nowhere" in refused(aerq(environment, command, "nowhere"))


def test_bad_options_and_files_are_refused(environment, bell, tmp_path):
    assert "missing.qasm does not exist" in refused(aerq(environment, "submit", bell, "missing.qasm"))
    assert "--status" in refused(aerq(environment, "jobs", "--status", "asleep"))
    assert "--timeout" in refused(aerq(environment, "result", "nowhere", "--timeout", "0"))
    assert ".png" in refused(aerq(environment, "result", "nowhere", "--plot", tmp_path / "out.gif"))


@pytest.mark.parametrize(
    "command", [("submit", "bell.qasm"), ("jobs",), ("status", "x"), ("result", "x"), ("cancel", "x")]
)
def test_without_a_broker_there_is_nothing_to_ask(tmp_path, command):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AERQ_")}
    nowhere = {**bare, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    assert "no broker is set and no `aerq up` runs" in refused(aerq(nowhere, *command))
    away = {**nowhere, "AERQ_BROKER_URL": "redis://user:hush@127.0.0.1:1/0", "AERQ_CONNECT_TIMEOUT_SECONDS": "1"}
    if command[0] != "submit":
        said = refused(aerq(away, *command))
        assert "127.0.0.1:1" in said
        assert "hush" not in said
