"""Which start of which worker this is: a name alone may come back, or be given twice."""

from __future__ import annotations

import os
import secrets

#: By this slots know whose they are. The name starts with an underscore: it is no setting.
_VARIABLE = "_AERQ_INSTANCE"


def new_instance(name: str) -> str:
    """Names this start of a worker, for itself and for the slots that it will have.

    Args:
        name: the worker's Celery node name.
    """
    instance = f"{name}#{secrets.token_hex(4)}"
    os.environ[_VARIABLE] = instance
    return instance


def this_instance(name: str) -> str:
    """The instance that this process belongs to; only the worker's name where there is none."""
    return os.environ.get(_VARIABLE) or name
