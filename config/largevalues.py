"""Large values from the store, read into their own memory.

redis-py copies what it reads four times before it hands it out. For a result of many mebibytes that takes several
times as long as to receive it.
"""

from __future__ import annotations

import io
from typing import Any

import redis
from redis._parsers import _RESP2Parser
from redis._parsers.socket import SocketBuffer

#: Values from this many bytes on are read into their own memory; below it redis-py's reading ahead is better.
_LARGE = 256 * 1024
_END = b"\r\n"


class _Buffer(SocketBuffer):  # type: ignore[misc]  # redis-py's types are not read
    """redis-py's buffer of what was read ahead, which large values do not pass through."""

    def read(self, length: int, *args: Any, **kwargs: Any) -> Any:
        """Reads a value, and the end of the line behind it.

        Args:
            length: of the value, in bytes.
            *args: a timeout of its own in seconds, if it has one.
            **kwargs: the same by name.

        Returns:
            The value as `bytes`, a large one as a `bytearray`.

        Raises:
            redis.TimeoutError: if the rest does not come in time.
            redis.ConnectionError: if the connection was closed.
        """
        if length < _LARGE:
            return super().read(length, *args, **kwargs)
        if any(value is None or isinstance(value, (int, float)) for value in (*args, *kwargs.values())):
            return super().read(length, *args, **kwargs)
        value = bytearray(length + len(_END))
        with memoryview(value) as view:
            ahead = place = self._buffer.readinto(view)
            try:
                while place < len(view):
                    received = self._sock.recv_into(view[place:])
                    if not received:
                        raise redis.ConnectionError("Connection closed by server.")
                    place += received
            except BaseException as error:
                # Whoever reads this answer again must find all of it.
                self._buffer.seek(0, io.SEEK_END)
                self._buffer.write(view[ahead:place])
                if isinstance(error, TimeoutError):
                    raise redis.TimeoutError("Timeout reading from socket") from error
                raise
        del value[length:]
        return value


class LargeValueParser(_RESP2Parser):  # type: ignore[misc]
    """redis-py's parser, with a shorter way for large values."""

    def on_connect(self, connection: Any) -> None:
        """Takes over the connection's socket."""
        super().on_connect(connection)
        self._buffer = _Buffer(self._sock, self.socket_read_size, connection.socket_timeout)
