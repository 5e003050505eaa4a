"""Which experiments' shots can be spread over tasks without changing a bit, and why others cannot."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import QuantumCircuit

from .binds import Binds
from .merge import MEASURED, MERGEABLE_SUBTYPES
from .method import Forecast, Sampling, forecast
from .noise import NoiseFacts
from .options import RunOptions

_NOT_SPLIT = "max_shot_size was not applied: "
_NAME_A_METHOD = "; a named method can make it so, such as method='statevector' for a circuit with noise (other counts)"


@dataclass(frozen=True)
class ShotPlan:
    """How the shots of an experiment are spread over tasks.

    Attributes:
        ranges: first shot and number of shots of each task; none if they stay together.
        method: the method that all tasks must use, if they are spread.
        note: why they stay together although the user wanted them spread.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    method: str = ""
    note: str = ""

    @property
    def is_spread(self) -> bool:
        """Whether there is more than one task for the experiment."""
        return bool(self.ranges)


_TOGETHER = ShotPlan()


class ShotPlanner:
    """Plans the shots of a job's experiments.

    Args:
        circuits: the circuits of the job.
        binds: their bindings.
        options: the options of the run.
        noise_model: the noise model that all tasks have.
        job_qubits: the largest number of qubits in the job.
    """

    def __init__(
        self,
        circuits: Sequence[QuantumCircuit],
        binds: Sequence[Binds],
        options: RunOptions,
        noise_model: Any,
        job_qubits: int,
    ) -> None:
        self._circuits = circuits
        self._binds = binds
        self._options = options
        self._noise_model = noise_model
        self._job_qubits = job_qubits
        self._facts: NoiseFacts | None = None
        self._forecasts: dict[int, Forecast] = {}

    def plan(self, index: int, binding: int, count: int) -> ShotPlan:
        """The plan for an experiment.

        Args:
            index: index of the circuit.
            binding: which of its bindings.
            count: how many bindings Aer simulates together.
        """
        size, shots = self._options.max_shot_size, self._options.shots
        if size is None or shots <= size:
            return _TOGETHER
        if count > 1:
            return ShotPlan(note=_NOT_SPLIT + "runtime_parameter_bind_enable keeps all bindings together")
        expected = self.forecast(index, binding)
        if expected.sampling is Sampling.ONE_STATE:
            return ShotPlan(note=_NOT_SPLIT + "all shots are drawn from one state, which each task would compute again")
        if expected.sampling is Sampling.UNKNOWN or expected.method is None:
            hint = _NAME_A_METHOD if self._options.method == "automatic" else ""
            return ShotPlan(note=_NOT_SPLIT + "it is not certain that each shot is simulated on its own" + hint)
        if not MERGEABLE_SUBTYPES.issuperset(expected.saves):
            return ShotPlan(note=_NOT_SPLIT + "a save instruction sums over all shots")
        if not set(MEASURED).isdisjoint(expected.labels):
            return ShotPlan(note=_NOT_SPLIT + "a save instruction uses the name of what is measured")
        ranges = tuple((offset, min(size, shots - offset)) for offset in range(0, shots, size))
        return ShotPlan(ranges, expected.method)

    def simulates_each_shot(self, index: int) -> bool:
        """Whether it is certain that each shot of a circuit's experiments has a seed of its own."""
        return self.forecast(index, 0).sampling is Sampling.EACH_SHOT

    def chooses_methods_for_channels(self) -> bool:
        """Whether Aer chooses each circuit's method, and some error is more than a mixture of gates."""
        return self._options.method == "automatic" and self._noise_facts().has_channels

    def method(self, index: int) -> str | None:
        """The method of the first binding of a circuit, if it is certain."""
        return self.forecast(index, 0).method

    def _noise_facts(self) -> NoiseFacts:
        if self._facts is None:
            self._facts = NoiseFacts.of(self._noise_model)
        return self._facts

    def forecast(self, index: int, binding: int) -> Forecast:
        """What Aer will do with an experiment.

        Args:
            index: index of the circuit.
            binding: which of its bindings.
        """
        circuit, values = self._circuits[index], self._binds[index]
        if id(circuit) not in self._forecasts:
            self._forecasts[id(circuit)] = self._forecast_of(circuit)
        expected = self._forecasts[id(circuit)]
        if expected.method is None and values is not None:
            # The method may hang on an angle, of which only the binding tells.
            bound = {parameter: numbers[binding] for parameter, numbers in values.items()}
            bare = copy.copy(circuit)
            bare.metadata = {}  # binding copies it, and the user's may hold what cannot be copied
            expected = self._forecast_of(bare.assign_parameters(bound))
        return expected

    def _forecast_of(self, circuit: QuantumCircuit) -> Forecast:
        return forecast(circuit, self._noise_facts(), self._options, self._job_qubits)
