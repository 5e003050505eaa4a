"""The codec of parameter bindings: for each circuit the values of its parameters, as packed doubles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgpack
import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit

from ..qobj import QobjExperiment
from .errors import DecodingError


def encode_binds(experiments: Sequence[QobjExperiment]) -> bytes:
    """Encodes the bindings of a Qobj's experiments.

    A parameter travels as its place in `circuit.parameters`, which is sorted and therefore the same on both sides.
    Values of parameters that a circuit does not have mean nothing to Aer and stay behind.
    """
    rows: list[list[object] | None] = []
    for experiment in experiments:
        if experiment.binds is None:
            rows.append(None)
            continue
        places = {parameter: place for place, parameter in enumerate(experiment.circuit.parameters)}
        values = [
            (places[parameter], np.asarray(column, dtype="<f8").tobytes())
            for parameter, column in experiment.binds.items()
            if parameter in places
        ]
        rows.append([values, experiment.global_phase])
    packed: bytes = msgpack.packb(rows)
    return packed


def decode_binds(data: bytes, circuits: Sequence[QuantumCircuit]) -> tuple[QobjExperiment, ...]:
    """Puts bindings and circuits together again.

    Raises:
        DecodingError: if the bindings do not belong to these circuits.
    """
    try:
        rows = msgpack.unpackb(data)
        return tuple(_experiment(circuit, row) for circuit, row in zip(circuits, rows, strict=True))
    except (ValueError, TypeError, IndexError, msgpack.UnpackException) as error:
        raise DecodingError("the parameter bindings do not fit the circuits they came with") from error


def _experiment(circuit: QuantumCircuit, row: tuple[list[tuple[int, bytes]], float] | None) -> QobjExperiment:
    if row is None:
        return QobjExperiment(circuit)
    values, phase = row
    parameters = list(circuit.parameters)
    binds: Mapping[Parameter, list[float]] = {
        parameters[place]: np.frombuffer(column, dtype="<f8").tolist() for place, column in values
    }
    return QobjExperiment(circuit, binds, phase)
