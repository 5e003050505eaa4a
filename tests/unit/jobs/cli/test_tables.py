"""The table on a terminal."""

import io

from rich.console import Console

from aerq.jobs.cli.reports import CircuitReport, RunReport, ranked
from aerq.jobs.cli.tables import print_report


def report(*circuits: CircuitReport) -> RunReport:
    return RunReport("some-job", "DONE", 7, 1.5, circuits)


def circuit(name: str, counts: dict[str, int] | None, error: str | None = None) -> CircuitReport:
    return CircuitReport(name, "f.qasm", 3, 100, 7, "statevector", counts, "DONE" if counts else "ERROR", error)


def printed(shown: RunReport, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_report(shown, console)
    return console.file.getvalue()


def test_counts_stand_in_their_order_with_their_share() -> None:
    lines = printed(report(circuit("bell", {"00": 25, "11": 75}))).splitlines()
    rows = [line.split() for line in lines if "%" in line]
    assert rows[0][:6] == ["bell", "3", "statevector", "11", "75", "75.0%"]
    assert rows[1][:3] == ["00", "25", "25.0%"]
    assert lines[-1] == "Job some-job: 1 circuit, seed 7, 1.50 s"


def test_many_outcomes_end_in_others() -> None:
    counts = {f"{i:05b}": 32 - i for i in range(32)}
    text = printed(report(circuit("wide", counts)))
    assert "16 others" in text
    assert text.count("%") == 17
    many = printed(report(*[circuit(f"c{i}", counts) for i in range(5)]))
    assert many.count("28 others") == 5


def test_one_more_outcome_is_shown_instead_of_one_other() -> None:
    counts = {"a": 4, "b": 3, "c": 2}
    assert ranked(counts, 2) == ([("a", 4), ("b", 3), ("c", 2)], 0, 0)
    assert ranked({**counts, "d": 1}, 2) == ([("a", 4), ("b", 3)], 2, 3)
    assert ranked({"b": 1, "a": 1}, 2)[0] == [("a", 1), ("b", 1)]


def test_a_failed_circuit_says_why() -> None:
    text = printed(report(circuit("bad", None, "ERROR: too large")))
    assert "ERROR: too large" in text


def test_names_are_no_markup_and_steer_no_terminal() -> None:
    text = printed(report(circuit("[red]x\x1b[2J", {"0": 1})))
    assert "[red]x?[2J" in text
    assert "\x1b" not in text


def test_a_narrow_terminal_loses_no_bits() -> None:
    bits = "0" * 60
    text = printed(report(circuit("wide", {bits: 1})), width=70)
    assert text.count("0") >= 60


def test_eighty_columns_hold_twenty_bits_of_a_long_method() -> None:
    bits = "01" * 10
    wide = CircuitReport("wide", "f.qasm", 20, 10**7, 7, "matrix_product_state", {bits: 10**7}, "DONE", None)
    assert bits in printed(report(wide), width=80)
    assert "█" in printed(report(wide), width=100)


def test_why_a_circuit_has_no_counts_stands_below_the_table_on_one_line() -> None:
    reason = "it was started 3 times and never ended: the process of its slot was killed (SIGKILL)"
    text = printed(report(circuit("good", {"00": 1}), circuit("bad", None, reason)), width=60)
    assert f"bad: {reason}" in text.splitlines()
    assert "Outcome" not in printed(report(circuit("bad", None, reason)))
