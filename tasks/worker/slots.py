"""What a slot's process does before its first task."""

from __future__ import annotations

from typing import Any

from billiard.process import current_process

from ...config.local.processes import die_with_parent


def prepare_slot(**_: Any) -> None:
    """Runs in each new slot: it ends when its parent does, so that no kernel computes for nobody."""
    die_with_parent(parent=current_process()._parent_pid)
