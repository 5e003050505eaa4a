"""The raw outputs of ended tasks, fetched in bulk."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..config.errors import AerqError
from ..config.settings import Settings
from ..tasks.records.bulk import read_results
from ..tasks.records.large import read_large
from ..tasks.records.store import Completion, Records
from ..tasks.wire.errors import DecodingError
from ..tasks.wire.results import decode_output
from .errors import JobError

_MEBIBYTE = 1024 * 1024
#: How much of the encoded results is held at a time, beside the one that is decoded.
_MOST_BYTES = 32 * _MEBIBYTE


class ResultGoneError(JobError):
    """The store does not have the result of a task that ended with one."""


class Outputs:
    """The raw outputs of one job's tasks; some are fetched while others still run.

    Args:
        fetch: fetches and decodes the outputs of tasks that ended with a result.
    """

    def __init__(self, fetch: Callable[[Mapping[int, Completion]], dict[int, Any]]) -> None:
        self._fetch = fetch
        #: With the end that brought each: a store that has lost its last writes may tell of another one later.
        self._ahead: dict[int, tuple[Completion, Any]] = {}

    def fetch_ahead(self, completions: Mapping[int, Completion]) -> None:
        """Fetches outputs that are wanted later. What goes wrong is told when they are."""
        wanted = {index: completion for index, completion in completions.items() if index not in self._ahead}
        if wanted:
            with contextlib.suppress(AerqError):
                self._ahead.update({index: (wanted[index], output) for index, output in self._fetch(wanted).items()})

    def take(self, completions: Mapping[int, Completion]) -> dict[int, Any]:
        """The outputs of tasks, in the order of these; they are held here no longer.

        Raises:
            ResultGoneError: if a result has expired, or the store has lost it.
            JobError: if one cannot be read.
            UnavailableError: if the store does not answer.
        """
        # Another thread may take the same ones.
        found = {index: held for index in completions if (held := self._ahead.get(index)) is not None}
        ahead = {index: output for index, (completion, output) in found.items() if completion == completions[index]}
        missing = {index: completion for index, completion in completions.items() if index not in ahead}
        fetched = self._fetch(missing) if missing else {}
        for index in found:
            self._ahead.pop(index, None)
        return {index: ahead[index] if index in ahead else fetched[index] for index in completions}


def fetch_outputs(
    records: Records, settings: Settings, job_id: str, completions: Mapping[int, Completion]
) -> dict[int, dict[str, Any]]:
    """Fetches and decodes the raw outputs of ended tasks, in bulk.

    Args:
        records: the job records.
        settings: say how large a result may be.
        job_id: the job.
        completions: the tasks that ended with a result.

    Returns:
        Aer's raw output by task.

    Raises:
        ResultGoneError: if a result has expired, or the store has lost it.
        JobError: if one cannot be read.
    """
    limit = settings.max_result_mb * _MEBIBYTE
    outputs: dict[int, dict[str, Any]] = {}
    for index, data in _read(records, settings, job_id, completions):
        if data is None:
            raise ResultGoneError(
                f"the result of task {index} of job {job_id} is no longer in the store; it expired "
                "(AERQ_RESULT_TTL_SECONDS) or was deleted, so the job has to run again"
            )
        try:
            outputs[index] = decode_output(data, limit=limit)
        except DecodingError as error:
            raise JobError(f"the result of task {index} of job {job_id} cannot be read: {error}") from error
    return outputs


def _read(
    records: Records, settings: Settings, job_id: str, completions: Mapping[int, Completion]
) -> Iterator[tuple[int, bytes | bytearray | memoryview | None]]:
    """The stored results in order: those of one part many at a time, the larger ones one by one."""
    for is_large, some in itertools.groupby(completions.items(), key=lambda item: item[1].parts > 1):
        if is_large:
            for index, completion in some:
                yield index, read_large(records, settings, job_id, index, completion)
        else:
            yield from read_results(records, job_id, dict(some), _MOST_BYTES)
