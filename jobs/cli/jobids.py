"""The id of a stored job on the command line, with completion by the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ...config.errors import AerqError

if TYPE_CHECKING:
    _ParamType = click.ParamType[str]
else:
    _ParamType = click.ParamType

#: So many of the newest jobs are offered.
_OFFERED = 50
#: Somebody waits for the answer to a key.
_PATIENCE_SECONDS = 1.0


class JobIdType(_ParamType):
    """A job's id, or `JOB_ID.NUMBER`; which there are is for the store to say."""

    name = "job id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The newest jobs that begin so, newest first; nothing where the store does not answer at once."""
        from ...tasks.records.store import Records
        from .cluster import running_settings

        try:
            records = Records(running_settings().evolve(connect_timeout_seconds=_PATIENCE_SECONDS))
            try:
                found = [job_id for job_id, _ in records.job_ids(True, None, None)]
            finally:
                records.close()
        except AerqError:
            return []
        return [CompletionItem(job_id) for job_id in found if job_id.startswith(incomplete)][:_OFFERED]


JOB_ID = JobIdType()
