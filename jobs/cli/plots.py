"""The histograms of `--plot`: one panel per circuit, in one PNG file."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

from .failures import InputError, one_line
from .reports import CircuitReport, RunReport, ranked

#: Outcomes with a bar of their own; the others share one.
_OUTCOMES = 16
#: Panels beside each other, and at most in one picture: a taller PNG opens nowhere.
_COLUMNS, _PANELS = 3, 60
#: Inches of a panel.
_WIDTH, _HEIGHT = 5.0, 3.4
_DPI = 120
#: How far above the highest bar of an outcome the panel ends, in its heights.
_HEADROOM = 1.3
#: Longer bit strings are cut in the middle, or they would take the panel.
_LONGEST_LABEL = 22


def check_plot_path(path: Path) -> None:
    """Refuses a place where no PNG can be written, before anything is run for it.

    Raises:
        InputError: if the name is not that of a PNG, or the place cannot be written to.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"the plot {path} must have a name that ends in .png")
    if path.is_dir():
        raise InputError(f"the plot {path} is a directory")
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"the plot {path} cannot be written: its directory does not exist")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise InputError(f"the plot {path} may not be written by this user")


def write_plot(report: RunReport, path: Path) -> None:
    """Draws the histograms of all circuits that gave counts.

    Raises:
        OSError: if the file cannot be written.
    """
    from matplotlib.figure import Figure  # without pyplot no window system is touched

    drawn = list(report.circuits[:_PANELS])
    columns = min(_COLUMNS, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for panel, circuit in zip(panels, drawn, strict=False):
        _draw(panel, circuit)
    for panel in panels[len(drawn) :]:
        panel.set_axis_off()
    if len(drawn) < len(report.circuits):
        figure.suptitle(f"the first {len(drawn)} of {len(report.circuits)} circuits")
    with warnings.catch_warnings():
        # a letter of a circuit's name that the font lacks is a box in the picture and no reason to speak
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(path, format="png", dpi=_DPI)


def _draw(panel: Any, circuit: CircuitReport) -> None:
    """One circuit's histogram."""
    size = f"{circuit.shots} shots" if circuit.qubits is None else f"{circuit.qubits} qubits, {circuit.shots} shots"
    # parse_math: a `$` in a name is a dollar sign
    panel.set_title(
        f"{one_line(circuit.name)[:60]} ({size})",
        fontsize=10,
        parse_math=False,
    )
    if circuit.counts is None:
        why = "no counts" if circuit.status == "DONE" else "failed"
        panel.text(0.5, 0.5, why, ha="center", va="center", transform=panel.transAxes)
        panel.set_axis_off()
        return
    shown, others, rest = ranked(circuit.counts, _OUTCOMES)
    if not others:
        shown.sort()
    labels = [_label(bits) for bits, _ in shown]
    heights = [count for _, count in shown]
    colours = ["C0"] * len(shown)
    if others:
        labels.append(f"{others} others")
        heights.append(rest)
        colours.append("0.7")
    panel.bar(range(len(heights)), heights, color=colours)
    if others:
        # many rare outcomes together would dwarf each bar that can be compared, so theirs may leave the panel
        top = _HEADROOM * max(heights[:-1])
        panel.set_ylim(0, min(top, max(heights) * 1.05))
        if rest > top:
            panel.text(len(heights) - 1, top * 0.97, f"↑{rest}", ha="center", va="top", fontsize=8)
    panel.set_xticks(range(len(labels)), labels)
    panel.tick_params(axis="x", labelsize=8)
    if len(labels) > 4 or max(map(len, labels)) > 5:
        panel.tick_params(axis="x", labelrotation=90)
    panel.set_ylabel("counts")
    panel.margins(x=0.02)


def _label(bits: str) -> str:
    """A bit string that fits under a bar."""
    if len(bits) <= _LONGEST_LABEL:
        return bits
    half = (_LONGEST_LABEL - 1) // 2
    return f"{bits[:half]}…{bits[-half:]}"
