"""The codec of parameter bindings: for each circuit the values of its parameters, as packed doubles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgpack
import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit

from ..qobj import QobjExperiment
from .errors import DecodingError

_UNFIT = "the parameter bindings do not fit the circuits they came with"


def encode_binds(experiments: Iterable[tuple[QobjExperiment, int]]) -> bytes:
    """Encodes the bindings of experiments, each with the place of its circuit among the circuits that travel.

    A parameter travels as its place in `circuit.parameters`, which is sorted and therefore the same on both sides.
    Values of parameters that a circuit does not have mean nothing to Aer and stay behind.
    """
    rows: list[list[object]] = []
    for experiment, circuit in experiments:
        if experiment.binds is None:
            rows.append([circuit])
            continue
        places = {parameter: place for place, parameter in enumerate(experiment.quantum_circuit.parameters)}
        values = [
            (places[parameter], np.asarray(column, dtype="<f8").tobytes())
            for parameter, column in experiment.binds.items()
            if parameter in places
        ]
        rows.append([circuit, values, experiment.global_phase])
    packed: bytes = msgpack.packb(rows)
    return packed


def unpack_binds(data: bytes) -> list[Any]:
    """The rows that `encode_binds` wrote, without their circuits: the same values may belong to many circuits.

    Raises:
        DecodingError: if they cannot be read.
    """
    try:
        rows = msgpack.unpackb(data)
        if not isinstance(rows, list):
            raise TypeError("not a list")
        return rows
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise DecodingError(_UNFIT) from error


def bind(rows: Iterable[Any], circuits: Sequence[QuantumCircuit]) -> Iterator[QobjExperiment]:
    """Puts bindings and circuits together again, one experiment after the other.

    Raises:
        DecodingError: if the bindings do not belong to these circuits.
    """
    try:
        for place, *rest in rows:
            yield _experiment(circuits[place], *rest)
    except (ValueError, TypeError, IndexError) as error:
        raise DecodingError(_UNFIT) from error


def _experiment(
    circuit: QuantumCircuit, values: Sequence[tuple[int, bytes]] | None = None, phase: float = 0.0
) -> QobjExperiment:
    if values is None:
        return QobjExperiment(circuit)
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError("a plain circuit has no parameters")
    parameters = list(circuit.parameters)
    binds: Mapping[Parameter, list[float]] = {
        parameters[place]: np.frombuffer(column, dtype="<f8").tolist() for place, column in values
    }
    return QobjExperiment(circuit, binds, phase)
