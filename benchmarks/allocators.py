"""Local Aer with the system's allocator and with mimalloc, on the circuits of `make bench`.

Each turn is a process of its own, since a process has the allocator with which it begins. The turns alternate, and of
each workload the median is shown. Counts are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import workloads
from contestants import local
from rich.console import Console
from rich.table import Table

from aerq.config.allocator import MIMALLOC, SYSTEM, allocator_environment, allocator_in_use

WORKLOADS = {
    "tiny": lambda: workloads.tiny(1000),
    "sweep": lambda: workloads.sweep(1000),
    "medium": lambda: workloads.medium(20),
    "split": lambda: workloads.split(10_000),
    "heavy": lambda: workloads.heavy(2),
}
#: Runs of each workload in one process, of which the fastest counts.
_RUNS = 3


def turn() -> dict[str, Any]:
    """Seconds and counts of each workload in this process."""
    run = local(max_parallel_threads=1)
    found: dict[str, Any] = {}
    for name, make in WORKLOADS.items():
        work = make()
        seconds = []
        for _ in range(_RUNS):
            start = time.perf_counter()
            counts = run(work)
            seconds.append(time.perf_counter() - start)
        found[name] = min(seconds), counts
    return {"allocator": allocator_in_use(), "found": found}


def turn_with(allocator: str) -> dict[str, Any]:
    """The same in a new process with an allocator.

    Raises:
        SystemExit: if the process does not have it.
    """
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    environment["AERQ_ALLOCATOR"] = allocator
    environment |= allocator_environment(environment)
    command = [sys.executable, __file__, "--turn"]
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(ended.stdout)
    if told["allocator"] != allocator:
        raise SystemExit(f"the process has the allocator {told['allocator']}, not {allocator}: is it installed?")
    return told["found"]  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="turns of each allocator (default: 3)")
    parser.add_argument("--turn", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.turn:
        print(json.dumps(turn()))
        return
    turns = [{allocator: turn_with(allocator) for allocator in (SYSTEM, MIMALLOC)} for _ in range(given.repeat)]
    table = Table("", SYSTEM, MIMALLOC, "mimalloc / system")
    for name in WORKLOADS:
        if any(each[SYSTEM][name][1] != each[MIMALLOC][name][1] for each in turns):
            raise SystemExit(f"{name}: the counts differ")
        medians = {each: statistics.median(one[each][name][0] for one in turns) for each in (SYSTEM, MIMALLOC)}
        row = medians[SYSTEM], medians[MIMALLOC], medians[MIMALLOC] / medians[SYSTEM]
        table.add_row(name, *(f"{value:.3f}" for value in row))
    Console().print(table)


if __name__ == "__main__":
    main()
