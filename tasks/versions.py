"""The versions that must agree between a producer and a worker."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from types import MappingProxyType

_DISTRIBUTIONS = ("aerq", "qiskit", "qiskit-aer", "celery", "kombu", "redis")


@cache
def versions() -> MappingProxyType[str, str]:
    """Versions of this process's Python and of what aerq stands on; read from the disk once."""
    return MappingProxyType({"python": platform.python_version(), **{name: version(name) for name in _DISTRIBUTIONS}})
