"""What workers say of themselves: who is there, with how many slots, how much memory, in which versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
        instance: the name and what tells this start of it from its next one.
        slots: how many tasks it runs at a time.
        threads: threads of each slot's kernel.
        memory_mb: MiB of each slot's kernel.
        queue: the queue of its settings; long tasks have one beside it.
        versions: of Python and the packages.
        clock: the host's time when this was written, in seconds since the epoch.
        written: the store's time when this was written.
        reads: the queues it takes messages from; empty if it does not say.
        allocator: where it takes memory from (`config/allocator.py`); empty if it does not say.
    """

    name: str
    instance: str
    slots: int
    threads: int
    memory_mb: int
    queue: str
    versions: Mapping[str, str]
    clock: float
    written: float = 0.0
    reads: tuple[str, ...] = ()
    allocator: str = ""


@dataclass(frozen=True)
class Beat:
    """What the store says at a heartbeat: its time, whether this instance reconciles, and the ids of what it holds."""

    time: float
    leads: bool
    held: frozenset[str]


def lifetime_seconds(settings: Settings) -> float:
    """How long an instance of a worker counts as alive after a heartbeat, by the store's clock."""
    return max(1.0, SILENT_HEARTBEATS * settings.heartbeat_seconds)


def announce_worker(records: Records, settings: Settings, worker: WorkerRecord, *, able: bool = True) -> Beat:
    """Says that an instance of a worker is alive, for the next few heartbeats.

    Args:
        records: the job records.
        settings: how long a heartbeat counts, and the queue.
        worker: what it says of itself.
        able: whether it is able to reconcile; one that is not leaves that to others.
    """
    values = {**asdict(worker), "versions": dict(worker.versions)}
    arguments = [worker.instance, msgpack.packb(values), int(1000 * lifetime_seconds(settings)), int(able)]
    time, leads, held = records.call("beat", _keys(settings, worker.instance), arguments)
    return Beat(float(time), bool(leads), frozenset(task_id.decode() for task_id in held))


def withdraw_worker(records: Records, settings: Settings, instance: str) -> None:
    """Says that an instance of a worker has ended."""
    records.call("leave", _keys(settings, instance), [instance])


def held_tasks(records: Records, settings: Settings, instance: str) -> set[str]:
    """The ids of what an instance of a worker holds."""
    with store_errors(settings):
        return {task_id.decode() for task_id in records.client.smembers(keys.held(instance))}


def silent_workers(records: Records, settings: Settings) -> set[str]:
    """The listed instances of workers that do not count as alive at this moment."""
    with store_errors(settings):
        instances = [name.decode() for name in records.client.zrange(keys.WORKERS, 0, -1)]
        rows = records.client.mget([keys.worker(instance) for instance in instances]) if instances else []
    return {instance for instance, row in zip(instances, rows, strict=True) if row is None}


def list_again(records: Records, settings: Settings, running: Mapping[str, Collection[str]]) -> set[str]:
    """Lists what runs with instances of which nothing is known, so that they are found dead.

    Args:
        records: the job records.
        settings: where the store is.
        running: the ids of tasks that run by their records, by instance.

    Returns:
        The instances that have no record; what lives has one soon.
    """
    instances = list(running)
    with store_errors(settings):
        rows = records.client.mget([keys.worker(instance) for instance in instances]) if instances else []
        unknown = {instance for instance, row in zip(instances, rows, strict=True) if row is None}
        for instance in unknown:
            records.client.sadd(keys.held(instance), *running[instance])
            records.client.zadd(keys.WORKERS, {instance: 0.0}, nx=True)
    return unknown


def live_workers(records: Records, settings: Settings) -> list[WorkerRecord]:
    """The workers that are alive, by name."""
    with store_errors(settings):
        listed = records.client.zrange(keys.WORKERS, 0, -1, withscores=True)
        rows = records.client.mget([keys.worker(name.decode()) for name, _ in listed]) if listed else []
    alive = [_worker(row, written) for row, (_, written) in zip(rows, listed, strict=True) if row is not None]
    return sorted(alive, key=lambda worker: (worker.name, worker.instance))


def _keys(settings: Settings, instance: str) -> list[str]:
    return [keys.worker(instance), keys.WORKERS, keys.held(instance), keys.reconciler(settings.queue)]


def _worker(data: bytes, written: float) -> WorkerRecord:
    values: dict[str, Any] = {**msgpack.unpackb(data), "written": written}
    # A newer worker may say more of itself than this version knows.
    known = {name: values[name] for name in WorkerRecord.__dataclass_fields__ if name in values}
    return WorkerRecord(**{**known, "reads": tuple(known.get("reads", ()))})
