"""The application that `celery -A aerq.tasks worker` and `celery -A aerq.tasks flower` load."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from celery import Celery, signals

from ..config.celery import create_app
from ..config.queues import RUN_BASIC, RUN_EXPERIMENTS
from ..config.settings import Settings
from .basickernel import BasicKernel
from .experiments import register
from .kernel import AerKernel, KernelLimits
from .worker.cancel import install_cancel_command
from .worker.deliveries import Deliveries
from .worker.limits import kernel_limits, usable_cores
from .worker.slots import prepare_slot, refuse_other_pools
from .worker.steps import Keeping, Ready, SlotCount


def worker_app(settings: Settings) -> Celery:
    """Makes the application of a worker: with its tasks, its control command and its steps.

    Args:
        settings: broker, store, queue and limits.

    Raises:
        SettingsError: if no broker or no store is configured.
    """
    app = create_app(settings)

    # Celery's own default is a slot for each core of the machine, whatever this process may use of them.
    app.conf.worker_concurrency = usable_cores()
    limits: list[KernelLimits] = []

    def prepare(**_: Any) -> None:
        share = kernel_limits(settings, int(app.aerq_slots))
        limits[:] = [replace(share, confined=prepare_slot(share))]

    def limit() -> KernelLimits:
        return limits[0] if limits else kernel_limits(settings, 1)

    kernels = {RUN_EXPERIMENTS: lambda: AerKernel(limit()).run, RUN_BASIC: lambda: BasicKernel(limit()).run}
    register(app, settings, kernels)
    install_cancel_command()
    app.steps["worker"].update((SlotCount, Keeping))
    app.steps["consumer"].update((Ready, Deliveries))
    signals.worker_init.connect(refuse_other_pools, weak=False)
    signals.worker_process_init.connect(prepare, weak=False)
    return app


def __getattr__(name: str) -> Celery:
    """Makes the application when Celery's command line asks for it, and not when somebody imports this module."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = worker_app(Settings.from_environment())
    globals()["app"] = app
    return app
