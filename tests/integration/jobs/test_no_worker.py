"""A broker without workers: who waits is told why nothing happens."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from qiskit import QuantumCircuit

from aerq.jobs import AerqProvider, AerqSimulator, JobTimeoutError
from aerq.jobs.cli.main import cli

MISSING = "no worker that reads the queue 'aerq' is up; `aerq worker` starts one"
WAITS = f"it waits, because {MISSING}"


def bells(number):
    circuits = []
    for _ in range(number):
        circuit = QuantumCircuit(2)
        circuit.h(0)
        circuit.cx(0, 1)
        circuit.measure_all()
        circuits.append(circuit)
    return circuits


@pytest.fixture
def job(settings, records):
    return AerqSimulator(settings=settings).run(bells(2), shots=10)


def test_a_wait_that_was_in_vain_says_that_nobody_runs_the_job(job):
    for wait in (
        job.result,
        job.wait_for_final_state,
        job.worker_job(0).result,
        job.worker_job(0).wait_for_final_state,
        lambda timeout: next(job.as_completed(timeout)),
        lambda timeout: asyncio.run(job.aresult(timeout)),
        lambda timeout: asyncio.run(job.worker_job(1).aresult(timeout)),
    ):
        with pytest.raises(JobTimeoutError) as late:
            wait(0.05)
        assert str(late.value).endswith(WAITS), wait


def test_a_long_wait_says_so_meanwhile(job, caplog):
    with pytest.raises(JobTimeoutError):
        job.result(3.5)
    assert [record.getMessage() for record in caplog.records] == [f"job {job.job_id()} waits, because {MISSING}"]


def test_a_job_that_is_found_again_says_so_too(job, settings):
    with pytest.raises(JobTimeoutError, match="no worker that reads the queue"):
        AerqProvider(settings).job(job.job_id()).result(0.05)


def test_the_queue_that_counts_is_the_jobs(job, settings):
    other = AerqProvider(settings.evolve(queue="other")).job(job.job_id())
    with pytest.raises(JobTimeoutError, match="reads the queue 'aerq' is up"):
        other.result(0.05)


def test_the_command_says_so(job, settings):
    def said(*options, of=None):
        environment = {"AERQ_BROKER_URL": settings.broker_url}
        found = CliRunner().invoke(cli, ["result", of or job.job_id(), *options], env=environment)
        assert found.exit_code == 3
        return found.stderr

    assert said() == (
        f"aerq: job {job.job_id()} has not ended: it is QUEUED, 0 of 2 tasks have ended; "
        f"--wait waits for it ({MISSING})\n"
    )
    assert WAITS in said("--timeout", "0.1", of=f"{job.job_id()}.1")
    assert said("--timeout", "0.1") == f"aerq: job {job.job_id()} has not ended within 0.1 s; {WAITS}\n"


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "noeviction"])
def test_doctor_knows_a_server_that_throws_jobs_away(settings, records, policy):
    records.client.config_set("maxmemory-policy", policy)
    try:
        found = CliRunner().invoke(cli, ["doctor", "--json"], env={"AERQ_BROKER_URL": settings.broker_url})
    finally:
        records.client.config_set("maxmemory-policy", "noeviction")
    wrong = [finding for finding in json.loads(found.stdout) if not finding["ok"] and finding["what"] == "store"]
    if policy == "noeviction":
        assert not wrong
    else:
        assert [finding["mend"] for finding in wrong] == ["set maxmemory-policy to noeviction on the server"]
        assert policy in wrong[0]["found"]


def test_doctor_looks_at_a_broker_beside_the_store_too(settings, records):
    records.client.config_set("maxmemory-policy", "allkeys-lru")
    environment = {"AERQ_BROKER_URL": settings.broker_url, "AERQ_STORE_URL": settings.broker_url.rstrip("/0") + "/3"}
    try:
        found = CliRunner().invoke(cli, ["doctor", "--json"], env=environment)
    finally:
        records.client.config_set("maxmemory-policy", "noeviction")
    wrong = [finding["what"] for finding in json.loads(found.stdout) if "maxmemory-policy" in finding["found"]]
    assert wrong == ["broker", "store"]


@pytest.fixture
def address(settings, records):
    """Of a server that wants a password."""
    records.client.config_set("requirepass", "right")
    yield settings.broker_url.removeprefix("redis://")
    records.client.execute_command("AUTH", "right")
    records.client.config_set("requirepass", "")


def test_a_server_that_asks_for_a_password_is_told_from_one_that_refuses_it(address):
    said = {}
    for user in ("", ":wrong@"):
        found = CliRunner().invoke(cli, ["doctor", "--json"], env={"AERQ_BROKER_URL": f"redis://{user}{address}"})
        said[user] = {finding["what"]: finding for finding in json.loads(found.stdout)}
    assert "asks for a password" in said[""]["broker"]["found"]
    assert "asks for a password" in said[""]["store"]["found"]
    assert "refuses the password" in said[":wrong@"]["broker"]["found"]
    assert "refuses the password" in said[":wrong@"]["store"]["found"]
    assert said[":wrong@"]["store"]["mend"] == "put the right password into AERQ_BROKER_URL"
    assert ":wrong@" not in json.dumps(list(said.values()))


def test_a_worker_does_not_start_with_a_wrong_password(address):
    found = subprocess.run(
        [sys.executable, "-m", "aerq.jobs.cli", "worker"],
        env={**os.environ, "AERQ_BROKER_URL": f"redis://:wrong@{address}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 2
    assert "refuses the password; check the one in AERQ_BROKER_URL" in found.stderr
    assert ":wrong@" not in found.stderr
