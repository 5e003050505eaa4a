"""The worker's application with the phases of its slots timed; for `benchmarks/profile_phases.py`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import phases
from celery import signals
from qiskit_aer import AerSimulator

from aerq.config import Settings
from aerq.tasks.celery import worker_app

app = worker_app(Settings.from_environment())


class _Controller:
    """Aer's controller, with its C++ timed."""

    def __init__(self, controller: Any, clock: phases.Clock) -> None:
        self._controller = controller
        self.execute = clock.timed("execute", controller.execute)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._controller, name)


@signals.worker_process_init.connect(weak=False)
def _install(**_: Any) -> None:
    file = Path(os.environ[phases.FOLDER_VARIABLE]) / f"{os.getpid()}.slot"
    clock = phases.install((*phases.SLOT, ("execute", "phases", "slot_files")), file)
    init = AerSimulator.__init__

    def timed_init(self: AerSimulator, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._controller = _Controller(self._controller, clock)

    AerSimulator.__init__ = timed_init
