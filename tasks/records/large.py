"""Reading a result of many mebibytes, part by part."""

from __future__ import annotations

from ...config.settings import Settings
from ...config.store import store_errors
from . import keys
from .store import Completion, Records


def read_large(
    records: Records, settings: Settings, job_id: str, index: int, completion: Completion
) -> bytearray | None:
    """Reads one result that is stored in several parts.

    Each part is asked for by itself: a script in the store would copy it twice more, while nobody else is served, and
    all parts at once would be in the store's memory twice.

    Args:
        records: the job records.
        settings: where the store is.
        job_id: the job.
        index: the task's number in it.
        completion: how the task ended.

    Returns:
        The result, in memory that can be written to; None if it has expired.
    """
    whole = bytearray()
    for part in range(completion.parts):
        with store_errors(settings):
            value: bytearray | bytes | None = records.client.get(keys.result(job_id, index, completion.run, part))
        if value is None:
            return None
        if not part and isinstance(value, bytearray):
            whole = value  # grows where it is
        else:
            whole += value
    return whole
