"""What a producer holds: backends, the provider, jobs and their errors.

The names are imported when they are first used: `aerq --help` and tab completion need no Qiskit.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit.providers import JobStatus

    from .aerjob import AerJob
    from .aerjobset import AerJobSet
    from .base import BaseJob
    from .basicaerjob import BasicAerJob
    from .errors import JobCancelledError, JobError, JobTimeoutError, NoSuchJobError, QobjValidationError
    from .executor import CeleryExecutor
    from .provider import AerqProvider
    from .simulator import AerqSimulator

__all__ = [
    "AerJob",
    "AerJobSet",
    "AerqProvider",
    "AerqSimulator",
    "BaseJob",
    "BasicAerJob",
    "CeleryExecutor",
    "JobCancelledError",
    "JobError",
    "JobStatus",
    "JobTimeoutError",
    "NoSuchJobError",
    "QobjValidationError",
]

_MODULES = {
    "AerJob": ".aerjob",
    "AerJobSet": ".aerjobset",
    "AerqProvider": ".provider",
    "AerqSimulator": ".simulator",
    "BaseJob": ".base",
    "BasicAerJob": ".basicaerjob",
    "CeleryExecutor": ".executor",
    "JobStatus": "qiskit.providers",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES.get(name, ".errors"), __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
