"""What the owner of an embedded cluster tells its supervisor, and what both know of how long things take."""

from __future__ import annotations

from dataclasses import dataclass

#: How long the worker may take to end by itself. What its slots compute has no store to go to any longer, and a
#: slot in a kernel hears no signal, so more would be in vain.
GRACE_SECONDS = 0.5
#: How long the system may take to clear away what was killed.
REAP_SECONDS = 2.0


@dataclass(frozen=True)
class Order:
    """What the owner wants."""

    owner: int
    directory: str
    workers: int
    app: str
    log_level: str
    start_timeout_seconds: float
    flower_port: int | None = None
