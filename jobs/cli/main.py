"""The `aerq` command: a group whose commands are imported only when they are used."""

from __future__ import annotations

import difflib
import importlib
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import click

from . import failures


@dataclass(frozen=True)
class LazyCommand:
    """Where a command lives.

    Attributes:
        target: `module:attribute`, the module relative to this package.
        summary: its line in `aerq --help`, so that the list needs no import.
    """

    target: str
    summary: str

    def load(self) -> click.Command:
        """Imports the command."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(f".{module}", __package__), attribute)
        return command


#: The commands in the order of `aerq --help`. A new command is one line here.
COMMANDS: Mapping[str, LazyCommand] = MappingProxyType(
    {
        "demo": LazyCommand("demo:demo", "Watch a quantum-volume experiment run on queue workers."),
        "up": LazyCommand("up:up", "Keep a cluster with workers and Flower running on this machine."),
        "worker": LazyCommand("launch:worker", "Start a worker for a broker that is there already."),
        "flower": LazyCommand("launch:flower", "Start the Flower page on tasks and workers."),
        "run": LazyCommand("run:run", "Run OpenQASM 2, OpenQASM 3 and QPY files and show the counts."),
        "submit": LazyCommand("submit:submit", "Submit such files as a job and print its id."),
        "jobs": LazyCommand("listing:jobs", "List the stored jobs, newest first."),
        "status": LazyCommand("status:status", "Show where a job stands."),
        "result": LazyCommand("results:result", "Show the counts of a job, or wait for them."),
        "cancel": LazyCommand("cancelling:cancel", "Cancel a job; running kernels are killed."),
        "doctor": LazyCommand("doctor:doctor", "Check broker, store, workers, versions and clocks."),
        "completion": LazyCommand("completion:completion", "Print the script for tab completion in a shell."),
    }
)


class LazyGroup(click.Group):
    """A group that knows its commands by name, and ends every failure with one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command, or returns None if there is none of this name."""
        lazy = COMMANDS.get(cmd_name)
        return lazy.load() if lazy else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; for a mistyped one the refusal names the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"No such command {name!r}{f' (did you mean {near[0]!r}?)' if near else ''}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; with `--debug` an error shows its traceback on its way."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, SystemExit):
            raise
        except BaseException as error:
            if ctx.params.get("debug"):
                failures.show_traceback(error)
            raise

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs the command line; in standalone mode it ends with an exit code and never with a traceback."""
        if not standalone_mode:
            return super().main(args, prog_name or "aerq", complete_var, False, **extra)
        try:
            code = super().main(args, prog_name or "aerq", complete_var, False, **extra)
        except SystemExit:
            raise
        except BaseException as error:  # also a panic of Qiskit's Rust code, which is no Exception
            sys.exit(failures.report(error))
        sys.exit(code if isinstance(code, int) else failures.ExitCode.DONE)


@click.group(
    "aerq",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Exit codes: 0 done, 1 failed or cancelled, 2 refused (nothing was started),
3 timed out, 130 interrupted.

A broker is named by AERQ_BROKER_URL (and a store of its own by AERQ_STORE_URL); without one, a running `aerq up`
is used, and without that `aerq run` starts a cluster of this machine's cores that
ends with the command.""",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="aerq", message="aerq %(version)s")
def cli(debug: bool) -> None:
    """Qiskit Aer simulations on Celery workers."""


def main() -> None:
    """The entry point of the `aerq` script."""
    # Aer's warning of a simulation that failed: the commands say themselves which failed, and why.
    logging.getLogger("qiskit_aer").setLevel(logging.ERROR)
    cli()
