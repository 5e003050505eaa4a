"""The ends of tasks, in the order in which they happened, and the results that they brought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgpack

from ...config.store import BLOCK_SECONDS, store_errors
from ..wire.errors import DecodingError
from ..wire.results import join_parts
from . import keys
from .scripts import Scripts
from .states import TaskRecord, TaskState

#: Completions in one read.
MOST_COMPLETIONS = 2000


@dataclass(frozen=True)
class Completion:
    """The end of one task: its index, its state, the run that brought it if any, and the parts of its result."""

    index: int
    state: TaskState
    run: str
    parts: int


class Completions(Scripts):
    """The part of the records that producers wait for."""

    def completions(self, job_id: str, cursor: str, timeout: float | None) -> tuple[str, list[Completion]]:
        """Reads the completions after a cursor, waiting for the first one.

        Args:
            job_id: the job.
            cursor: where the last read ended; `"0"` reads from the beginning.
            timeout: seconds to wait, at most `BLOCK_SECONDS` at once; None or 0 does not wait.

        Returns:
            The new cursor and the completions, in the order in which they happened; none if the time ran out.

        Raises:
            DecodingError: if one cannot be read.
        """
        block = None if not timeout else max(1, int(min(timeout, BLOCK_SECONDS) * 1000))
        with store_errors(self._settings):
            found = self._client.xread({keys.completions(job_id): cursor}, count=MOST_COMPLETIONS, block=block)
        if not found:
            return cursor, []
        entries = found[0][1]
        return entries[-1][0].decode(), [_completion(fields) for _, fields in entries]

    def results(self, job_id: str, completions: Mapping[int, Completion]) -> dict[int, bytes | bytearray | memoryview]:
        """Fetches stored results.

        Args:
            job_id: the job.
            completions: how each wanted task ended.

        Returns:
            The bytes by task; a task whose result has expired is left out.
        """
        wanted = list(result_keys(job_id, completions))
        found: dict[int, list[bytes]] = {}
        with store_errors(self._settings):
            values = self._client.mget([key for _, key in wanted]) if wanted else []
        for (index, _), data in zip(wanted, values, strict=True):
            if data is not None:
                found.setdefault(index, []).append(data)
        return {index: join_parts(pieces) for index, pieces in found.items() if len(pieces) == completions[index].parts}


def result_keys(job_id: str, ended: Mapping[int, Completion] | Mapping[int, TaskRecord]) -> Iterator[tuple[int, str]]:
    """The tasks and keys of all parts of results: they are stored under the runs that brought the ends."""
    for index, end in ended.items():
        for part in range(end.parts):
            yield index, keys.result(job_id, index, end.run, part)


def _completion(fields: Mapping[bytes, bytes]) -> Completion:
    """Reads an end as `lua/common.lua` has packed it.

    Raises:
        DecodingError: if it is not one.
    """
    try:
        index, state, run, parts = msgpack.unpackb(fields[b"end"])
        return Completion(int(index), TaskState(state), str(run), int(parts))
    except (KeyError, ValueError, TypeError, msgpack.UnpackException) as error:
        raise DecodingError("the end of a task cannot be read; it was written by another version of aerq") from error
