"""Where a worker's process takes its memory from: mimalloc, or the system's own allocator.

Aer writes the outcome of each shot as a text, so a short circuit asks for many small pieces of memory. With mimalloc
(https://github.com/microsoft/mimalloc) instead of glibc's allocator the same kernels take 0.86 of the time for 1,024
shots of five qubits and 0.9 for noisy shots, and compute the same bits (docs/performance.md).

A process has the allocator with which it begins, so whoever starts a worker puts it into the worker's environment;
slots are forked from it. mimalloc registers nothing with fork(): a lock that another thread held at that moment would
stay locked in the new slot. It takes locks where a thread starts or ends and where it wants another GiB of addresses.
The first slots are forked before a worker has other threads, those threads live as long as it does, and Celery replaces
a slot that does not say within seconds that it is up. Qiskit's compiled part has brought a mimalloc of its own into
every such process all along.
"""

from __future__ import annotations

import ctypes
import logging
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

logger = logging.getLogger(__name__)

#: The two values of the setting `allocator`.
MIMALLOC, SYSTEM = "mimalloc", "system"
_VARIABLE = "AERQ_ALLOCATOR"
#: The package that brings the library, and the library's name there.
_PACKAGE, _LIBRARY = "cmeel-mimalloc", "libmimalloc.so"
_PRELOAD = "LD_PRELOAD"
#: The loader takes each of these for the end of a path.
_SEPARATORS = frozenset(" :\t\n")
#: A process that ends with 0 if it has mimalloc; it loads as little as it can.
_LOOK = [
    *(sys.executable, "-I", "-S", "-c"),
    "import ctypes, sys; sys.exit(0 if hasattr(ctypes.CDLL(None), 'mi_version') else 'it was not preloaded')",
]
_LOOK_SECONDS = 30
_OPTIONS = {
    # Addresses are reserved by the GiB. What is only reserved must not count as memory of a slot (RLIMIT_DATA).
    "MIMALLOC_ARENA_EAGER_COMMIT": "0",
    # What is larger is a mapping of its own and goes back to the system when it is let go, as with glibc: what is kept
    # counts for the slot.
    "MIMALLOC_ARENA_MAX_OBJECT_SIZE": "4M",
}


def allocator_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that give a worker its allocator.

    Args:
        environment: the worker's other variables, `AERQ_ALLOCATOR` among them. What it preloads already, and options of
            mimalloc that it sets, stay as they are.

    Returns:
        What to add to them; nothing for the system's allocator, or where mimalloc is not to be had. Where it is there
        and cannot be loaded, the log says so.
    """
    if environment.get(_VARIABLE) == SYSTEM or environment.get(_PRELOAD) or not sys.platform.startswith("linux"):
        return {}
    library = _library()
    if library is None:
        return {}
    found = {_PRELOAD: library, **{name: value for name, value in _OPTIONS.items() if name not in environment}}
    if reason := _why_not(library, {**environment, **found}):
        logger.warning("workers take memory from the system, because mimalloc cannot be loaded: %s", reason)
        return {}
    return found


def allocator_in_use() -> str:
    """The allocator of this process: `mimalloc`, or `system` for whatever else it has."""
    return MIMALLOC if hasattr(ctypes.CDLL(None), "mi_version") else SYSTEM


def _why_not(library: str, environment: Mapping[str, str]) -> str:
    """Why a process with this environment would not have mimalloc; empty if it would.

    A small system may lack a library that mimalloc needs (libatomic), and then no process of that environment starts.
    """
    if _SEPARATORS & set(library):
        return f"its path {library!r} has a character that ends a path in {_PRELOAD}"
    try:
        ended = subprocess.run(  # noqa: S603 - arguments of our own, no shell
            _LOOK, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LOOK_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if ended.returncode == 0:
        return ""
    lines = ended.stderr.strip().splitlines()
    return lines[0] if lines else f"a process with it ended with {ended.returncode}"


def _library() -> str | None:
    """The path of the library, or None if its package is not installed."""
    try:
        files = metadata.files(_PACKAGE) or ()
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == _LIBRARY:
            return str(Path(file.locate()))
    return None
