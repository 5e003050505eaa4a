"""How long things take: the spans of a cluster as people run it, and shorter ones for CI."""

import os
from dataclasses import dataclass, field
from typing import Any

#: `make chaos FULL=1` takes the settings, the pauses and the numbers that people have; otherwise all is shorter.
FULL = bool(os.environ.get("CHAOS_FULL"))
REPEAT = int(os.environ.get("CHAOS_REPEAT") or 1)
#: Until then everything must have ended, on any machine. Rows that promise a time measure it by the ledger.
DEADLINE = 600.0 if FULL else 150.0


@dataclass(frozen=True)
class Spans:
    """Settings and lengths of the faults.

    Attributes:
        settings: what workers and clients are told beside their addresses.
        away_seconds: for how long a store or a connection is away; longer than any lease.
        held_seconds: how long a task is held that is to outlive its lease.
        queued: how many experiments are queued while workers are restarted.
        tiny: how many are run while workers are killed.
        kills: how many of them at most.
        slot_seconds: within this time a killed slot's task runs again.
        worker_seconds: within this time another worker runs what a dead one held.
        store_seconds: within this time workers and clients are back after the store.
        poison_seconds: within this time a circuit that ends its slots has been given up.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    away_seconds: float = 30.0
    held_seconds: float = 100.0
    queued: int = 1000
    tiny: int = 5000
    kills: int = 60
    slot_seconds: float = 10.0
    worker_seconds: float = 60.0
    store_seconds: float = 15.0
    poison_seconds: float = 120.0


SHORT = Spans(
    settings={"heartbeat_seconds": 1.5, "visibility_timeout_seconds": 8, "connect_timeout_seconds": 2.0},
    away_seconds=9.0,
    held_seconds=16.0,
    queued=500,
    tiny=800,
    kills=8,
)
SPANS = Spans() if FULL else SHORT
