"""Reads of many records, or of many results, in few round trips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgpack

from ...config.settings import Settings
from ...config.store import store_errors
from ..message import parse_task_id, task_id
from ..wire.errors import DecodingError
from ..wire.results import join_parts
from . import keys
from .completions import Completion, result_keys
from .states import TaskRecord, TaskState
from .store import Records


def read_records(
    records: Records, settings: Settings, job_ids: Sequence[str]
) -> list[tuple[bytes | None, bytes | None]]:
    """The packed record and the sealed metadata of several jobs, in one round trip; None for what is not there."""
    with store_errors(settings):
        pipe = records.client.pipeline(transaction=False)
        for job_id in job_ids:
            pipe.hmget(keys.job(job_id), ["record", "metadata"])
        return [(record, metadata) for record, metadata in pipe.execute()]


def read_states(records: Records, settings: Settings, job_id: str) -> dict[int, TaskState]:
    """Where the tasks of a job stand, without what else is known of them; those that nobody has touched are left out.

    Raises:
        DecodingError: if a record cannot be read.
    """
    with store_errors(settings):
        found = records.client.hgetall(keys.tasks(job_id))
    try:
        return {int(index): _STATES[msgpack.unpackb(data)[0]] for index, data in found.items()}
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise DecodingError("the record of a task cannot be read; it was written by another version of aerq") from error


def read_tasks(records: Records, task_ids: Iterable[str]) -> dict[str, TaskRecord]:
    """What is known of tasks of any jobs, by their ids; ids that are none of ours are left out."""
    by_job: dict[str, list[int]] = {}
    for place in filter(None, map(parse_task_id, task_ids)):
        by_job.setdefault(place[0], []).append(place[1])
    return {
        task_id(job_id, index): task
        for job_id, indexes in by_job.items()
        for index, task in records.tasks(job_id, indexes).items()
    }


#: Values asked for in one read: enough to hide the round trip.
_READ = 500
_STATES = {state.value: state for state in TaskState}


def read_results(
    records: Records, job_id: str, completions: Mapping[int, Completion], most_bytes: int
) -> Iterator[tuple[int, bytes | bytearray | memoryview | None]]:
    """Reads the results of ended tasks, in order.

    Args:
        records: the job records.
        job_id: the job.
        completions: how each wanted task ended.
        most_bytes: about how much is held at a time, beside the one result that is handed out.

    Yields:
        Each task and the bytes of its result; None for one that has expired.
    """
    wanted = list(result_keys(job_id, completions))
    pieces: list[bytes | None] = []
    position = 0
    while position < len(wanted):
        some = wanted[position : position + _READ]
        values: list[bytes | None] = records.call("collect", [key for _, key in some], [most_bytes])
        position += len(values)
        for (index, _), value in zip(some, values, strict=False):
            pieces.append(value)
            if len(pieces) == completions[index].parts:
                whole = [piece for piece in pieces if piece is not None]
                yield index, join_parts(whole) if len(whole) == len(pieces) else None
                pieces = []
        values.clear()
