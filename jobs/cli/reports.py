"""What a run tells: one report per circuit, and the JSON document of them all.

The document is an object with

- `job_id`: the job's id, with which any process finds it again;
- `status`: `DONE`, `ERROR` if a circuit failed, else `CANCELLED` if one was cancelled;
- `seed`: the seed of the whole run; `--seed` with it gives the same counts again;
- `seconds`: from submitting to the last result;
- `circuits`: a list, in the order of the files and of the circuits in each, of objects with
    - `name`, `file`, `qubits` (of the circuit as it was written), `shots`;
    - `seed`: the seed that Aer used for this circuit;
    - `method`: the simulation method that Aer used;
    - `counts`: how often each outcome was measured, by its bit string as `Result.get_counts` gives it; null where
      nothing was measured;
    - `status`: `DONE`, `ERROR` or `CANCELLED`;
    - `error`: why it failed, or null. A circuit that failed has null for `seed`, `method` and `counts`, and where it
      is read from a stored job for `qubits`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .files import FileCircuit


@dataclass(frozen=True)
class CircuitReport:
    """What one circuit gave; the fields are those of the JSON document, see the module."""

    name: str
    file: str
    qubits: int | None
    shots: int
    seed: int | None
    method: str | None
    counts: Mapping[str, int] | None
    status: str
    error: str | None


@dataclass(frozen=True)
class RunReport:
    """What a run gave; the fields are those of the JSON document, see the module."""

    job_id: str
    status: str
    seed: int
    seconds: float
    circuits: Sequence[CircuitReport]

    @property
    def failed(self) -> list[CircuitReport]:
        """The circuits that failed or were cancelled."""
        return [circuit for circuit in self.circuits if circuit.status != "DONE"]

    def to_json(self) -> str:
        """The JSON document."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


def circuit_report(item: FileCircuit, result: Any, index: int, shots: int) -> CircuitReport:
    """The report on one circuit.

    Args:
        item: the circuit as it was read.
        result: the `Result` of the run.
        index: the circuit's place in the run.
        shots: the shots that were asked for.
    """
    ran = result.results[index]
    counts, error = counts_of(result, index)
    done = error is None
    return CircuitReport(
        name=item.name,
        file=str(item.file),
        qubits=item.circuit.num_qubits,
        shots=shots,
        seed=int(ran.seed_simulator) if done else None,
        method=str(ran.metadata.get("method")) if done else None,
        counts=counts,
        status="DONE" if done else "ERROR",
        error=error,
    )


def counts_of(result: Any, index: int) -> tuple[dict[str, int] | None, str | None]:
    """The counts of one circuit of a `Result`, or None, and why it failed; neither of one that only saved something."""
    ran = result.results[index]
    if not ran.success:
        return None, str(ran.status).removeprefix("ERROR: ")
    if not hasattr(ran.data, "counts"):  # of a statevector Qiskit gives probabilities under that name
        return None, None
    return {bits: int(count) for bits, count in sorted(result.get_counts(index).items())}, None


def ranked(counts: Mapping[str, int], most: int) -> tuple[list[tuple[str, int]], int, int]:
    """The most frequent outcomes and the rest.

    Returns:
        the outcomes with their counts, the most frequent first and equals in the order of their bits; how many
        outcomes are left over; and their counts together. One left-over outcome is shown in full instead.
    """
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if len(order) <= most + 1:
        return order, 0, 0
    return order[:most], len(order) - most, sum(count for _, count in order[most:])
