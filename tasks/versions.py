"""The versions that must agree between a producer and a worker."""

from __future__ import annotations

import platform
from importlib.metadata import version

_DISTRIBUTIONS = ("aerq", "qiskit", "qiskit-aer", "celery", "kombu", "redis")


def versions() -> dict[str, str]:
    """Versions of this process's Python and of what aerq stands on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _DISTRIBUTIONS}}
