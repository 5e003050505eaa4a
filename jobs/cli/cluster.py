"""The cluster that is there already: commands on stored jobs have no use for one that would end with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...config.local.shared import SharedCluster, resolve_settings
from ...config.settings import Settings
from .failures import InputError

if TYPE_CHECKING:
    from ..aerjob import AerJob
    from ..aerjobset import AerJobSet
    from ..provider import AerqProvider


class _NoCluster(SharedCluster):
    """Stands where other processes would start a cluster of their own."""

    def settings(self, wished: Settings) -> Settings:
        """Refuses to start one."""
        raise InputError(
            "no broker is set and no `aerq up` runs; set AERQ_BROKER_URL, or start a cluster with `aerq up`"
        )


def running_settings() -> Settings:
    """The settings of the broker that is set, or of the running `aerq up`.

    Raises:
        InputError: if there is neither.
    """
    return resolve_settings(None, shared=_NoCluster())


def connect() -> AerqProvider:
    """The provider of the cluster that is there.

    Raises:
        InputError: if there is none.
    """
    settings = running_settings()
    from ..provider import AerqProvider

    return AerqProvider(settings)


def find_job(job_id: str) -> AerJob | AerJobSet:
    """The handle of a stored job, or of one task of it.

    Raises:
        InputError: if there is no such job, or it cannot be read.
        UnavailableError: if the store does not answer.
    """
    if not job_id.strip():
        raise InputError("the id of the job is empty; `aerq jobs` lists those that are stored")
    provider = connect()
    from ..errors import JobError, NoSuchJobError

    try:
        return provider.job(job_id)
    except NoSuchJobError as error:
        raise InputError(
            f"{error}; `aerq jobs` lists those that are stored, and results expire (AERQ_RESULT_TTL_SECONDS)"
        ) from error
    except JobError as error:
        raise InputError(str(error)) from error
