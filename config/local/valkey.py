"""The embedded Valkey server: its configuration, and how to tell that it answers."""

from __future__ import annotations

import contextlib
import secrets
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

#: Inside the cluster's private directory. Only the server itself can answer there, so it is asked there.
SOCKET = "valkey.sock"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class ValkeyAddress:
    """Where an embedded server listens, and its password."""

    port: int
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """The server's URL, password included."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"


def new_address() -> ValkeyAddress:
    """A port that is free at this moment and a new random password of 32 bytes."""
    return ValkeyAddress(free_port(), secrets.token_urlsafe(32))


def free_port() -> int:
    """A port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def configuration(address: ValkeyAddress) -> str:
    """The server's configuration, for its standard input: neither argument lists nor the disk see the password."""
    return "\n".join(
        (
            f"bind {HOST}",
            f"port {address.port}",
            f"requirepass {address.password}",
            f"unixsocket {SOCKET}",
            "unixsocketperm 700",
            "protected-mode yes",
            # nothing outlives the cluster
            'save ""',
            "appendonly no",
            # a full server refuses writes; it never throws away a job
            "maxmemory-policy noeviction",
            "daemonize no",
            "loglevel notice",
            "",
        )
    )


def answers(password: str, *, port: int | None = None, timeout_seconds: float = 1.0) -> bool:
    """Whether an embedded server accepts its password and answers.

    Args:
        password: the server's password.
        port: where to ask; without it the socket in the working directory is asked.
        timeout_seconds: how long to wait.
    """
    unix = port is None
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as connection:
        connection.settimeout(timeout_seconds)
        with contextlib.suppress(OSError):
            connection.connect(SOCKET if unix else (HOST, port))
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            expected = b"+OK\r\n+PONG\r\n"
            reply = b""
            while len(reply) < len(expected) and (part := connection.recv(64)):
                reply += part
            return reply == expected
    return False


def url_answers(url: str) -> bool:
    """Whether the server of a `ValkeyAddress.url` answers."""
    parts = urlsplit(url)
    return answers(parts.password or "", port=parts.port)
