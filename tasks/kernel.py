"""The kernel: runs a Qobj with Aer, step by step as `AerSimulator.run` does, and returns Aer's raw output.

The steps are those of `AerBackend._execute_circuits_job` (qiskit_aer/backends/aerbackend.py). They are repeated here
for what a part of a job needs and Aer's own method cannot be told: the job-wide numbers in `QobjConfig` and the phase
from which a sweep goes on. The circuits' metadata stays with the producer.
"""

from __future__ import annotations

import datetime
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit_aer import AerSimulator
from qiskit_aer.backends.aer_compiler import compile_circuit, generate_aer_config
from qiskit_aer.backends.backend_utils import LIBRARY_DIR, circuit_optypes
from qiskit_aer.backends.controller_wrappers import AerConfig
from qiskit_aer.noise import NoiseModel

from .assembly import assemble
from .plain import PlainCircuit
from .qobj import Qobj, QobjConfig
from .wire.kinds import PLAIN_NAMES

#: Noise models, and run options, that a kernel keeps in the form that it takes.
_NOISE_MODELS = 4
_CONFIGS = 16

#: Aer's value of `max_memory_mb` for "whatever your estimate says".
NO_MEMORY_LIMIT = -1


@dataclass(frozen=True)
class KernelLimits:
    """What one kernel may use of its machine.

    Attributes:
        threads: threads, or None for Aer's default, all cores.
        memory_mb: MiB of memory, or None for Aer's default, all physical memory.
        confined: whether the process cannot allocate more than its share. Then a kernel may try what Aer takes for too
            large: where Aer is right, the allocation fails and nothing else.
    """

    threads: int | None = None
    memory_mb: int | None = None
    confined: bool = False


