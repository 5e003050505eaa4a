"""The codec of noise models: every error and its place, in the order in which the model holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiskit import QuantumCircuit, circuit
from qiskit.circuit import Instruction, library
from qiskit.transpiler import InstructionProperties, Target
from qiskit_aer.noise import NoiseModel, RelaxationNoisePass
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError

from . import values
from .circuits import decode_circuits, encode_circuits
from .errors import DecodingError, EncodingError
from .quantum_errors import pack_error, pack_readout_error, unpack_error, unpack_readout_error

_FORMAT = 1


def encode_noise_model(model: NoiseModel) -> bytes:
    """Encodes a noise model; `decode_noise_model` gives an equal one, with which Aer computes the same bits.

    Args:
        model: the model, which is not changed.

    Returns:
        Bytes; the same model gives the same bytes.

    Raises:
        EncodingError: if a part of it cannot travel unchanged: a noise pass that calls a function of the user's, a
            class that aerq does not know. The text names the part.
    """
    if type(model) is not NoiseModel:
        raise EncodingError(
            f"a noise model of class {type(model).__qualname__} cannot travel; use qiskit_aer.noise.NoiseModel"
        )
    try:
        body, circuits = _pack_model(model)
        program = encode_circuits(circuits) if circuits else b""
        return values.pack([_FORMAT, program, body])
    except MemoryError:
        raise
    except EncodingError as error:
        raise EncodingError(f"the noise model cannot travel: {error}") from error
    except Exception as error:
        raise EncodingError(f"the noise model cannot be read ({type(error).__name__}: {error})") from error


def decode_noise_model(data: bytes) -> NoiseModel:
    """Decodes a noise model.

    Args:
        data: what `encode_noise_model` returned. Its digest must have been checked.

    Raises:
        DecodingError: if the bytes are not a noise model.
    """
    try:
        version, program, body = values.unpack(data)
        if version != _FORMAT:
            raise DecodingError(f"a noise model has format {version}, this aerq reads format {_FORMAT}")
        circuits = decode_circuits(program) if program else []
        return _unpack_model(body, circuits)
    except (DecodingError, MemoryError):
        raise
    except Exception as error:
        raise DecodingError(f"a noise model cannot be read ({type(error).__name__}: {error})") from error


class _Errors:
    """The different errors of a model, each once, and the circuits that they refer to."""

    def __init__(self) -> None:
        self.packed: list[Any] = []
        self.circuits: list[QuantumCircuit] = []
        self._numbers: dict[int, int] = {}

    def add(self, error: BaseQuantumError, what: str) -> int:
        """Adds an error, if it is new, and returns its number."""
        number = self._numbers.get(id(error))
        if number is None:
            try:
                self.packed.append(pack_error(error, self._add_circuit))
            except EncodingError as refusal:
                raise EncodingError(f"{what}: {refusal}") from refusal
            number = self._numbers[id(error)] = len(self.packed) - 1
        return number

    def _add_circuit(self, noise: QuantumCircuit) -> int:
        self.circuits.append(noise)
        return len(self.circuits) - 1


def _pack_model(model: NoiseModel) -> tuple[dict[str, Any], list[QuantumCircuit]]:
    errors = _Errors()
    readout = model._default_readout_error
    body = {
        "basis_gates": sorted(model._basis_gates),
        "noise_instructions": sorted(model._noise_instructions),
        "noise_qubits": sorted(model._noise_qubits),
        "everywhere": [
            [name, errors.add(error, f"the error of {name!r}")] for name, error in model._default_quantum_errors.items()
        ],
        "local": [
            [
                name,
                [
                    [list(qubits), errors.add(error, f"the error of {name!r} on qubits {qubits}")]
                    for qubits, error in by.items()
                ],
            ]
            for name, by in model._local_quantum_errors.items()
        ],
        "readout": None if readout is None else pack_readout_error(readout),
        "local_readout": [
            [list(qubits), pack_readout_error(error)] for qubits, error in model._local_readout_errors.items()
        ],
        "passes": [_pack_pass(custom) for custom in model._custom_noise_passes],
        "errors": errors.packed,
    }
    return body, errors.circuits


def _unpack_model(body: Mapping[str, Any], circuits: list[QuantumCircuit]) -> NoiseModel:
    errors = [unpack_error(error, circuits.__getitem__) for error in body["errors"]]
    # Adding errors through the model's methods would drop ideal ones and sum up others.
    model = NoiseModel()
    model._basis_gates = set(body["basis_gates"])
    model._noise_instructions = set(body["noise_instructions"])
    model._noise_qubits = set(body["noise_qubits"])
    model._default_quantum_errors = {name: errors[number] for name, number in body["everywhere"]}
    model._local_quantum_errors = {
        name: {tuple(qubits): errors[number] for qubits, number in by} for name, by in body["local"]
    }
    readout = body["readout"]
    model._default_readout_error = None if readout is None else unpack_readout_error(readout)
    model._local_readout_errors = {
        tuple(qubits): unpack_readout_error(matrix) for qubits, matrix in body["local_readout"]
    }
    model._custom_noise_passes = [_unpack_pass(packed) for packed in body["passes"]]
    return model


def _pack_pass(custom: Any) -> list[Any]:
    kind = type(custom)
    if kind is not RelaxationNoisePass:
        raise EncodingError(
            f"its noise pass {kind.__qualname__} runs code of its own, which is never "
            "sent; use errors on gates, or run the pass on the circuits before submitting them"
        )
    if custom._func != custom._thermal_relaxation_error:
        raise EncodingError("its RelaxationNoisePass calls a function of its own")
    target = None if custom._target is None else _pack_target(custom._target)
    kinds = [_pack_kind(operation) for operation in custom._ops]
    return [custom._t1s, custom._t2s, custom._p1s, custom._dt, kinds, target]


def _unpack_pass(packed: list[Any]) -> RelaxationNoisePass:
    t1s, t2s, p1s, dt, kinds, target = packed
    custom = RelaxationNoisePass(
        t1s=t1s.tolist(),
        t2s=t2s.tolist(),
        dt=dt,
        op_types=[_unpack_kind(name) for name in kinds] or None,
        excited_state_populations=p1s.tolist(),
        target=None if target is None else _unpack_target(target),
    )
    # The constructor takes no arrays; these keep their dtype.
    custom._t1s, custom._t2s, custom._p1s = t1s, t2s, p1s
    return custom


def _pack_kind(kind: type) -> str:
    name = kind.__name__
    if _find_kind(name) is not kind:
        raise EncodingError(
            f"its RelaxationNoisePass is for {kind.__qualname__}, which is not a class of qiskit.circuit"
        )
    return name


def _unpack_kind(name: str) -> type:
    kind = _find_kind(name)
    if kind is None:
        raise DecodingError(f"a noise pass arrived for instructions of an unknown class ({name!r})")
    return kind


def _find_kind(name: str) -> type | None:
    """Qiskit's class of instructions of a name; nothing else of Qiskit can be named from outside."""
    kind = getattr(circuit, name, None) or getattr(library, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Instruction) else None


def _pack_target(target: Target) -> list[Any]:
    """What a relaxation pass reads of a target: how long each instruction takes, by name and qubits."""
    rows = []
    for name in target.operation_names:
        timed = [
            [list(qubits), found.duration, found.error]
            for qubits, found in target[name].items()
            if qubits is not None and found is not None
        ]
        rows.append([name, timed])
    return [target.num_qubits, target.dt, rows]


def _unpack_target(packed: list[Any]) -> Target:
    """A target of which a relaxation pass reads the same; its instructions are stand-ins of the right width."""
    num_qubits, dt, rows = packed
    target = Target(num_qubits=num_qubits, dt=dt)
    for name, timed in rows:
        properties = {
            tuple(qubits): InstructionProperties(duration=duration, error=error) for qubits, duration, error in timed
        }
        width = len(timed[0][0]) if timed else 1
        target.add_instruction(Instruction(name, width, 0, []), properties or None, name=name)
    return target
