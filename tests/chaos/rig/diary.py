"""What the kernels did: one line for each begin and each end, by every process of every worker."""

import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run of a kernel; `ended` is None if it never told of its end.

    Attributes:
        job: the job.
        first: its first experiment.
        offset: its first shot.
        name: the name of its first circuit.
        pid: the slot's process.
        began: when, by the machine's monotonic clock.
        ended: when.
    """

    job: str
    first: int
    offset: int
    name: str
    pid: int
    began: float
    ended: float | None = None

    @property
    def place(self):
        """What it ran."""
        return self.job, self.first, self.offset


class Diary:
    """A file to which all append.

    Args:
        path: the file.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._read = 0
        self._open = {}
        self._ended = []

    def write(self, what, *values):
        line = json.dumps([what, *values, os.getpid(), time.monotonic()]) + "\n"
        with self.path.open("ab", buffering=0) as file:
            file.write(line.encode())

    def runs(self):
        """All runs so far, by their begin."""
        self._read_on()
        return sorted([*self._ended, *self._open.values()], key=lambda run: run.began)

    def _read_on(self):
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            if not line.endswith(b"\n"):
                break
            self._read += len(line)
            what, job, first, offset, name, pid, at = json.loads(line)
            before = self._open.pop(pid, None)
            if what == "begin":
                if before is not None:  # it ended with an error, or another process had this pid
                    self._ended.append(before)
                self._open[pid] = Run(job, first, offset, name, pid, at)
            else:
                self._ended.append(replace(before, ended=at))

    def by_place(self):
        """The runs of each task."""
        found = defaultdict(list)
        for run in self.runs():
            found[run.place].append(run)
        return found

    def begun(self, place, after):
        """When the first run of a task after this time began, or None."""
        return next((run.began for run in self.by_place()[place] if run.began > after), None)

    def in_kernel(self, prefix="", pids=()):
        """What these processes run now, of circuits whose names begin so."""
        self._read_on()
        return [run for run in self._open.values() if run.name.startswith(prefix) and run.pid in pids]
