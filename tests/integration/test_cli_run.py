"""`aerq run` as people start it: a process of its own, real workers, a terminal or a pipe."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from qiskit import qasm2, transpile
from qiskit.providers import JobStatus
from qiskit.providers.fake_provider import GenericBackendV2
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
    """The shared cluster's, with a directory in which no `aerq up` is found."""
    return {**os.environ, **cluster.settings.to_environment(), "XDG_RUNTIME_DIR": str(tmp_path)}


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """No broker is set, and no `aerq up` is found."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AERQ_")}
    return {**bare, "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}


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


def aerq(environment: dict[str, str], *args: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [AERQ, *map(str, args)], env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


@contextlib.contextmanager
def started(environment: dict[str, str], *args: str | Path) -> "Iterator[subprocess.Popen[str]]":
    """The command in a process group of its own, as a shell starts it; ended if the test did not end it."""
    process = subprocess.Popen(
        [AERQ, *map(str, args)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(what, why: str):
    deadline = time.monotonic() + TIMEOUT
    while not (found := what()):
        assert time.monotonic() < deadline, why
        select.select([], [], [], 0.05)
    return found


def test_counts_equal_local_aer_in_a_pipe(environment: dict[str, str], bell: Path) -> None:
    result = aerq(environment, "run", bell, bell, "--seed", "5", "--shots", "500")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    circuit = transpile(qasm2.load(bell), AerSimulator(), seed_transpiler=5)
    local = AerSimulator().run([circuit, circuit], shots=500, seed_simulator=5).result()
    assert [entry["counts"] for entry in document["circuits"]] == [dict(local.get_counts(i)) for i in (0, 1)]


def test_the_job_can_be_found_again(environment: dict[str, str], cluster: LocalCluster, bell: Path) -> None:
    document = json.loads(aerq(environment, "run", bell).stdout)
    job = AerqProvider(cluster.settings).job(document["job_id"])
    assert dict(job.result().get_counts(0)) == document["circuits"][0]["counts"]


def test_device_noise_equals_local_aer(environment: dict[str, str], bell: Path) -> None:
    result = aerq(environment, "run", bell, "--noise-from-device", "3", "--seed", "8")
    assert result.returncode == 0, result.stderr
    device = AerSimulator.from_backend(GenericBackendV2(3, seed=42, control_flow=True))
    circuit = transpile(qasm2.load(bell), device, seed_transpiler=8)
    local = device.run(circuit, shots=1024, seed_simulator=8).result()
    assert json.loads(result.stdout)["circuits"][0]["counts"] == dict(local.get_counts(0))


def test_on_a_terminal_there_are_a_bar_and_a_table(environment: dict[str, str], bell: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [AERQ, "run", bell, bell, "--seed", "5", "--plot", tmp_path / "out.png"],
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "120"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert process.wait(TIMEOUT) == 0, shown
    text = shown.decode()
    assert "running" in text
    assert "2/2" in text
    assert "Outcome" in text
    assert "seed 5" in text
    assert "{" not in text
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_broker_a_cluster_is_there_for_the_run_and_gone_after(nowhere: dict[str, str], bell: Path) -> None:
    for options in ([], ["--workers", "1"]):
        with started(nowhere, "run", bell, *options) as process:
            family = {}

            def whole_family(process=process, family=family) -> bool:
                with contextlib.suppress(psutil.NoSuchProcess):
                    for child in psutil.Process(process.pid).children(recursive=True):
                        family[child.pid] = child
                return process.poll() is not None

            wait_for(whole_family, "the run does not end")
            output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert json.loads(output)["status"] == "DONE"
        assert errors.count("started an embedded cluster") == (0 if options else 1)
        assert len(family) > 2
        wait_for(lambda family=family: not alive(family.values()), "processes are left")


def alive(processes) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_the_job(
    environment: dict[str, str], cluster: LocalCluster, endless: Path, number: signal.Signals
) -> None:
    provider = AerqProvider(cluster.settings)
    before = {job.job_id() for job in provider.jobs(limit=None)}
    with started(environment, "run", endless) as process:

        def running():
            jobs = [job for job in provider.jobs(status=JobStatus.RUNNING) if job.job_id() not in before]
            assert process.poll() is None, process.stderr.read()
            return jobs

        (job,) = wait_for(running, "the job does not start")
        os.killpg(process.pid, number)
        output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert output == ""
    assert errors == f"aerq: interrupted; job {job.job_id()} is cancelled\n"
    assert job.status() is JobStatus.CANCELLED


def test_an_interrupt_leaves_no_process_of_a_cluster_of_its_own(nowhere: dict[str, str], endless: Path) -> None:
    with started(nowhere, "run", endless, "--workers", "2") as process:
        family: dict[int, psutil.Process] = {}

        def computing() -> bool:
            assert process.poll() is None, process.stderr.read()
            for child in psutil.Process(process.pid).children(recursive=True):
                family.setdefault(child.pid, child)
            busy = [child for child in family.values() if child.is_running() and child.cpu_percent() > 80]
            return any("worker" in " ".join(child.cmdline()) for child in busy)

        wait_for(computing, "no slot computes")
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130, errors
    wait_for(lambda: not alive(family.values()), "processes are left")


def test_a_run_that_takes_too_long_is_cancelled(
    environment: dict[str, str], cluster: LocalCluster, endless: Path
) -> None:
    result = aerq(environment, "run", endless, "--timeout", "1.5")
    assert result.returncode == 3
    words = result.stderr.split()
    assert result.stderr == f"aerq: job {words[2]} was not done after 1.5 s; job {words[2]} is cancelled\n"
    assert AerqProvider(cluster.settings).job(words[2]).status() is JobStatus.CANCELLED


def test_a_refusal_sends_nothing(environment: dict[str, str], cluster: LocalCluster, bell: Path) -> None:
    provider = AerqProvider(cluster.settings)
    before = [job.job_id() for job in provider.jobs(limit=None)]
    wide = bell.with_name("wide.qasm")
    wide.write_text(BELL.replace("[2];", "[50];"))
    for arguments in (["missing.qasm"], [wide], ["--shots", "0"], ["--noise-from-device", "2", wide]):
        result = aerq(environment, "run", bell, *arguments)
        assert result.returncode == 2
        assert result.stderr.startswith("aerq: ")
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
    assert [job.job_id() for job in provider.jobs(limit=None)] == before


def test_no_broker_at_the_address_is_said_soon_and_without_its_password(nowhere: dict[str, str], bell: Path) -> None:
    environment = {**nowhere, "AERQ_BROKER_URL": "redis://user:hush@127.0.0.1:1/0"}
    started_at = time.monotonic()
    result = aerq(environment, "run", bell)
    assert time.monotonic() - started_at < 30  # 5 s to connect, and the imports of a busy machine
    assert result.returncode == 2
    assert result.stderr.startswith("aerq: ")
    assert "127.0.0.1:1" in result.stderr
    assert "hush" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_setting_that_is_none_is_refused(nowhere: dict[str, str], bell: Path) -> None:
    result = aerq({**nowhere, "AERQ_BROKER": "redis://localhost"}, "run", bell)
    assert result.returncode == 2
    assert result.stderr.startswith("aerq: the environment variable AERQ_BROKER is not a setting")
