"""Settings, the Celery application, the store and the embedded cluster. Nothing of Qiskit.

The names are imported when they are first used, so that the processes of an embedded cluster start quickly.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import AerqError, ClusterError, SettingsError, UnavailableError
    from .local.cluster import LocalCluster
    from .settings import Settings

__all__ = ["AerqError", "ClusterError", "LocalCluster", "Settings", "SettingsError", "UnavailableError"]

_MODULES = {"LocalCluster": ".local.cluster", "Settings": ".settings"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES.get(name, ".errors"), __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
