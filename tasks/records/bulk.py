"""Reads of many records, or of many results, in few round trips."""

from __future__ import annotations

from collections.abc import Sequence

from ...config.settings import Settings
from ...config.store import store_errors
from . import keys
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