class AerKernel:
    """Aer in this process. It holds the GIL while it runs, so only a process that answers to nobody may have one.

    Args:
        limits: what it may use.
    """

    def __init__(self, limits: KernelLimits | None = None) -> None:
        self._limits = limits or KernelLimits()
        self._backend = AerSimulator()
        # With the model itself, so that no other can have its identity.
        self._noise: OrderedDict[int, tuple[NoiseModel, dict[str, Any]]] = OrderedDict()
        self._configs: OrderedDict[int, tuple[Mapping[str, Any], AerConfig]] = OrderedDict()

    def run(self, qobj: Qobj, job_id: str | None = None) -> dict[str, Any]:
        """Runs the experiments of a Qobj.

        Args:
            qobj: the experiments and how to run them.
            job_id: the id to write into the output; the Qobj's own if None.

        Returns:
            Aer's raw output, in which an experiment that failed is marked as Aer marks it.

        Raises:
            AerError: if Aer refuses the whole Qobj before it runs.
        """
        start = time.time()
        config = qobj.config
        options: dict[str, Any] = {
            **config.options,
            "shots": config.shots,
            "seed_simulator": config.seed_simulator,
            **self._capped(config.options),
        }
        if config.noise_model is not None:
            options["noise_model"] = config.noise_model
        output = self._execute(qobj, options)
        if any(map(_has_run_no_shot, output["results"])):
            again = self._execute(qobj, {**options, "max_parallel_shots": 1}, as_asked=False)["results"]
            output["results"] = [
                second if _has_run_no_shot(first) else first
                for first, second in zip(output["results"], again, strict=True)
            ]
        output["job_id"] = job_id or qobj.qobj_id
        output["date"] = datetime.datetime.now().isoformat()
        output["backend_name"] = qobj.header.backend_name
        output["backend_version"] = qobj.header.backend_version
        for result in output["results"]:
            result.pop("circ_id", None)
            if "header" in result:
                result["header"]["metadata"] = {}
        output["time_taken"] = time.time() - start
        return output

    def _execute(self, qobj: Qobj, options: dict[str, Any], *, as_asked: bool = True) -> dict[str, Any]:
        """What Aer's C++ gives for the experiments of a Qobj.

        Args:
            qobj: the experiments.
            options: all options of the run.
            as_asked: whether they are the Qobj's, which other tasks may share.
        """
        circuits, noise_model = self._compiled([experiment.circuit for experiment in qobj.experiments], options)
        aer_circuits, index_maps = assemble(circuits)
        if any(experiment.binds for experiment in qobj.experiments):
            binds = [dict(experiment.binds or {}) for experiment in qobj.experiments]
            options["parameterizations"] = self._backend._convert_binds(circuits, binds, index_maps)
            for aer_circuit, experiment in zip(aer_circuits, qobj.experiments, strict=True):
                if experiment.global_phase:
                    aer_circuit.global_phase_angle = experiment.global_phase
        for number, aer_circuit in enumerate(aer_circuits):
            aer_circuit.circ_id = number
        aer_config = self._config(circuits, qobj.config, options, is_shared=as_asked)
        try:
            found: dict[str, Any] = self._backend._controller.execute(
                aer_circuits, self._noise_dict(noise_model), aer_config
            )
        finally:
            aer_config.parameterizations = []  # it is kept, and they may be many
        return found

    def _compiled(self, circuits: list[Any], options: dict[str, Any]) -> tuple[Any, NoiseModel | None]:
        """`AerBackend._compile`, which looks at the classes of all instructions: not where their names tell enough.

        It looks for what initializes, controls flow, delays or carries noise, and for a short circuit that look takes
        longer than the rest. Plain circuits have nothing of that.
        """
        if all(isinstance(circuit, PlainCircuit) for circuit in circuits):
            return circuits, options.get("noise_model")
        kinds = [
            set() if circuit.count_ops().keys() <= PLAIN_NAMES else circuit_optypes(circuit) for circuit in circuits
        ]
        compiled, kinds = compile_circuit(circuits, optypes=kinds)
        compiled, noise_model, _ = self._backend._assemble_noise_model(compiled, kinds, **options)
        return compiled, noise_model

    def _config(
        self, circuits: list[Any], config: QobjConfig, options: dict[str, Any], *, is_shared: bool
    ) -> AerConfig:
        """What Aer's C++ is told, made once for the tasks that share their options: it reads it and changes nothing.

        For a short circuit it takes as long to make as the circuit itself.
        """
        # Of these each task has its own, and nothing else in there hangs on them.
        parameterizations = options.pop("parameterizations", [])
        key = id(config.options)
        if is_shared and key in self._configs:
            aer_config = self._configs[key][1]
        else:
            aer_config = generate_aer_config(circuits, self._backend.options, **options)
            if is_shared:
                self._configs[key] = config.options, aer_config
                while len(self._configs) > _CONFIGS:
                    self._configs.popitem(last=False)
        aer_config.parameterizations = parameterizations
        aer_config.shots = config.shots
        aer_config.seed_simulator = config.seed_simulator
        aer_config.memory_slots = max(config.memory_slots, *(circuit.num_clbits for circuit in circuits))
        aer_config.n_qubits = max(config.n_qubits, *(circuit.num_qubits for circuit in circuits))
        aer_config.library_dir = LIBRARY_DIR
        return aer_config

    def _noise_dict(self, noise_model: NoiseModel | None) -> dict[str, Any]:
        """The noise model as Aer's C++ takes it (`cpp_execute_circuits`), made once for the tasks that share it.

        For the model of a device it takes longer to make than many a small circuit takes to run.
        """
        if not noise_model:  # as Aer asks: an ideal model is false
            return {}
        key = id(noise_model)
        if key not in self._noise:
            self._noise[key] = noise_model, noise_model.to_dict(serializable=True)
            while len(self._noise) > _NOISE_MODELS:
                self._noise.popitem(last=False)
        self._noise.move_to_end(key)
        return self._noise[key][1]

    def _capped(self, options: Any) -> dict[str, Any]:
        """The operator's limits, or the user's own where they are smaller. Threads do not change Aer's bits."""
        capped: dict[str, Any] = {}
        if self._limits.threads is not None:
            capped["max_parallel_threads"] = _smaller(options.get("max_parallel_threads"), self._limits.threads)
            if "mps_omp_threads" in options:  # which Aer does not hold to the others
                capped["mps_omp_threads"] = min(options["mps_omp_threads"], self._limits.threads)
        if self._limits.memory_mb is not None:
            wanted = options.get("max_memory_mb")
            unlimited = self._limits.confined and wanted == NO_MEMORY_LIMIT
            capped["max_memory_mb"] = wanted if unlimited else _smaller(wanted, self._limits.memory_mb)
        return capped


def _has_run_no_shot(result: Mapping[str, Any]) -> bool:
    """Whether Aer has run nothing and calls it a success.

    Where threads could share the shots and there is memory for one state but not for two, Aer 0.18 gives no thread a
    shot (`parallel_shots_` in `Executor::set_parallelization`, src/simulators/circuit_executor.hpp). One thread for
    the shots, and all of them for the state, is what it means to do.
    """
    return bool(result.get("success")) and result.get("metadata", {}).get("parallel_shots") == 0


def _smaller(wanted: int | None, limit: int) -> int:
    """The limit, unless something positive and smaller was asked for; 0 and -1 mean "all there is" to Aer."""
    return limit if wanted is None or wanted <= 0 else min(wanted, limit)


def run_qobj(qobj: Qobj, job_id: str) -> dict[str, Any]:
    """Runs a Qobj in this process, without limits: what a user's own executor is given to run."""
    return AerKernel().run(qobj, job_id)
