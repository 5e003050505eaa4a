"""The picture: a PNG that can be read, whatever the counts and names are."""

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aerq.jobs.cli import plots
from aerq.jobs.cli.failures import InputError
from aerq.jobs.cli.plots import check_plot_path, write_plot
from aerq.jobs.cli.reports import CircuitReport, RunReport


def size_of_png(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def report(*counts: dict[str, int] | None, name: str = "circuit") -> RunReport:
    circuits = [
        CircuitReport(name, "f.qasm", 3, 100, 7, "statevector", each, "DONE" if each else "ERROR", None)
        for each in counts
    ]
    return RunReport("some-job", "DONE", 7, 1.5, circuits)


def test_the_picture_grows_with_the_circuits(tmp_path: Path) -> None:
    sizes = []
    for number in (1, 4):
        path = tmp_path / f"{number}.png"
        write_plot(report(*[{"00": 50, "11": 50}] * number), path)
        sizes.append(size_of_png(path))
    assert sizes[0][0] < sizes[1][0]
    assert sizes[0][1] < sizes[1][1]


def test_many_outcomes_long_bits_failures_and_odd_names_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    many = {f"{i:012b}": 1 + i % 7 for i in range(4096)}
    write_plot(report(many, {"01" * 100: 1}, None, name="$x^ 量子\n\x1b_{"), path)
    assert size_of_png(path)[0] > 1000


def test_a_thousand_circuits_make_a_picture_that_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    assert plots._HEIGHT * plots._PANELS / plots._COLUMNS * plots._DPI < 2**15
    monkeypatch.setattr(plots, "_PANELS", 4)
    write_plot(report(*[{"0": 1}] * 1000), path)
    assert size_of_png(path)[1] < 3 * plots._HEIGHT * plots._DPI


def panels_of(shown: RunReport, monkeypatch: pytest.MonkeyPatch, path: Path) -> list[Axes]:
    """The panels of the picture that is drawn."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **k: (figures.append(figure), save(figure, *a, **k)))
    write_plot(shown, path)
    return figures[0].axes


def test_panels_without_a_circuit_are_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panels = panels_of(report(*[{"0": 1}] * 4), monkeypatch, tmp_path / "out.png")
    assert [panel.axison for panel in panels] == [True] * 4 + [False] * 2


def test_many_rare_outcomes_do_not_dwarf_the_frequent_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {f"{i:08b}": 1 + (i < 16) for i in range(256)}
    (panel,) = panels_of(report(counts), monkeypatch, tmp_path / "out.png")
    labels = [label.get_text() for label in panel.get_xticklabels()]
    assert labels == [f"{i:08b}" for i in range(16)] + ["240 others"]
    assert [bar.get_height() for bar in panel.patches] == [2] * 16 + [240]
    assert panel.get_ylim()[1] < 4
    assert [text.get_text() for text in panel.texts] == ["↑240"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.pdf", "must have a name that ends in .png"),
        ("out", "must have a name that ends in .png"),
        ("missing/out.png", "its directory does not exist"),
        ("folder.png", "is a directory"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=said):
        check_plot_path(tmp_path / name)
    check_plot_path(tmp_path / "OUT.PNG")
