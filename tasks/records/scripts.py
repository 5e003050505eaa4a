"""The scripts in `lua/`: each one a change of the records that happens whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

import redis

from ...config.settings import Settings
from ...config.store import connect_store, store_errors
from . import keys

_SCRIPTS = ("create", "turn", "release", "fail", "cancel", "beat", "leave", "open", "collect")
#: Those that a full store runs all the same: they write little, and they are how it gets
#: room again, or how workers stay alive.
_RUN_WHEN_FULL = frozenset({"cancel", "release", "beat", "leave"})


class Scripts:
    """A connection to the store, and the scripts there; safe to share between threads.

    Args:
        settings: where the store is.

    Raises:
        UnavailableError: from every method, if the store does not answer.
        SettingsError: if no store is configured.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = connect_store(settings)
        folder = resources.files(__package__) / "lua"
        text = {name: (folder / f"{name}.lua").read_text() for name in ("common", *_SCRIPTS)}
        self._scripts = {
            name: self._client.register_script(
                ("#!lua flags=allow-oom\n" if name in _RUN_WHEN_FULL else "") + text["common"] + text[name]
            )
            for name in _SCRIPTS
        }

    @property
    def client(self) -> redis.Redis:
        """The connection to the store."""
        return self._client

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def ping(self) -> float:
        """Asks for the store's time.

        Returns:
            Seconds since the epoch by the store's clock.
        """
        with store_errors(self._settings):
            seconds, micros = self._client.time()
        return float(seconds) + float(micros) / 1e6

    def call(self, script: str, script_keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Calls one of the scripts in `lua/`."""
        with store_errors(self._settings):
            return self._scripts[script](keys=list(script_keys), args=list(arguments))

    def _call(self, script: str, job_id: str, arguments: list[Any], *more_keys: str) -> Any:
        own = [keys.job(job_id), keys.tasks(job_id), keys.completions(job_id)]
        return self.call(script, [*own, *more_keys], arguments)
