"""The table of counts on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .failures import one_line
from .reports import CircuitReport, RunReport, ranked

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: How many outcomes a circuit gets: many where there are few circuits, few where there are many.
_OUTCOMES_OF_FEW, _FEW = 16, 3
_OUTCOMES_OF_MANY = 4
#: The longest bar of a share.
_BAR = 10


def counts_table(report: RunReport, *, bars: bool = True) -> Table:
    """The most frequent outcomes of every circuit that has counts.

    Args:
        report: the circuits.
        bars: whether to draw each share.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Circuit", overflow="fold", min_width=8)
    table.add_column("Qubits", justify="right", no_wrap=True)
    table.add_column("Method", no_wrap=True)
    table.add_column("Outcome", overflow="fold", min_width=12)
    table.add_column("Counts", justify="right", no_wrap=True)
    table.add_column("Share", justify="right", no_wrap=True)
    if bars:
        table.add_column("", width=_BAR, no_wrap=True)
    most = _OUTCOMES_OF_FEW if len(report.circuits) <= _FEW else _OUTCOMES_OF_MANY
    for circuit in report.circuits:
        if circuit.counts is not None:
            _add_circuit(table, circuit, circuit.counts, most, bars)
    return table


def print_report(report: RunReport, console: Console) -> None:
    """Prints the table, why circuits have no counts, and one line on the job."""
    from rich.text import Text

    table = counts_table(report)
    if console.measure(table, options=console.options.update(max_width=1000)).maximum > console.width:
        table = counts_table(report, bars=False)  # the bits are worth more
    if table.row_count:
        console.print(table)
    for circuit in report.circuits:
        if circuit.counts is None and circuit.status == "DONE":
            how = f"AerqProvider().job({report.job_id!r}).result() in Python gives what it saved"
            console.print(Text(f"{one_line(circuit.name)}: no counts; {how}"), soft_wrap=True)
    for circuit in report.failed:
        text = Text(f"{one_line(circuit.name)}: {one_line(circuit.error or 'failed')}", style="red")
        console.print(text, soft_wrap=True)
    count = len(report.circuits)
    circuits = "1 circuit" if count == 1 else f"{count} circuits"
    console.print(Text(f"Job {report.job_id}: {circuits}, seed {report.seed}, {report.seconds:.2f} s", style="dim"))


def _add_circuit(table: Table, circuit: CircuitReport, counts: Mapping[str, int], most: int, bars: bool) -> None:
    """Adds a circuit's rows; its name stands in the first."""
    from rich.text import Text

    # names come from files: as Text they are no markup, and on one line they steer no terminal
    head: list[Text | str] = [
        Text(one_line(circuit.name)),
        "" if circuit.qubits is None else str(circuit.qubits),
        circuit.method or "",
    ]
    shown, others, rest = ranked(counts, most)
    rows = [(Text(bits), count) for bits, count in shown]
    if others:
        rows.append((Text(f"{others} others", style="dim"), rest))
    total = sum(counts.values())
    for number, (outcome, count) in enumerate(rows):
        share = count / total
        table.add_row(
            *(head if number == 0 else ["", "", ""]),
            outcome,
            str(count),
            f"{share:.1%}",
            *([Text("█" * round(share * _BAR), style="cyan")] if bars else []),
            end_section=number == len(rows) - 1,
        )
