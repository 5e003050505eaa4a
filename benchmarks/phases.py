"""Times the phases of a job in the processes that do them: patches functions by name, in a benchmark only.

Each process counts calls, seconds and CPU seconds of each phase in a file of its own, which others can read while it
runs. A phase inside of another is taken off the outer one, so that all add up to the whole.
"""

from __future__ import annotations

import functools
import importlib
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Where the files are; the worker's environment says it.
FOLDER_VARIABLE = "BENCHMARK_PHASES"

#: Phase, module, and the function or method that is the phase.
CLIENT = (
    ("validate", "aerq.jobs.simulator", "validate_circuits"),
    ("split", "aerq.jobs.simulator", "split_job"),
    ("encode", "aerq.jobs.executor", "prepare_job"),
    ("store", "aerq.tasks.records.store", "Records.create"),
    ("publish", "aerq.jobs.executor", "publish_tasks"),
    ("wait", "aerq.jobs.completions", "CompletionLog.wait"),
    ("fetch", "aerq.jobs.executor", "fetch_outputs"),
    ("decode result", "aerq.jobs.outputs", "decode_output"),
    ("merge", "aerq.jobs.layout", "merge_outputs"),
    ("make Result", "aerq.jobs.layout", "to_result"),
)
SLOT = (
    ("task", "aerq.tasks.slot", "Slot._attempt"),
    ("fetch payload", "aerq.tasks.records.store", "Records.payloads"),
    ("decode", "aerq.tasks.wire.payload", "QobjDecoder.decode"),
    ("compile", "aerq.tasks.kernel", "AerKernel.run"),
    ("encode result", "aerq.tasks.slot", "encode_output"),
    ("start and finish", "aerq.tasks.records.store", "Records.turn"),
)
_ROW = struct.Struct("<qdd")


class Clock:
    """The phases of one process.

    Args:
        names: the phases.
        file: where they are kept, or None to keep them in this process.
    """

    def __init__(self, names: list[str], file: Path | None = None) -> None:
        self.names = names
        size = _ROW.size * len(names)
        if file is None:
            self._memory: Any = bytearray(size)
        else:
            file.write_bytes(bytes(size))
            with file.open("r+b") as opened:
                self._memory = mmap.mmap(opened.fileno(), size)
        self._inner: list[list[float]] = [[0.0, 0.0]]

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its time counted."""
        place = self.names.index(name) * _ROW.size

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            self._inner.append([0.0, 0.0])
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
                inner = self._inner.pop()
                self._inner[-1][0] += wall
                self._inner[-1][1] += cpu
                calls, walls, cpus = _ROW.unpack_from(self._memory, place)
                _ROW.pack_into(self._memory, place, calls + 1, walls + wall - inner[0], cpus + cpu - inner[1])

        return run

    def read(self) -> dict[str, tuple[int, float, float]]:
        """Calls, seconds and CPU seconds by phase."""
        return read_rows(self.names, bytes(self._memory))

    def clear(self) -> None:
        """Begins anew."""
        self._memory[:] = bytes(len(self._memory))


def read_rows(names: list[str], data: bytes) -> dict[str, tuple[int, float, float]]:
    """Calls, seconds and CPU seconds by phase, from what a process has counted."""
    return {name: _ROW.unpack_from(data, number * _ROW.size) for number, name in enumerate(names)}


def install(phases: tuple[tuple[str, str, str], ...], file: Path | None = None) -> Clock:
    """Times these phases in this process from now on."""
    clock = Clock([name for name, _, _ in phases], file)
    for name, module, path in phases:
        owner: Any = importlib.import_module(module)
        *outer, last = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        setattr(owner, last, clock.timed(name, getattr(owner, last)))
    return clock


def slot_files() -> list[Path]:
    """The files of all slots so far."""
    return sorted(Path(os.environ[FOLDER_VARIABLE]).glob("*.slot"))


def slot_rows() -> dict[str, tuple[int, float, float]]:
    """The phases of all slots together."""
    names = [*(name for name, _, _ in SLOT), "execute"]
    total = dict.fromkeys(names, (0, 0.0, 0.0))
    for file in slot_files():
        for name, row in read_rows(names, file.read_bytes()).items():
            total[name] = tuple(a + b for a, b in zip(total[name], row, strict=True))
    return total
