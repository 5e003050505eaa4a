"""The group: lazy commands, version, completion, and ends without tracebacks."""

import importlib.metadata
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from aerq.jobs.cli import main
from aerq.jobs.cli.main import COMMANDS, LazyCommand, cli

run = CliRunner().invoke


def test_help_lists_the_commands_without_importing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LazyCommand, "load", lambda self: pytest.fail("a command was imported"))
    result = run(cli, ["--help"])
    assert result.exit_code == 0
    for name, lazy in COMMANDS.items():
        assert name in result.stdout
        assert lazy.summary in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help(name: str) -> None:
    assert run(cli, [name, "--help"]).stdout.startswith(f"Usage: aerq {name} ")


def test_the_version_is_the_distributions() -> None:
    assert run(cli, ["--version"]).stdout == f"aerq {importlib.metadata.version('aerq')}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = run(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_AERQ_COMPLETE=" + f"{shell}_complete" in result.stdout


def test_completion_knows_commands_and_options() -> None:
    environment = {"_AERQ_COMPLETE": "bash_complete", "COMP_CWORD": "2", "COMP_WORDS": "aerq run --sh"}
    assert run(cli, [], env=environment).stdout == "plain,--shots\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["rnu"], "aerq: No such command 'rnu'"),
        (["statsu"], "aerq: No such command 'statsu' (did you mean 'status'?); see `aerq --help`"),
        (["--nope"], "aerq: No such option '--nope'"),
        (["run"], "aerq: Missing argument 'FILES...'; see `aerq run --help`"),
        (
            ["run", "a.qasm", "--shots", "1e6"],
            "aerq: Invalid value for '--shots': '1e6' is not a whole number in digits",
        ),
        (["run", "a.qasm", "--shots", "0"], "aerq: Invalid value for '--shots': 0 is not in the range x>=1"),
        (["cancel", ""], "aerq: the id of the job is empty"),
        (["completion", "csh"], "aerq: Invalid value for '{bash|zsh|fish}': 'csh' is not one of"),
    ],
)
def test_a_mistyped_command_line_is_one_sentence(args: list[str], said: str) -> None:
    result = run(cli, args)
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


def test_without_a_command_the_help_is_shown() -> None:
    result = run(cli, [])
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: aerq ")


@pytest.mark.parametrize("error", [RuntimeError("boom"), BaseException("boom")])
def test_a_traceback_is_shown_only_on_request(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(main, "COMMANDS", {"fail": LazyCommand("", "")})
    monkeypatch.setattr(LazyCommand, "load", lambda self: fail)
    quiet, loud = run(cli, ["fail"]), run(cli, ["--debug", "fail"])
    assert (quiet.exit_code, loud.exit_code) == (1, 1)
    sentence = f"aerq: unexpected {type(error).__name__}: boom (`aerq --debug ...` shows where)\n"
    assert quiet.stderr == sentence
    assert loud.stderr.startswith("Traceback")
    assert loud.stderr.endswith(sentence)


@pytest.mark.parametrize("module", ["listing", "status", "results", "cancelling", "submit", "completion"])
def test_help_and_completion_need_neither_qiskit_nor_settings(module: str) -> None:
    script = f"import sys, aerq.jobs.cli.{module}; print(*{{'qiskit', 'celery', 'pydantic'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
