"""From a Qobj to its message and payloads, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeVar

from qiskit.circuit import QuantumCircuit

from ..message import Message
from ..plain import PlainCircuit
from ..qobj import Qobj, QobjConfig, QobjExperiment, QobjHeader
from . import values
from .binds import bind, encode_binds, unpack_binds
from .circuits import decode_circuits, encode_circuits
from .envelope import Kind, compressor, seal, unseal
from .errors import DecodingError, EncodingError
from .noise import decode_noise_model, encode_noise_model
from .plain import decode_plain, encode_plain, is_plain, size_of

T = TypeVar("T")

#: Decoded payloads that a slot keeps, and the bytes that they had in all before they were decoded: as Qiskit's objects
#: they take two to eleven times as much, of the room that a slot has beside its kernel. Circuits of a sweep, options
#: and noise model are the same for many tasks, and whoever iterates runs the same circuits again.
_CACHED, _CACHED_BYTES = 128, 16 * 1024 * 1024
#: An instruction of a plain circuit can be seven bytes, and is several objects.
_OPERATION_BYTES = 100
_KEPT = (Kind.OPTIONS, Kind.NOISE_MODEL, Kind.CIRCUITS)
#: Bindings of more bytes are decoded for each task anew.
_LONGEST_KEPT_ROWS = 1024 * 1024
_TWICE = "a message names one payload for two purposes"


class QobjEncoder:
    """Encodes the Qobjs of one job; what they share is encoded and stored once.

    Args:
        limit: the largest payload in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._compressor = compressor()
        #: Everything to store, by digest.
        self.payloads: dict[str, bytes] = {}
        self._digests: dict[tuple[Any, ...], str] = {}
        # An id is only unique while its object lives, so what was encoded is held until the job is.
        self._held: list[object] = []

    def encode(self, qobjs: Sequence[Qobj], job_id: str, index: int) -> list[Message]:
        """Encodes consecutive tasks, whose circuits go into one payload, and so do their bindings.

        Args:
            qobjs: what each of the tasks carries.
            job_id: the job that they become tasks of.
            index: the first one's number in the job.

        Raises:
            EncodingError: if something in them cannot travel; the text names it.
        """
        if len(qobjs) > 1:
            try:
                return self._encode(qobjs, job_id, index)
            except EncodingError:  # too large together, or the fault of one of them, which its own error names
                return [message for at, qobj in enumerate(qobjs, index) for message in self._encode([qobj], job_id, at)]
        return self._encode(qobjs, job_id, index)

    def _encode(self, qobjs: Sequence[Qobj], job_id: str, index: int) -> list[Message]:
        circuits: list[QuantumCircuit] = []
        places: dict[tuple[int, ...], int] = {}
        starts: list[int] = []
        for qobj in qobjs:
            some = [experiment.circuit for experiment in qobj.experiments]
            identity = tuple(map(id, some))
            if identity not in places:
                places[identity] = len(circuits)
                circuits += some
            starts.append(places[identity])
        bound = any(experiment.binds is not None for qobj in qobjs for experiment in qobj.experiments)
        pack = encode_circuits if bound else _pack_circuits
        key = (bound, *map(id, circuits))
        digest = self._once(Kind.CIRCUITS, key, tuple(circuits), lambda: pack(circuits))
        binds = None
        if bound:
            rows = [
                (experiment, start + number)
                for qobj, start in zip(qobjs, starts, strict=True)
                for number, experiment in enumerate(qobj.experiments)
            ]
            binds = self.add(Kind.BINDS, encode_binds(rows))
            starts = list(accumulate((len(qobj.experiments) for qobj in qobjs[:-1]), initial=0))
        return [
            self._message(qobj, job_id, at, digest, binds, start)
            for at, (qobj, start) in enumerate(zip(qobjs, starts, strict=True), index)
        ]

    def _message(self, qobj: Qobj, job_id: str, index: int, circuits: str, binds: str | None, place: int) -> Message:
        config, header = qobj.config, qobj.header
        noise = config.noise_model
        return Message(
            job=job_id,
            index=index,
            circuits=circuits,
            options=self._once(Kind.OPTIONS, (id(config.options),), config.options, lambda: _pack_options(qobj)),
            noise=None
            if noise is None
            else self._once(Kind.NOISE_MODEL, (id(noise),), noise, lambda: encode_noise_model(noise)),
            binds=binds,
            first=header.first_experiment,
            count=len(qobj),
            offset=header.shot_offset,
            shots=config.shots,
            seed=config.seed_simulator,
            memory_mb=header.memory_mb,
            place=place,
            seconds=header.seconds,
        )

    def add(self, kind: Kind, body: bytes) -> str:
        """Seals a body for storing and returns its digest."""
        sealed = seal(kind, body, limit=self._limit, with_=self._compressor)
        self.payloads[sealed.digest] = sealed.data
        return sealed.digest

    def _once(self, kind: Kind, identity: tuple[int, ...], hold: object, encode: Callable[[], bytes]) -> str:
        key = (kind, *identity)
        digest = self._digests.get(key)
        if digest is None:
            digest = self._digests[key] = self.add(kind, encode())
            self._held.append(hold)
        return digest


