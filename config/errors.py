"""The root of the error tree, and the errors of configuration and connections.

AerqError
├── SettingsError            (ValueError)       a setting is unknown or cannot be used
├── UnavailableError         (ConnectionError)  the broker or the store does not answer
├── ClusterError             (RuntimeError)     the embedded cluster did not start
├── WireError                                   in aerq.tasks.wire.errors
│   ├── EncodingError        (ValueError)       something cannot travel
│   └── DecodingError        (ValueError)       something that arrived cannot be trusted or read
└── JobError                 (Qiskit's)         in aerq.jobs.errors
"""


class AerqError(Exception):
    """The root of every error that aerq raises."""

    def __str__(self) -> str:
        """The sentence itself; Qiskit's errors would print its `repr`."""
        return " ".join(str(part) for part in self.args)


class SettingsError(AerqError, ValueError):
    """A setting is unknown, malformed or missing."""


class UnavailableError(AerqError, ConnectionError):
    """The broker or the store does not answer; this is never a state of a job."""


class ClusterError(AerqError, RuntimeError):
    """The embedded cluster did not start or has ended."""
