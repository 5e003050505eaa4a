"""The one place that turns an error into one sentence on stderr and an exit code."""

from __future__ import annotations

import concurrent.futures
import enum
import sys
import traceback
from dataclasses import dataclass

import click

from ...config.errors import AerqError, UnavailableError

#: Longest sentence that is shown; an error may quote what it was given.
_LONGEST = 1000


class ExitCode(enum.IntEnum):
    """What the command's exit code says."""

    DONE = 0
    FAILED = 1
    REFUSED = 2
    TIMED_OUT = 3
    INTERRUPTED = 130


class InputError(AerqError, ValueError):
    """What the command was given cannot be used; nothing was started."""


class RunError(AerqError):
    """A job failed, was cancelled or was lost sight of after it had been submitted."""


class RunTimeoutError(AerqError, TimeoutError):
    """A job was not done within the time that the user gave it."""


class InterruptedRunError(AerqError):
    """The user interrupted a run, and its job was cancelled."""


@dataclass(frozen=True)
class Failure:
    """How a failed command ends.

    Attributes:
        sentence: what stderr says, without the `aerq: ` before it; empty for nothing.
        code: the exit code.
    """

    sentence: str
    code: int


def failure_of(error: BaseException) -> Failure:
    """The sentence and the exit code of an error.

    The kinds are told apart by their built-in base classes, so that a mistyped option needs no import of Qiskit.
    """
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return Failure("", error.exit_code)
    if isinstance(error, click.ClickException):
        return Failure(_click_sentence(error), error.exit_code)
    if isinstance(error, click.Abort | KeyboardInterrupt | InterruptedRunError):
        return Failure(one_line(str(error)) or "interrupted", ExitCode.INTERRUPTED)
    if isinstance(error, AerqError):
        return Failure(one_line(str(error)), _code(error))
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return Failure(one_line(f"{place}{error.strerror}"), ExitCode.FAILED)
    if isinstance(error, MemoryError):
        return Failure("this machine's memory does not suffice", ExitCode.FAILED)
    kind = type(error).__name__
    said = one_line(str(getattr(error, "message", error)))
    return Failure(
        f"unexpected {kind}: {said} (`aerq --debug ...` shows where)" if said else f"unexpected {kind}",
        ExitCode.FAILED,
    )


def report(error: BaseException) -> int:
    """Writes the sentence of an error to stderr and returns the exit code."""
    failure = failure_of(error)
    if failure.sentence:
        click.echo(f"aerq: {failure.sentence}", err=True)
    elif isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
    return failure.code


def show_traceback(error: BaseException) -> None:
    """Writes the traceback to stderr, for `--debug`."""
    traceback.print_exception(error, file=sys.stderr)


def one_line(text: str) -> str:
    """The text on one line, without characters that could steer a terminal."""
    line = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else "?" for letter in line)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "..."


def _click_sentence(error: click.ClickException) -> str:
    """Click's message as a sentence in the style of ours, with the way to the help."""
    sentence = one_line(error.format_message()).rstrip(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        sentence += f"; see `{error.ctx.command_path} --help`"
    return sentence


def _code(error: AerqError) -> ExitCode:
    """The exit code of one of our own errors."""
    from ...tasks.wire.errors import DecodingError

    if isinstance(error, TimeoutError):
        return ExitCode.TIMED_OUT
    if isinstance(error, concurrent.futures.CancelledError | DecodingError):
        return ExitCode.FAILED
    # a ValueError was refused before anything was sent; so was what has found no broker, because a run that
    # loses its broker later raises RunError
    return ExitCode.REFUSED if isinstance(error, ValueError | UnavailableError) else ExitCode.FAILED
