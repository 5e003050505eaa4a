"""Parameter bindings as a user gives them, checked and made plain: for each circuit, lists of floats by parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit

from .errors import QobjValidationError

#: For one circuit: the values of each of its parameters, all lists of one length; None if it has no parameter.
Binds = dict[Parameter, list[float]] | None


def circuit_label(index: int, circuit: QuantumCircuit) -> str:
    """How a message names a circuit."""
    return f"circuit {index} ({str(circuit.name)!r})"


def plain_binds(circuits: Sequence[QuantumCircuit], parameter_binds: Any) -> list[Binds]:
    """Checks bindings as Aer would at the start of the kernel, and copies them.

    Values of parameters that a circuit does not have mean nothing to Aer and are left out; a circuit without
    parameters is one experiment whatever values come with it.

    Args:
        circuits: the circuits of the job.
        parameter_binds: what `run()` was given: a list with a dictionary for each circuit, or nothing.

    Returns:
        The bindings of each circuit.

    Raises:
        QobjValidationError: if a parameter has no values, or the values do not fit.
    """
    if parameter_binds is None or (isinstance(parameter_binds, (list, tuple)) and not parameter_binds):
        for index, circuit in enumerate(circuits):
            if circuit.num_parameters:
                names = _names(circuit.parameters)
                raise QobjValidationError(
                    f"{circuit_label(index, circuit)} has parameters without values ({names}): "
                    "give parameter_binds or assign them"
                )
        return [None] * len(circuits)
    if not isinstance(parameter_binds, (list, tuple)):
        raise QobjValidationError(
            f"parameter_binds must be a list with one dictionary for each circuit, not a {_kind(parameter_binds)}"
        )
    if len(parameter_binds) != len(circuits):
        raise QobjValidationError(
            f"parameter_binds has {len(parameter_binds)} dictionaries for {len(circuits)} circuits; "
            "there must be one for each"
        )
    return [
        _circuit_binds(circuit_label(index, circuit), circuit, given)
        for index, (circuit, given) in enumerate(zip(circuits, parameter_binds, strict=True))
    ]


def _circuit_binds(label: str, circuit: QuantumCircuit, given: Any) -> Binds:
    if not isinstance(given, Mapping):
        raise QobjValidationError(f"the parameter_binds of {label} must be a dictionary, not a {_kind(given)}")
    if not circuit.num_parameters:
        return None
    missing = [parameter for parameter in circuit.parameters if parameter not in given]
    if missing:
        hint = "; its keys must be the Parameter objects themselves" if given else ""
        raise QobjValidationError(f"the parameter_binds of {label} lack values for {_names(missing)}{hint}")
    # Of all that is given: where a parameter stands in an expression, Aer counts the values of whatever comes first.
    lengths = {str(getattr(key, "name", key)): _length(label, key, values) for key, values in given.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise QobjValidationError(f"the parameter_binds of {label} are lists of unequal length ({listed})")
    if 0 in lengths.values():
        raise QobjValidationError(f"the parameter_binds of {label} are empty lists, so there is nothing to run")
    return {parameter: _floats(label, parameter, given[parameter]) for parameter in circuit.parameters}


def _length(label: str, key: Any, values: Any) -> int:
    if isinstance(values, (list, tuple, range)) or (isinstance(values, np.ndarray) and values.ndim == 1):
        return len(values)
    raise QobjValidationError(
        f"the values of {getattr(key, 'name', key)!s} for {label} must be a list of numbers, not a {_kind(values)}"
    )


def _floats(label: str, parameter: Parameter, values: Any) -> list[float]:
    try:
        array = np.asarray(values)
        if array.ndim != 1 or array.dtype.kind not in "fiubO":
            raise TypeError
        numbers: list[float] = array.astype(np.float64).tolist()
        if array.dtype.kind == "O" and any(isinstance(value, str) for value in values):
            raise TypeError
    except (TypeError, ValueError) as error:
        raise QobjValidationError(
            f"the values of {parameter.name} for {label} must be real numbers, one for each experiment"
        ) from error
    for position, number in enumerate(numbers):
        if not math.isfinite(number):
            raise QobjValidationError(f"value {position} of {parameter.name} for {label} is {number}, not an angle")
    return numbers


def _names(parameters: Any) -> str:
    names = [parameter.name for parameter in parameters]
    return ", ".join(names) if len(names) <= 5 else f"{', '.join(names[:5])} and {len(names) - 5} more"


def _kind(value: Any) -> str:
    return type(value).__name__
