"""The errors of jobs: AerqErrors that are also what Qiskit's and `concurrent.futures`' users catch.

    JobError                 (qiskit.providers.JobError)
    ├── JobTimeoutError      (qiskit.providers.JobTimeoutError, TimeoutError)
    ├── QobjValidationError  (ValueError)
    ├── JobCancelledError    (concurrent.futures.CancelledError)
    ├── AlreadySubmittedError (RuntimeError)
    └── NoSuchJobError

`str()` of each is its sentence (Qiskit's own errors print a `repr`), and so is `message`, as in Qiskit.
"""

import concurrent.futures

import qiskit.providers

from ..config.errors import AerqError


class JobError(AerqError, qiskit.providers.JobError):  # type: ignore[misc]  # Qiskit ships no types
    """A job, or a part of it, could not be run, found or read."""


class JobTimeoutError(JobError, qiskit.providers.JobTimeoutError, TimeoutError):  # type: ignore[misc]
    """A job did not end in the time that the caller gave it; the job itself runs on."""


class QobjValidationError(JobError, ValueError):
    """What was given to `run()` cannot run, so it was refused before anything was sent."""


class JobCancelledError(JobError, concurrent.futures.CancelledError):
    """A result was asked of a job that was cancelled before it ended."""


class NoSuchJobError(JobError):
    """No job has this id: it was never submitted, was deleted, or its results have expired."""


class AlreadySubmittedError(JobError, RuntimeError):
    """A job was submitted a second time (the seed page's `RuntimeError`)."""
