"""The options of the commands that read circuit files: the same names, limits and words in each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .backends import DEVICE_SEED, METHODS

F = TypeVar("F", bound=Callable[..., Any])

#: Aer takes seeds below 2**63 and adds to them for each circuit.
LARGEST_SEED = 2**62
#: A seed that is drawn here is short enough to be typed again.
DRAWN_SEEDS = 2**31


class _WholeNumber(click.IntRange):
    """A whole number; the refusal of `1e6` says how it is written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuses what is not written in digits, then what is out of range."""
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number in digits, such as 1000000", param, ctx)
        return super().convert(value, param, ctx)


def circuit_options(command: F) -> F:
    """Adds FILES, `--shots`, `--seed`, `--method` and `--noise-from-device` to a command."""
    decorators = (
        click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILES..."),
        click.option(
            "--shots",
            type=_WholeNumber(min=1),
            default=1024,
            show_default=True,
            metavar="SHOTS",
            help="Shots of each circuit.",
        ),
        click.option(
            "--seed",
            type=_WholeNumber(0, LARGEST_SEED),
            metavar="SEED",
            help="Seed of transpiler and simulator; the same seed gives the same counts. Without it one is drawn and "
            "shown.",
        ),
        click.option(
            "--method",
            type=click.Choice(METHODS),
            metavar="METHOD",
            help=f"Aer's simulation method: {', '.join(METHODS)}.  [default: automatic]",
        ),
        click.option(
            "--noise-from-device",
            type=click.IntRange(2, 50),
            metavar="N",
            help="Simulate the noise of a device of N qubits, from 2 to 50, and transpile for it: Qiskit's "
            f"GenericBackendV2(N, seed={DEVICE_SEED}, control_flow=True).",
        ),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command
