"""The report of a benchmark as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw(report: dict[str, Any], workloads: Sequence[str], file: Path) -> None:
    """Draws the workloads, and the cost against the number of experiments, as far as they were measured."""
    rows = [report[name] for name in workloads if name in report]
    figure = Figure(figsize=(14, 8), layout="constrained")
    axes = figure.subplots(2, 3).flatten()
    for place, row in zip(axes, rows, strict=False):
        names = list(row["seconds"])
        colours = ["tab:blue" if name.startswith("aerq") else "tab:gray" for name in names]
        place.barh(names, [row["seconds"][name] for name in names], color=colours)
        place.invert_yaxis()
        place.set_title(row["workload"], fontsize=10)
        place.set_xlabel("seconds")
    last = axes[len(rows)]
    for size in (1, "auto"):
        points = [row for row in report.get("sizes", ()) if row["max_job_size"] == size]
        counts = [row["experiments"] for row in points]
        last.loglog(
            counts, [1000 * row["seconds"] / row["experiments"] for row in points], "o-", label=f"{size} per task"
        )
    last.set_title("cost against the number of experiments", fontsize=10)
    last.set_xlabel("experiments")
    last.set_ylabel("ms each")
    last.legend()
    figure.suptitle(f"{report['processor']}, {report['cores']} cores, {report['slots']} slots, {report['date']}")
    figure.savefig(file, dpi=120)
