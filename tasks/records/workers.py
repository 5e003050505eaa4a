"""What workers say of themselves: who is there, with how many slots, how much memory, in which versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgpack

from ...config.settings import Settings
from ...config.store import store_errors
from . import keys
from .store import Records

#: A worker that has been silent for this many heartbeats is gone.
SILENT_HEARTBEATS = 4


@dataclass(frozen=True)
class WorkerRecord:
    """One worker.

    Attributes:
        name: its Celery node name.
        slots: how many tasks it runs at a time.
        threads: threads of each slot's kernel.
        memory_mb: MiB of each slot's kernel.
        queue: the queue it reads.
        versions: of Python and the packages.
        clock: the host's time when this was written, in seconds since the epoch.
        written: the store's time when this was written.
    """

    name: str
    slots: int
    threads: int
    memory_mb: int
    queue: str
    versions: Mapping[str, str]
    clock: float
    written: float = 0.0


def announce_worker(records: Records, settings: Settings, worker: WorkerRecord) -> None:
    """Says that a worker is alive, for the next few heartbeats."""
    written = records.ping()
    lifetime = max(1, int(SILENT_HEARTBEATS * settings.heartbeat_seconds))
    values = {**asdict(worker), "versions": dict(worker.versions), "written": written}
    with store_errors(settings):
        pipe = records.client.pipeline(transaction=True)
        pipe.set(keys.worker(worker.name), msgpack.packb(values), ex=lifetime)
        pipe.zadd(keys.WORKERS, {worker.name: written})
        pipe.zremrangebyscore(keys.WORKERS, "-inf", written - 100 * lifetime)
        pipe.execute()


def withdraw_worker(records: Records, settings: Settings, name: str) -> None:
    """Says that a worker has ended."""
    with store_errors(settings):
        pipe = records.client.pipeline(transaction=True)
        pipe.delete(keys.worker(name))
        pipe.zrem(keys.WORKERS, name)
        pipe.execute()


def live_workers(records: Records, settings: Settings) -> list[WorkerRecord]:
    """The workers that are alive, by name."""
    with store_errors(settings):
        names = [name.decode() for name in records.client.zrange(keys.WORKERS, 0, -1)]
        rows = records.client.mget([keys.worker(name) for name in names]) if names else []
    return sorted((_worker(row) for row in rows if row is not None), key=lambda worker: worker.name)


def _worker(data: bytes) -> WorkerRecord:
    values: dict[str, Any] = msgpack.unpackb(data)
    # A newer worker may say more of itself than this version knows.
    known = {name: values[name] for name in WorkerRecord.__dataclass_fields__ if name in values}
    return WorkerRecord(**known)
