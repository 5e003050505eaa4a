"""The URLs of broker and store: which are accepted, what they are called inside, and how they are shown."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

_BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "amqp", "amqps")
_STORE_SCHEMES = ("redis", "rediss", "unix")
#: Valkey speaks Redis's protocol, and kombu and redis-py know it by Redis's name.
_REDIS_NAME = {"valkey": "redis", "valkeys": "rediss", "valkey+socket": "redis+socket", "valkey+unix": "unix"}
#: redis-py also takes a password as a parameter of the URL.
_SECRET_PARAMETER = re.compile(r"([?&;][^=&;]*(?:pass|secret|token)[^=&;]*=)[^&;]*", re.IGNORECASE)


def masked(url: str) -> str:
    """A URL as it may be shown: its password is three stars.

    It rather hides too much than too little: of a malformed URL, everything before its last `@` is hidden,
    and so is a lone name there, because people put tokens in its place.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "***" if "@" in url else url
    secret, at, place = rest.rpartition("@")
    if at:
        name, colon, _ = secret.partition(":")
        rest = f"{name}:***@{place}" if colon and not re.search(r"[/?#]", name) else f"***@{place}"
    return _SECRET_PARAMETER.sub(r"\1***", f"{scheme}://{rest}")


def broker_url(url: str) -> str:
    """Checks a broker's URL and returns it as kombu knows it.

    Raises:
        ValueError: if it cannot be one; the text follows "the setting ..." and does not hold the URL.
    """
    return _checked(url, _BROKER_SCHEMES, "redis, rediss, redis+socket, valkey, valkeys, amqp or amqps")


def store_url(url: str) -> str:
    """Checks a store's URL and returns it as redis-py knows it.

    Raises:
        ValueError: if it cannot be one; the text follows "the setting ..." and does not hold the URL.
    """
    return _checked(url, _STORE_SCHEMES, "redis, rediss, valkey, valkeys or unix")


def store_url_of_broker(url: str) -> str | None:
    """The store's URL on the same server as a broker, or None if that is no Redis or Valkey."""
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss"):
        return url
    if parts.scheme == "redis+socket":
        # the same server in redis-py's words
        database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
        return f"unix://{parts.netloc}{parts.path}?db={database}"
    return None


def has_password(url: str | None) -> bool:
    """Whether a URL carries a password."""
    return bool(urlsplit(url or "").password or _SECRET_PARAMETER.search(url or ""))


def is_rabbitmq(url: str | None) -> bool:
    """Whether a broker's URL names a RabbitMQ server."""
    return (url or "").startswith(("amqp://", "amqps://"))


def _checked(url: str, schemes: tuple[str, ...], names: str) -> str:
    scheme, separator, rest = url.strip().partition("://")
    scheme = _REDIS_NAME.get(scheme.lower(), scheme.lower())
    if not separator or scheme not in schemes:
        raise ValueError(f"must be a URL that starts with one of {names}, and ://")
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        sound = parts.port != 0 and not re.search(r"[#\s]", rest) and "@" not in parts.path
    except ValueError:  # of urlsplit and of .port
        sound = False
    if not sound:
        raise ValueError(
            "is no valid URL: its port must be a number from 1 to 65535, and the characters / ? # @ : "
            "of a user name or password must be percent-encoded"
        )
    if scheme in ("unix", "redis+socket"):
        if len(parts.path) < 2 or parts.hostname:
            raise ValueError("must name a socket by its absolute path, such as unix:///run/valkey.sock")
    elif not parts.hostname:
        raise ValueError("names no host")
    elif scheme in ("redis", "rediss") and not re.fullmatch(r"(/\d*)?", parts.path):
        raise ValueError("must end in the number of a database, such as /0, or in the port")
    return f"{scheme}://{rest}"
