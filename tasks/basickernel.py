"""The kernel of `basic_simulator`: runs a Qobj with Qiskit's `BasicSimulator` and returns its result as plain data.

`BasicSimulator` draws the outcomes of all circuits of a `run()` from one stream of random numbers, so what was
submitted together runs together, in order and in one task.
"""

from __future__ import annotations

from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers.basic_provider import BasicSimulator

from ..config.errors import AerqError
from .kernel import KernelLimits
from .qobj import Qobj

_MEBIBYTE = 1024 * 1024
#: Bytes for each amplitude while a gate is applied or outcomes are drawn: the state, the next one, and probabilities.
_BYTES_PER_AMPLITUDE = 48


class BasicMemoryError(AerqError):
    """A circuit needs more memory than its slot has."""


class BasicKernel:
    """`BasicSimulator` in this process.

    Args:
        limits: what it may use; it has one thread whatever they say.
    """

    def __init__(self, limits: KernelLimits | None = None) -> None:
        self._limits = limits or KernelLimits()

    def run(self, qobj: Qobj, job_id: str | None = None) -> dict[str, Any]:
        """Runs the circuits of a Qobj.

        Args:
            qobj: the circuits and how to run them.
            job_id: the id to write into the output; the Qobj's own if None.

        Returns:
            The result as `qiskit.result.Result.from_dict` takes it, without the circuits' metadata.

        Raises:
            BasicProviderError: if `BasicSimulator` refuses it.
            BasicMemoryError: if a circuit needs more memory than the limits allow.
        """
        backend, config = BasicSimulator(), qobj.config
        circuits = [experiment.quantum_circuit for experiment in qobj.experiments]
        for circuit in circuits:
            self._check_memory(circuit, clifford=bool(config.options.get("use_clifford_optimization")))
        job = backend.run(circuits, shots=config.shots, seed_simulator=config.seed_simulator, **config.options)
        output: dict[str, Any] = job.result().to_dict()
        output["job_id"] = job_id or qobj.qobj_id
        output["backend_name"] = qobj.header.backend_name
        output["backend_version"] = qobj.header.backend_version
        for result in output["results"]:
            result.pop("meas_level", None)  # Qiskit's own default, in a class that does not travel
            result["header"]["metadata"] = {}
        return output

    def _check_memory(self, circuit: QuantumCircuit, *, clifford: bool) -> None:
        limit = self._limits.memory_mb
        needed = (_BYTES_PER_AMPLITUDE << circuit.num_qubits) // _MEBIBYTE
        if limit is None or needed <= limit or (clifford and is_clifford(circuit)):
            return
        raise BasicMemoryError(
            f"insufficient memory to run circuit {circuit.name!r} on basic_simulator: {circuit.num_qubits} qubits need "
            f"{needed} MiB and the slot has {limit}; use aer_simulator or a worker with more memory per slot"
        )


def is_clifford(circuit: QuantumCircuit) -> bool:
    """Whether `BasicSimulator` takes a circuit for a Clifford circuit, which needs no statevector."""
    return BasicSimulator()._is_clifford_circuit(circuit) is not None


def run_basic_qobj(qobj: Qobj, job_id: str) -> dict[str, Any]:
    """Runs a Qobj in this process, without limits: what a user's own executor is given to run."""
    return BasicKernel().run(qobj, job_id)
