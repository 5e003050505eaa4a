"""The demo's picture: heavy-output probability by width, against 2/3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from .quantum_volume import THRESHOLD, WidthResult


def save_plot(widths: Sequence[WidthResult], path: Path) -> None:
    """Saves the picture as a PNG.

    Args:
        widths: what was found.
        path: where to save it.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for row in widths:
        color = "tab:green" if row.passed else "tab:red"
        low, high = row.interval
        spread = [[row.probability - low], [high - row.probability]]
        axes.errorbar(row.width, row.probability, yerr=spread, fmt="o", capsize=5, color=color)
        axes.annotate(f"{row.probability:.3f}", (row.width, row.probability), xytext=(8, 0), textcoords="offset points")
    axes.axhline(THRESHOLD, linestyle="--", color="gray", label="2/3: passed if the whole bar is above")
    figure.legend(loc="outside lower center", frameon=False)  # where no bar can be behind it
    axes.set_xlim(widths[0].width - 0.45, widths[-1].width + 0.6)
    axes.set_xticks([row.width for row in widths])
    axes.set_xlabel("width = depth of the circuits (qubits)")
    axes.set_ylabel("heavy-output probability")
    axes.set_title(f"Quantum volume, {widths[0].circuits} circuits per width (bars: two sigma)")
    figure.savefig(path, format="png", dpi=150)
