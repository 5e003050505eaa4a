"""The backend that `aerq run` transpiles for, and the one it runs on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ...config.settings import Settings

#: The seed of the device behind `--noise-from-device`, so that N names the same device everywhere.
DEVICE_SEED = 42
#: Aer's methods that give counts on a CPU.
METHODS = (
    "automatic",
    "statevector",
    "density_matrix",
    "stabilizer",
    "extended_stabilizer",
    "matrix_product_state",
)
#: The qubits that Aer's methods can address on any machine; the stabilizer method has its own, larger limit.
_WIDEST_ANYWHERE = 63


@dataclass(frozen=True)
class BackendChoice:
    """What the user asked of the backend.

    Attributes:
        method: Aer's simulation method, or None for Aer's own choice.
        device_qubits: the qubits of the device whose noise is simulated, or None for no noise.
        workers: the slots of a cluster for this run only, or None for the user's broker.
    """

    method: str | None = None
    device_qubits: int | None = None
    workers: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of the backend, of any class."""
        return {} if self.method is None else {"method": self.method}

    def device(self) -> Any:
        """The device whose noise is simulated: the same for everybody who names the same number of qubits."""
        from qiskit.providers.fake_provider import GenericBackendV2

        return GenericBackendV2(self.device_qubits, seed=DEVICE_SEED, control_flow=True)

    def target(self, width: int) -> Any:
        """Aer's own simulator, to transpile for; it says what the workers' says and nobody has to be asked.

        Args:
            width: the qubits of the widest circuit. Aer's simulator is as wide as this machine's memory allows, and
                the workers may have more. With a device the width is the device's.
        """
        from qiskit_aer import AerSimulator

        if self.device_qubits is None:
            return AerSimulator(n_qubits=width, **self.options)
        return AerSimulator.from_backend(self.device(), **self.options)

    def widest(self) -> int:
        """The qubits that a slot may hold, as far as that can be known before there is one."""
        from qiskit_aer import AerSimulator

        from ...config import LocalCluster
        from ...config.local.discovery import find_running
        from ...config.settings import Settings
        from ...tasks.worker.limits import kernel_limits
        from ..memory import qubits_in

        settings = Settings()
        here = int(AerSimulator(**self.options).num_qubits)
        if self.workers is None and (settings.broker_url is not None or find_running() is not None):
            return max(here, _WIDEST_ANYWHERE)
        limits = kernel_limits(settings, LocalCluster(self.workers).workers)
        fits = None if limits.memory_mb is None else qubits_in(limits.memory_mb, self.method)
        return here if fits is None else min(here, fits)

    def holds(self, backend: Any) -> int:
        """The qubits that a slot of a backend may hold; while no worker is up, what any machine may."""
        from .. import AerqSimulator

        unknown = isinstance(backend, AerqSimulator) and not backend.workers()
        return max(backend.num_qubits, _WIDEST_ANYWHERE) if unknown else int(backend.num_qubits)

    @contextlib.contextmanager
    def connect(self, target: Any) -> Iterator[Any]:
        """The backend to run on, on a cluster for this run only if the user asked for one.

        Args:
            target: what `target()` gave; its noise model is used again, because a large device's takes seconds.
        """
        with contextlib.ExitStack() as stack:
            settings: Settings | None = None
            if self.workers is not None:
                from ...config import LocalCluster

                settings = stack.enter_context(LocalCluster(workers=self.workers)).settings
            backend = self._backend(target, settings)
            if not backend.workers():
                click.echo("aerq: no worker is up, so the job waits for one; `aerq worker` starts one", err=True)
            yield backend

    def _backend(self, target: Any, settings: Settings | None) -> Any:
        """The workers' backend with the same device and noise as the target."""
        from .. import AerqSimulator

        if self.device_qubits is None:
            return AerqSimulator(settings=settings, **self.options)
        noise = target.options.noise_model
        return AerqSimulator.from_backend(self.device(), noise_model=noise, settings=settings, **self.options)