class QobjDecoder:
    """Decodes messages and payloads in a slot, and keeps the last few decoded payloads.

    Args:
        limit: the largest payload in bytes to accept.
        fetch: gets sealed payloads by their digests; raises `DecodingError` if one is gone.
    """

    def __init__(self, limit: int, fetch: Callable[[Sequence[str]], list[bytes]]) -> None:
        self._limit = limit
        self._fetch = fetch
        #: What was decoded, and the room that it takes.
        self._kept: OrderedDict[tuple[Kind, str], tuple[Any, int]] = OrderedDict()
        self._kept_bytes = 0
        self._kept_rows: dict[str, list[Any]] = {}

    def decode(self, message: Message) -> Qobj:
        """Fetches and decodes what a message names.

        Raises:
            DecodingError: if a payload is gone, was changed, or is over the limit.
        """
        wanted = [digest for digest in message.digests() if not self._keeps(digest)]
        sealed = dict(zip(wanted, self._fetch(wanted), strict=True)) if wanted else {}
        options = self._open(Kind.OPTIONS, message.options, sealed, _unpack_options)
        noise = None
        if message.noise is not None:
            noise = self._open(Kind.NOISE_MODEL, message.noise, sealed, decode_noise_model)
        circuits = self._open(Kind.CIRCUITS, message.circuits, sealed, _unpack_circuits)
        several: Iterable[QobjExperiment]
        if message.binds is None:
            several = map(QobjExperiment, circuits[message.place :])
        else:
            several = bind(self._rows(message.binds, sealed)[message.place :], circuits)
        experiments = _first_of(several, message.count)
        # What this task has needed stays: the next one of its message may need the same.
        while len(self._kept) > _CACHED or (self._kept_bytes > _CACHED_BYTES and len(self._kept) > len(_KEPT)):
            _, (_, size) = self._kept.popitem(last=False)
            self._kept_bytes -= size
        return Qobj(
            message.job,
            QobjHeader(
                message.first,
                message.offset,
                options["backend_name"],
                options["backend_version"],
                memory_mb=message.memory_mb,
            ),
            QobjConfig(
                message.shots,
                message.seed,
                options["options"],
                noise,
                options["memory_slots"],
                options["n_qubits"],
            ),
            experiments,
        )

    def _keeps(self, digest: str) -> bool:
        return digest in self._kept_rows or any((kind, digest) in self._kept for kind in _KEPT)

    def _rows(self, digest: str, sealed: Mapping[str, bytes]) -> list[Any]:
        """Rows of bindings, without circuits: those of others may have the same values, and so the same digest."""
        if digest in self._kept_rows:
            return self._kept_rows[digest]
        if digest not in sealed:
            raise DecodingError(_TWICE)
        rows = unpack_binds(unseal(sealed[digest], digest, Kind.BINDS, limit=self._limit))
        # Those of the tasks that share a message are short, and needed again at once; long ones would only fill a slot.
        self._kept_rows = {digest: rows} if len(sealed[digest]) <= _LONGEST_KEPT_ROWS else {}
        return rows

    def _open(self, kind: Kind, digest: str, sealed: Mapping[str, bytes], decode: Callable[[bytes], T]) -> T:
        key = (kind, digest)
        if key not in self._kept:
            if digest not in sealed:
                raise DecodingError(_TWICE)
            body = unseal(sealed[digest], digest, kind, limit=self._limit)
            decoded = decode(body)
            size = _kept_size(decoded, body)
            self._kept[key] = decoded, size
            self._kept_bytes += size
        self._kept.move_to_end(key)
        value: T = self._kept[key][0]
        return value


def _first_of(experiments: Iterable[QobjExperiment], count: int) -> tuple[QobjExperiment, ...]:
    """As many experiments as make `count` of the job's, in which each binding is one.

    Raises:
        DecodingError: if there are too few of them, or more in the last one.
    """
    found = []
    for experiment in experiments:
        found.append(experiment)
        count -= len(experiment)
        if count <= 0:
            break
    if count:
        raise DecodingError("the payload of a task holds other experiments than its message says")
    return tuple(found)


def _pack_circuits(circuits: Sequence[QuantumCircuit]) -> bytes:
    """Circuits without bindings: as plain ones, which a slot reads and assembles faster, if all of them are."""
    plain = encode_plain(circuits)
    return encode_circuits(circuits) if plain is None else plain


def _unpack_circuits(body: bytes) -> list[QuantumCircuit] | list[PlainCircuit]:
    return decode_plain(body) if is_plain(body) else decode_circuits(body)


def _kept_size(decoded: Any, body: bytes) -> int:
    """How much of the room for decoded payloads one takes."""
    circuits = decoded if isinstance(decoded, list) else []
    operations = sum(size_of(circuit.num_operations) for circuit in circuits if isinstance(circuit, PlainCircuit))
    return len(body) + _OPERATION_BYTES * operations


def _pack_options(qobj: Qobj) -> bytes:
    return values.pack(
        {
            "options": dict(qobj.config.options),
            "memory_slots": qobj.config.memory_slots,
            "n_qubits": qobj.config.n_qubits,
            "backend_name": qobj.header.backend_name,
            "backend_version": qobj.header.backend_version,
        }
    )


def _unpack_options(body: bytes) -> dict[str, Any]:
    try:
        unpacked: dict[str, Any] = values.unpack(body)
        for name, kind in (("options", dict), ("memory_slots", int), ("n_qubits", int)):
            if not isinstance(unpacked[name], kind):
                raise TypeError(name)
        for name in ("backend_name", "backend_version"):
            if not isinstance(unpacked[name], str):
                raise TypeError(name)
    except (DecodingError, TypeError, KeyError) as error:
        raise DecodingError("the run options of a task cannot be read") from error
    return unpacked
