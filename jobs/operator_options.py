"""Aer's options that belong to whoever runs the workers, and what becomes of each.

None of them changes a result: they say how much of a machine a kernel takes, or which device it runs on.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import QobjValidationError


class Policy(enum.Enum):
    """What becomes of an operator's option that a user sets."""

    CAPPED = "capped"
    """It travels; where the worker's own limit is smaller, the worker's holds."""
    REFUSED = "refused"
    """It is refused at submit, unless its value asks for nothing."""


@dataclass(frozen=True)
class OperatorOption:
    """One option of the operator's.

    Attributes:
        policy: what becomes of it.
        reason: the end of the sentence with which it is refused, or why it is capped.
        harmless: values that ask for nothing and may pass.
    """

    policy: Policy
    reason: str
    harmless: tuple[Any, ...] = ()


_THREADS = OperatorOption(Policy.CAPPED, "each slot has its share of the machine's threads")
_MEMORY = OperatorOption(Policy.CAPPED, "each slot has its share of the machine's memory")
_NO_GPU = "the workers simulate on CPUs, so it would be ignored"
_CHUNKS = "it spreads one state over the devices or MPI processes of one machine, and a slot is one process"

#: By name; shown in the documentation.
OPERATOR_OPTIONS: Mapping[str, OperatorOption] = {
    "max_parallel_threads": _THREADS,
    "max_parallel_experiments": _THREADS,
    "max_parallel_shots": _THREADS,
    "max_memory_mb": _MEMORY,
    "mps_omp_threads": _THREADS,
    "mps_log_data": OperatorOption(
        Policy.REFUSED, "Aer keeps one log for a whole process, in which other jobs of the worker would show", (False,)
    ),
    "num_threads_per_device": OperatorOption(
        Policy.REFUSED, "the operator decides how many threads a slot has", (0, 1)
    ),
    "device": OperatorOption(Policy.REFUSED, _NO_GPU, ("CPU",)),
    "target_gpus": OperatorOption(Policy.REFUSED, _NO_GPU, ([],)),
    "cuStateVec_enable": OperatorOption(Policy.REFUSED, _NO_GPU, (0,)),
    "batched_shots_gpu": OperatorOption(Policy.REFUSED, _NO_GPU, (False,)),
    "blocking_enable": OperatorOption(Policy.REFUSED, _CHUNKS, (False,)),
    "blocking_qubits": OperatorOption(Policy.REFUSED, _CHUNKS, (0,)),
    "chunk_swap_buffer_qubits": OperatorOption(Policy.REFUSED, _CHUNKS),
    "accept_distributed_results": OperatorOption(Policy.REFUSED, _CHUNKS, (False,)),
}


def check_operator_option(name: str, value: Any) -> None:
    """Refuses an option that only the operator may set.

    Raises:
        QobjValidationError: if the policy is to refuse it and the value asks for something.
    """
    option = OPERATOR_OPTIONS.get(name)
    if option is None or option.policy is Policy.CAPPED or value in option.harmless:
        return
    raise QobjValidationError(
        f"the option {name}={value!r} belongs to the workers' operator: {option.reason}; leave it out"
    )
