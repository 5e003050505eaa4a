"""`aerq worker` and `aerq flower`: what they become, and with which environment."""

import os
import sys

import pytest
from click.testing import CliRunner

from aerq.config.local.discovery import announce
from aerq.config.settings import Settings
from aerq.jobs.cli.main import cli

URL = "redis://:hidden@127.0.0.1:6399/0"


@pytest.fixture
def became(monkeypatch, tmp_path):
    """The commands that took this process's place, and AERQ_* of that moment."""
    found = []
    for name in [name for name in os.environ if name.startswith("AERQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(os, "execv", lambda path, command: found.append((command, dict(os.environ))))
    return found


@pytest.mark.parametrize("command", ["worker", "flower"])
def test_the_broker_that_is_set_is_used(became, command):
    os.environ["AERQ_BROKER_URL"] = URL
    result = CliRunner().invoke(cli, [command])
    assert result.exit_code == 0, result.output
    [(words, environment)] = became
    assert words[:6] == [sys.executable, "-m", "celery", "--app", "aerq.tasks", "--quiet"]
    assert words[6] == command
    assert environment["AERQ_BROKER_URL"] == URL
    assert URL not in " ".join(words)  # other users see a process's arguments
    assert "hidden" not in result.output


@pytest.mark.parametrize("command", ["worker", "flower"])
def test_without_one_a_running_up_is_joined(became, command):
    with announce(Settings(broker_url=URL)):
        assert CliRunner().invoke(cli, [command]).exit_code == 0
    [(_, environment)] = became
    assert environment["AERQ_BROKER_URL"] == URL


@pytest.mark.parametrize("command", ["worker", "flower"])
def test_without_either_nothing_is_started(became, command):
    result = CliRunner().invoke(cli, [command])
    assert result.exit_code == 2
    assert result.stderr.startswith("aerq: no broker is set and no `aerq up` runs; set AERQ_BROKER_URL, or start")
    assert result.stderr.count("\n") == 1
    assert became == []


def test_slots_name_and_celerys_own_options_are_passed_on(became):
    os.environ["AERQ_BROKER_URL"] = URL
    assert CliRunner().invoke(cli, ["worker", "--slots", "3", "-n", "mine@here", "--", "-Q", "other"]).exit_code == 0
    [(words, _)] = became
    assert words[words.index("--concurrency") + 1] == "3"
    assert words[words.index("--hostname") + 1] == "mine@here"
    assert words[-2:] == ["-Q", "other"]


def test_a_worker_gets_its_allocator_and_flower_none(became):
    os.environ["AERQ_BROKER_URL"] = URL
    os.environ.pop("LD_PRELOAD", None)
    for command in ("worker", "flower"):
        assert CliRunner().invoke(cli, [command]).exit_code == 0
        os.environ.pop("LD_PRELOAD", None)
    os.environ["AERQ_ALLOCATOR"] = "system"
    assert CliRunner().invoke(cli, ["worker"]).exit_code == 0
    worker, flower, plain = (environment.get("LD_PRELOAD", "") for _, environment in became)
    assert "mimalloc" in worker
    assert flower == plain == ""
