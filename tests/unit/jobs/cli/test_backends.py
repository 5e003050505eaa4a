"""What is transpiled for, and what is known of the workers before they are asked."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from qiskit_aer import AerSimulator

from aerq.config import Settings
from aerq.config.local import discovery
from aerq.jobs import AerqSimulator
from aerq.jobs.cli.backends import BackendChoice


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERQ_BROKER_URL", "redis://127.0.0.1:1/0")


def test_the_device_is_the_same_every_time() -> None:
    first, second = (BackendChoice(device_qubits=3).device().target for _ in range(2))
    errors = [[target["cx"][pair].error for pair in target["cx"]] for target in (first, second)]
    assert errors[0] == errors[1]
    assert len(set(errors[0])) > 1
    assert BackendChoice(device_qubits=3).target(2).num_qubits == 3


def test_the_target_is_as_wide_as_its_circuits_whatever_this_machine_has() -> None:
    assert BackendChoice().target(50).num_qubits == 50
    assert BackendChoice(method="stabilizer").target(5000).options.method == "stabilizer"


def test_only_workers_elsewhere_may_have_more_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("AERQ_SLOT_MEMORY_MB", "1024")
    assert BackendChoice().widest() == 63
    assert BackendChoice(workers=2).widest() == 26
    assert BackendChoice(method="stabilizer").widest() == 10000
    monkeypatch.delenv("AERQ_BROKER_URL")
    assert BackendChoice().widest() == 26
    assert BackendChoice(method="density_matrix").widest() == 13
    monkeypatch.delenv("AERQ_SLOT_MEMORY_MB")
    assert BackendChoice(workers=1).widest() == BackendChoice(workers=2).widest() + 1
    assert BackendChoice(workers=1).widest() <= AerSimulator().num_qubits


def test_a_cluster_that_runs_on_this_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "find_running", lambda: Settings(broker_url="redis://127.0.0.1:1/0"))
    monkeypatch.delenv("AERQ_BROKER_URL")
    assert BackendChoice().widest() == 63
    assert BackendChoice(workers=2).widest() < 63


@pytest.mark.parametrize("device", [None, 2])
def test_a_run_without_workers_says_that_it_waits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], device: int | None
) -> None:
    monkeypatch.setattr(AerqSimulator, "workers", lambda self: ())
    choice = BackendChoice(method="statevector", device_qubits=device)
    target = choice.target(2)
    with choice.connect(target) as backend:
        assert type(backend) is AerqSimulator
        assert backend.options.method == "statevector"
        assert backend.options.noise_model is target.options.noise_model
    assert capsys.readouterr().err == ("aerq: no worker is up, so the job waits for one; `aerq worker` starts one\n")


def test_where_no_worker_is_up_nobody_knows_what_a_slot_will_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = AerqSimulator()
    monkeypatch.setattr(backend, "workers", tuple)
    assert BackendChoice().holds(backend) == 63
    monkeypatch.setattr(backend, "workers", lambda: (SimpleNamespace(memory_mb=1024),))
    assert BackendChoice().holds(backend) == 26
