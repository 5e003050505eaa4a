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
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

#: The two values of the setting `allocator`.
MIMALLOC, SYSTEM = "mimalloc", "system"
_VARIABLE = "AERQ_ALLOCATOR"
#: The package that brings the library, and the library's name there.
_PACKAGE, _LIBRARY = "cmeel-mimalloc", "libmimalloc.so"
_PRELOAD = "LD_PRELOAD"
#: The loader takes each of these for the end of a path.
_SEPARATORS = frozenset(" :\t\n")
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
        What to add to them; nothing for the system's allocator, or where mimalloc is not to be had.
    """
    if environment.get(_VARIABLE) == SYSTEM or environment.get(_PRELOAD) or not sys.platform.startswith("linux"):
        return {}
    library = _library()
    if library is None or _SEPARATORS & set(library):
        return {}
    options = {name: value for name, value in _OPTIONS.items() if name not in environment}
    return {_PRELOAD: library, **options}


def allocator_in_use() -> str:
    """The allocator of this process: `mimalloc`, or `system` for whatever else it has."""
    return MIMALLOC if hasattr(ctypes.CDLL(None), "mi_version") else SYSTEM


def _library() -> str | None:
    """The path of the library, or None if its package is not installed."""
    try:
        files = metadata.files(_PACKAGE) or ()
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(file.locate())
        if file.name == _LIBRARY and path.exists():
            return str(path)
    return None
