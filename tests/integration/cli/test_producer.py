"""`aerq submit`, `jobs`, `status`, `result` and `cancel`, each a process of its own, as a script calls them."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner
from qiskit import QuantumCircuit, qasm2, transpile
from qiskit.providers.basic_provider import BasicSimulator
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, pauli_error

from aerq.config import LocalCluster
from aerq.jobs import AerqProvider
from aerq.jobs.cli.main import cli

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


def inside(environment, *args):
    """The command in this process, which spares its start."""
    return CliRunner().invoke(cli, [str(arg) for arg in args], env=environment)


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
    assert (result.returncode, result.stderr) == (0, f"wrote {plot}\n")
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
    assert "log" not in status
    one = json.loads(aerq(environment, "status", f"{job_id}.1", "--log").stdout)
    assert [f"{job_id}.1 ('bell', 500 shots)" in line for line in one["log"]] == [False, True, True]
    assert (one["job_id"], one["tasks"]) == (f"{job_id}.1", 1)

    listed = json.loads(inside(environment, "jobs", "--tag", tag).stdout)
    assert [entry["job_id"] for entry in listed] == [job_id]
    # the job's own times are kept to fewer digits than its tasks'
    times = {key: pytest.approx(status[key], abs=0.001) for key in ("submitted", "started", "finished")}
    assert listed[0] == {**{key: status[key] for key in listed[0]}, **times}
    assert json.loads(aerq(environment, "jobs", "--tag", tag, "--status", "queued").stdout) == []

    for command, words in {
        ("jobs", "--tag", tag): "DONE",
        ("status", job_id, "--log"): "attempt 1 starts on",
        ("result", job_id): "Outcome",
    }.items():
        shown, code = on_a_terminal(environment, *command)
        assert code == 0, shown
        assert words in shown
        assert "{" not in shown


def test_submit_says_more_in_json(environment, bell):
    document = json.loads(inside(environment, "submit", bell, "--json", "--tag", "a", "--tag", "b").stdout)
    assert document["circuits"] == ["bell"]
    assert document["tags"] == ["a", "b"]
    assert document["shots"] == 1024
    result = json.loads(inside(environment, "result", document["job_id"], "--timeout", "30").stdout)
    assert result["seed"] == document["seed"]
    # a job of one task goes by the id that the submit has printed
    status = json.loads(inside(environment, "status", document["job_id"]).stdout)
    assert result["job_id"] == status["job_id"] == document["job_id"]


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
    result = aerq(environment, "result", job_id, "--wait")
    assert (result.returncode, "was cancelled before it ended" in result.stderr) == (1, True)
    document = json.loads(result.stdout)
    assert [document["status"], document["circuits"][0]["counts"]] == ["CANCELLED", None]
    assert json.loads(aerq(environment, "status", job_id).stdout)["status"] == "CANCELLED"


def test_what_has_ended_is_not_cancelled(environment, bell):
    job_id = aerq(environment, "submit", bell).stdout.strip()
    assert aerq(environment, "result", job_id, "--wait").returncode == 0
    cancelled = aerq(environment, "cancel", job_id)
    assert (cancelled.returncode, "had ended already (DONE)" in cancelled.stderr) == (1, True)
    assert json.loads(cancelled.stdout) == {"job_id": job_id, "status": "DONE", "cancelled": 0}
    assert aerq(environment, "result", job_id).returncode == 0


def listed(environment, *args):
    done = inside(environment, "jobs", *args)
    assert (done.exit_code, done.stderr) == (0, "")
    return [entry["job_id"] for entry in json.loads(done.stdout)]


def looping():
    """A circuit from which Aer never comes back."""
    circuit = QuantumCircuit(1, 1, name="endless")
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.x(0)
        circuit.measure(0, 0)
    return circuit


def ghz(qubits):
    circuit = QuantumCircuit(qubits, name=f"ghz_{qubits}")
    circuit.h(0)
    circuit.cx(0, range(1, qubits))
    circuit.measure_all()
    return circuit


def test_of_a_set_with_failures_the_other_counts_are_shown(environment, backend, tmp_path):
    circuits = [ghz(2), looping(), ghz(24), ghz(3)]
    options = {"method": "statevector", "max_memory_mb": 64, "shots": 200, "seed_simulator": 3}
    job = backend.run(circuits, time_limit_seconds=2, **options)
    result = aerq(environment, "result", job.job_id(), "--wait", "--plot", tmp_path / "some.png")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 2
    assert f"wrote {tmp_path / 'some.png'}\n" in result.stderr
    assert "2 of 4 circuits failed; 'endless': " in result.stderr
    document = json.loads(result.stdout)
    assert (document["status"], document["seed"]) == ("ERROR", 3)
    assert [entry["name"] for entry in document["circuits"]] == ["ghz_2", "endless", "ghz_24", "ghz_3"]
    assert [entry["counts"] is None for entry in document["circuits"]] == [False, True, True, False]
    assert "limit" in document["circuits"][1]["error"]
    assert "Insufficient memory" in document["circuits"][2]["error"]
    local = AerSimulator().run([circuits[0], circuits[0], circuits[0], circuits[3]], **options).result()
    assert document["circuits"][0]["counts"] == dict(local.get_counts(0))
    assert document["circuits"][3]["counts"] == dict(local.get_counts(3))
    assert (tmp_path / "some.png").read_bytes().startswith(b"\x89PNG")
    shown, code = on_a_terminal(environment, "result", job.job_id())
    assert code == 1
    assert "ghz_3" in shown
    # one task alone: Aer ran it and marked it, so there is a result without counts
    marked = inside(environment, "result", f"{job.job_id()}.2")
    assert marked.exit_code == 1
    assert json.loads(marked.stdout)["circuits"][0]["shots"] == 200
    alone = inside(environment, "result", f"{job.job_id()}.1")
    assert (alone.exit_code, "limit" in alone.stderr) == (1, True)
    assert [entry["status"] for entry in json.loads(alone.stdout)["circuits"]] == ["ERROR"]
    errors = json.loads(inside(environment, "status", job.job_id()).stdout)["errors"]
    assert [error["task"] for error in errors] == [1, 2]


@pytest.mark.parametrize("save", ["save_statevector", "save_unitary", "save_density_matrix"])
def test_a_job_that_measured_nothing_is_done_and_has_no_counts(environment, backend, tmp_path, save):
    circuit = ghz(2)
    circuit.remove_final_measurements()
    circuit.name = "saving"
    getattr(circuit, save)()
    job = backend.run(circuit)
    job.result(TIMEOUT)
    told = inside(environment, "result", job.job_id(), "--json")
    assert told.exit_code == 0, told.output
    (only,) = json.loads(told.stdout)["circuits"]
    assert (only["status"], only["counts"], only["error"]) == ("DONE", None, None)
    shown, code = on_a_terminal(environment, "result", job.job_id(), "--plot", tmp_path / "p.png")
    assert code == 0
    assert f"saving: no counts; AerqProvider().job('{job.job_id()}').result() in Python" in " ".join(shown.split())


def test_a_cancelled_task_leaves_the_other_circuits(environment, backend):
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), ["h"])
    options = {"shots": 40, "seed_simulator": 1, "noise_model": noise, "method": "statevector"}
    busy = backend.run([looping(), looping()])  # both slots, so that what follows waits
    job = backend.run([ghz(2), ghz(3)], max_shot_size=20, **options)
    assert len(job.metrics()["tasks"]) == 4
    cancelled = inside(environment, "cancel", f"{job.job_id()}.3")
    assert json.loads(cancelled.stdout) == {"job_id": f"{job.job_id()}.3", "status": "CANCELLED", "cancelled": 1}
    again = inside(environment, "cancel", f"{job.job_id()}.3")
    assert (again.exit_code, json.loads(again.stdout)["cancelled"]) == (0, 0)
    busy.cancel()
    one = inside(environment, "result", f"{job.job_id()}.3", "--wait")
    assert (one.exit_code, json.loads(one.stdout)["circuits"][0]["status"]) == (1, "CANCELLED")
    result = inside(environment, "result", job.job_id(), "--wait")
    assert result.exit_code == 1
    assert "1 of 2 circuits failed or were cancelled; 'ghz_3': cancelled before it ended" in result.stderr
    document = json.loads(result.stdout)
    first, second = document["circuits"]
    assert [document["status"], first["status"], second["status"]] == ["CANCELLED", "DONE", "CANCELLED"]
    assert first["counts"] == dict(AerSimulator().run([ghz(2), ghz(3)], **options).result().get_counts(0))
    assert (second["counts"], second["shots"]) == (None, 40)  # half of its shots would be no result


def test_a_job_of_basic_simulator_is_a_job_like_any_other(environment, cluster):
    backend = AerqProvider(cluster.settings).get_backend("basic_simulator")
    job = backend.run([ghz(2), ghz(3)], shots=60, seed_simulator=2)
    document = json.loads(inside(environment, "result", job.job_id(), "--wait").stdout)
    local = BasicSimulator().run([ghz(2), ghz(3)], shots=60, seed_simulator=2).result()
    assert [entry["counts"] for entry in document["circuits"]] == [local.get_counts(0), local.get_counts(1)]
    assert [(entry["seed"], entry["method"]) for entry in document["circuits"]] == [(2, None)] * 2
    status = json.loads(inside(environment, "status", job.job_id()).stdout)
    assert (status["status"], status["tasks"]) == ("DONE", 1)
    cancelled = inside(environment, "cancel", job.job_id())
    assert (cancelled.exit_code, "had ended already" in cancelled.stderr) == (1, True)


def test_jobs_are_found_by_status_tags_and_time(environment, backend):
    tag = uuid.uuid4().hex
    ids = []
    for number in range(3):
        job = backend.run(ghz(2), shots=1, job_tags=[tag, f"number-{number}"])
        job.result(TIMEOUT)
        ids.append(job.job_id())
    newest_first = ids[::-1]
    ours = ("--tag", tag)
    assert listed(environment, *ours) == newest_first
    assert listed(environment, *ours, "--oldest-first", "--limit", "2") == ids[:2]
    assert listed(environment, *ours, "--skip", "1", "--limit", "1") == [newest_first[1]]
    assert listed(environment, *ours, "--skip", "5") == []
    assert listed(environment, *ours, "--tag", "number-1") == [ids[1]]
    assert listed(environment, *ours, "--status", "done", "--status", "ERROR") == newest_first
    assert listed(environment, *ours, "--status", "CANCELLED") == []
    assert listed(environment, *ours, "--after", "1h") == newest_first
    assert listed(environment, *ours, "--before", "1h") == []
    assert listed(environment, *ours, "--after", "2999-01-01") == []


@pytest.mark.parametrize("command", ["status", "result", "cancel"])
def test_an_unknown_job_is_refused(environment, command):
    assert "no such job: nowhere" in refused(aerq(environment, command, "nowhere"))


def test_a_task_that_a_job_does_not_have_is_refused_with_those_that_it_has(environment, bell):
    submitted = aerq(environment, "submit", bell, bell)
    assert re.fullmatch(r"seed \d+\n", submitted.stderr)  # nobody gave one
    job_id = submitted.stdout.strip()
    assert f"the job {job_id} has the tasks 0 to 1" in refused(aerq(environment, "status", f"{job_id}.9"))


@pytest.mark.parametrize(
    ("words", "args"),
    [
        ("missing.qasm does not exist", ["submit", "missing.qasm"]),
        ("--shots", ["submit", "missing.qasm", "--shots", "-3"]),
        ("--seed", ["submit", "missing.qasm", "--seed", "-3"]),
        ("'asleep' is not one of", ["jobs", "--status", "asleep"]),
        ("--limit", ["jobs", "--limit", "0"]),
        ("--skip", ["jobs", "--skip", "-1"]),
        ("is not a time such as", ["jobs", "--after", "yesteryear"]),
        ("is not a time such as", ["jobs", "--before", "99999999999999w"]),
        ("--timeout", ["result", "nowhere", "--timeout", "0"]),
        ("--timeout", ["result", "nowhere", "--timeout", "-1"]),
        ("--timeout", ["result", "nowhere", "--timeout", "nan"]),
        (".png", ["result", "nowhere", "--plot", "out.gif"]),
        ("no such job: nowhere.7", ["result", "nowhere.7"]),
        ("JOB_ID", ["status"]),
        ("unexpected extra argument", ["cancel", "one", "two"]),
    ],
)
def test_bad_input_is_refused_with_a_sentence(environment, words, args):
    done = inside(environment, *args)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.startswith("aerq: ")
    assert done.stderr.count("\n") == 1


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


def test_the_shell_completes_ids_of_jobs_and_waits_for_nobody(environment, bell):
    job_id = aerq(environment, "submit", bell).stdout.strip()
    asked = {"_AERQ_COMPLETE": "bash_complete", "COMP_WORDS": f"aerq status {job_id[:6]}", "COMP_CWORD": "2"}
    assert f"plain,{job_id}\n" in aerq({**environment, **asked}).stdout
    nowhere = dict.fromkeys(["AERQ_BROKER_URL", "AERQ_STORE_URL"], "redis://127.0.0.1:1/0")
    nobody = aerq({**environment, **asked, **nowhere})
    assert (nobody.stdout.strip(), nobody.stderr) == ("", "")
