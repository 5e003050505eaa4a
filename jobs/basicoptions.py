"""The options of one `run()` on `basic_simulator`, and the check of its circuits.

`BasicSimulator` meets what it cannot run in the middle of its work, and warns of an option that it does not know.
Here both are refused before anything is sent.
"""

from __future__ import annotations

import cmath
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.basic_provider.basic_provider_tools import (
    SINGLE_QUBIT_GATES,
    THREE_QUBIT_GATES,
    TWO_QUBIT_GATES,
    TWO_QUBIT_GATES_WITH_PARAMETERS,
)
from qiskit.providers.options import Options

from ..tasks.basickernel import is_clifford
from . import option_values
from .binds import circuit_label
from .errors import QobjValidationError
from .options import instead_of

#: Options of aerq's own that make sense for one task.
OWN_OPTIONS = ("executor", "job_tags", "time_limit_seconds")
#: Options that `AerqSimulator` has and that would take a job apart.
_SPLITTING = ("max_job_size", "max_shot_size", "independent_streams")
#: What `BasicSimulator._run_circuit` knows by name.
_KNOWN = frozenset({"unitary", "id", "u0", "delay", "global_phase", "reset", "barrier", "measure"}).union(
    SINGLE_QUBIT_GATES, TWO_QUBIT_GATES, TWO_QUBIT_GATES_WITH_PARAMETERS, THREE_QUBIT_GATES
)
#: A seed is drawn from as many as `BasicSimulator` itself would draw it from.
_DRAWN_SEEDS = 2**31 - 1
#: Seeds travel and are stored as 64-bit numbers.
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class BasicOptions:
    """The options in force for one `run()`.

    Attributes:
        shots: shots of every circuit.
        seed_simulator: the user's seed, or one drawn now.
        kernel: `BasicSimulator`'s other options.
        executor: what runs the task, or None for Celery.
        job_tags: the user's words by which the job is found again.
        time_limit_seconds: how long the task may run, or None for the operator's limit.
    """

    shots: int
    seed_simulator: int
    kernel: Mapping[str, Any]
    executor: Any = None
    job_tags: tuple[str, ...] = ()
    time_limit_seconds: float | None = None


def resolve_basic_options(backend_options: Options, run_options: Mapping[str, Any]) -> BasicOptions:
    """Settles the options of one run; as in `BasicSimulator`, those of the run win over the backend's.

    Raises:
        QobjValidationError: if an option is unknown, of the wrong type, or out of range.
    """
    _refuse_unknown(run_options)
    given = {**dict(backend_options.items()), **run_options}
    if run_options.get("initial_statevector") is None:  # to BasicSimulator None is "the backend's" here
        given["initial_statevector"] = backend_options.get("initial_statevector")
    shots = option_values.size("shots", given["shots"], "a number of shots")
    if shots is None:
        raise QobjValidationError("the option shots must be a number of shots, at least 1, not None")
    kernel: dict[str, Any] = {
        "memory": option_values.flag("memory", given["memory"]),
        "use_clifford_optimization": option_values.flag(
            "use_clifford_optimization", given["use_clifford_optimization"]
        ),
    }
    state = _statevector(given["initial_statevector"])
    if state is not None:
        kernel["initial_statevector"] = state
    return BasicOptions(
        shots=shots,
        seed_simulator=_seed(given["seed_simulator"]),
        kernel=kernel,
        executor=option_values.executor(given.get("executor")),
        job_tags=option_values.tags(given.get("job_tags")),
        time_limit_seconds=option_values.seconds(given.get("time_limit_seconds")),
    )


def _refuse_unknown(names: Iterable[str]) -> None:
    known = (*BasicSimulator._default_options(), *OWN_OPTIONS)
    for name in names:
        if name in _SPLITTING:
            raise QobjValidationError(
                f"basic_simulator has no option {name!r}: it draws all outcomes from one stream, so a job is one task"
            )
        if name == "parameter_binds":
            raise QobjValidationError(
                "basic_simulator takes no parameter_binds; assign the parameters with circuit.assign_parameters()"
            )
        if name not in known:
            raise QobjValidationError(f"basic_simulator has no option {name!r}{instead_of(name, known)}")


def _seed(value: Any) -> int:
    if value is None:
        return secrets.randbelow(_DRAWN_SEEDS)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value <= _LARGEST_SEED:
        return int(value)
    raise QobjValidationError(
        f"the option seed_simulator must be a whole number from 0 to 2**63 - 1, not {option_values.shown(value)}"
    )


def _statevector(value: Any) -> np.ndarray[Any, Any] | None:
    if value is None:
        return None
    try:
        state = np.array(value, dtype=complex)
    except (TypeError, ValueError) as error:
        raise QobjValidationError(
            f"the option initial_statevector must be a vector of numbers, not {option_values.shown(value)}"
        ) from error
    if state.ndim == 0 or state.size != len(state):
        raise QobjValidationError("the option initial_statevector must be one vector of amplitudes")
    norm = float(np.linalg.norm(state))
    if round(norm, 12) != 1:
        raise QobjValidationError(f"the option initial_statevector is not normalized: its norm is {norm:g}, not 1")
    return state.ravel()


def validate_basic_circuits(circuits: Sequence[Any], options: BasicOptions) -> None:
    """Refuses circuits that `BasicSimulator` would fail to run.

    Raises:
        QobjValidationError: if there is one; the sentence names it.
    """
    if not circuits:
        raise QobjValidationError("there is no circuit to run")
    for index, circuit in enumerate(circuits):
        if not isinstance(circuit, QuantumCircuit):
            raise QobjValidationError(
                f"element {index} of the circuits is a {type(circuit).__name__}; only a QuantumCircuit can run"
            )
        _check(circuit, circuit_label(index, circuit), options)


def _check(circuit: QuantumCircuit, label: str, options: BasicOptions) -> None:
    if circuit.parameters:
        names = ", ".join(sorted(str(parameter.name) for parameter in circuit.parameters))
        raise QobjValidationError(f"{label} has parameters without values ({names}): assign them before run()")
    state = options.kernel.get("initial_statevector")
    unknown = [name for name in circuit.count_ops() if name not in _KNOWN]
    clifford = False
    if options.kernel["use_clifford_optimization"] and state is None:
        clifford = is_clifford(circuit)  # then any gate that is a Clifford, and many qubits
    most = BasicSimulator.MAX_QUBITS_CLIFFORD if clifford else BasicSimulator.MAX_QUBITS_STATEVECTOR
    if circuit.num_qubits > most:
        raise QobjValidationError(
            f"{label} has {circuit.num_qubits} qubits and basic_simulator takes at most {most}; use aer_simulator"
        )
    if unknown and not clifford:
        raise QobjValidationError(
            f"{label} has the instruction {unknown[0]!r}, which basic_simulator does not know: transpile it for this "
            "backend"
        )
    if state is not None and len(state) != 2**circuit.num_qubits:
        raise QobjValidationError(
            f"{label} has {circuit.num_qubits} qubits, which takes an initial_statevector of "
            f"{2**circuit.num_qubits} amplitudes; it has {len(state)}"
        )
    for instruction in circuit.data:
        for value in (*instruction.params, circuit.global_phase):
            if not _is_finite(value):
                raise QobjValidationError(
                    f"{label} has a value in the instruction {instruction.name!r} or its global phase that is not a "
                    "finite number"
                )


def _is_finite(value: Any) -> bool:
    """Whether a number, or each in an array, is finite; what is not a number is not looked at."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    if isinstance(value, (float, int, complex)):
        return cmath.isfinite(value)
    return not isinstance(value, ParameterExpression) or cmath.isfinite(complex(value))
