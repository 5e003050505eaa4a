"""The environment variables in the commands' help, so that each says the same words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

#: For commands on a cluster that is there already.
STORED_JOBS = """\b
Environment:
  AERQ_BROKER_URL               the broker, e.g. redis://:PASSWORD@HOST:6379/0
  AERQ_STORE_URL                the store, where it is another server
  AERQ_CONNECT_TIMEOUT_SECONDS  how long to wait for them (5)
Without AERQ_BROKER_URL a running `aerq up` is used; without that it is refused.
"""

#: What a worker does not look at.
_PRODUCERS = frozenset({"flower_port"})
#: The width of click's help.
_WIDTH = 78


def settings_help(leave_out: Iterable[str] = _PRODUCERS) -> str:
    """All settings with their descriptions and defaults, as the end of a command's help."""
    from ...config.settings import Settings, variable  # not for those who ask for STORED_JOBS alone

    lines = ["\b", "Environment:"]
    for name, field in Settings.model_fields.items():
        if name in leave_out:
            continue
        default = "" if field.default is None else f" ({field.default})"
        lines.append(f"  {variable(name)}")
        text = f"{(field.description or '').rstrip('.')}{default}"
        lines += textwrap.wrap(text, _WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(lines)
