"""The two ways in which the wire says no."""

from ...config.errors import AerqError


class WireError(AerqError):
    """The root of the errors of encoding and decoding."""


class EncodingError(WireError, ValueError):
    """Something cannot travel to a worker unchanged, so it is refused before anything is sent."""


class DecodingError(WireError, ValueError):
    """Bytes that arrived are not what their digest, version or limits say, so they are not read."""
