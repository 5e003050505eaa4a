"""The options of one `run()`: the backend's and the run's own, checked as Aer checks them and made plain.

Aer takes any keyword silently and reads its options when the kernel starts. Here an option is known or refused, its
type and range are Aer's, and the outcome is a snapshot that does not change with the backend.
"""

from __future__ import annotations

import difflib
import functools
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from qiskit.providers.options import Options
from qiskit_aer import AerSimulator
from qiskit_aer.aererror import AerError
from qiskit_aer.backends.aer_compiler import BACKEND_RUN_ARG_TYPES, _validate_option
from qiskit_aer.backends.controller_wrappers import AerConfig
from qiskit_aer.noise import NoiseModel

from .errors import QobjValidationError
from .operator_options import check_operator_option
from .option_values import executor, flag, seconds, shown, size, tags

#: Options of aerq's own; for these None in a run option is a value and overrides the backend's.
OWN_OPTIONS = (
    "executor",
    "max_job_size",
    "max_shot_size",
    "job_tags",
    "time_limit_seconds",
    "independent_streams",
)
#: Options of `qiskit.transpile` that are taken for those of `run()`.
_OF_TRANSPILE = frozenset(
    {
        *("optimization_level", "initial_layout", "layout_method", "routing_method", "translation_method"),
        *("scheduling_method", "seed_transpiler", "basis_gates", "coupling_map", "dt", "approximation_degree"),
    }
)
#: Aer's own random device draws 32 bits for a run without a seed.
_SEED_BITS = 32
#: What the workers' CPUs can do; Aer fails with other names when the kernel starts.
_CHOICES = {
    "method": tuple(name for name in AerSimulator._SIMULATION_METHODS if name != "tensor_network"),
    "precision": ("double", "single"),
}


@dataclass(frozen=True)
class RunOptions:
    """The options in force for one `run()`.

    Attributes:
        shots: shots of every experiment.
        memory: whether each shot's outcome is kept.
        seed_simulator: the user's seed, or one drawn now; experiment *i* runs with `seed_simulator + 2113 * i`.
        method: Aer's simulation method; `"automatic"` lets Aer choose for each experiment.
        noise_model: the noise model, or None.
        max_job_size: experiments per task: a number, None for all in one task, `"auto"` for tasks of equal cost.
        max_shot_size: shots per task of an experiment whose shots can be split, or None.
        executor: what runs the tasks, or None for Celery.
        job_tags: the user's words by which a job is found again.
        time_limit_seconds: how long one task may run, or None for the operator's limit.
        independent_streams: whether each experiment gets a seed of its own instead of Aer's overlapping ones.
        aer: every other option of Aer's that is not None, in plain Python.
    """

    shots: int
    memory: bool
    seed_simulator: int
    method: str = "automatic"
    noise_model: Any = None
    max_job_size: int | Literal["auto"] | None = 1
    max_shot_size: int | None = None
    executor: Any = None
    job_tags: tuple[str, ...] = ()
    time_limit_seconds: float | None = None
    independent_streams: bool = False
    aer: Mapping[str, Any] = field(default_factory=dict)

    def kernel_options(self) -> dict[str, Any]:
        """All that a kernel is told, except shots, seed and noise model."""
        return {**self.aer, "method": self.method, "memory": self.memory}


@functools.cache
def known_options() -> frozenset[str]:
    """The names of all options: those in Aer's defaults, those that its configuration reads, and our own."""
    defaults = AerSimulator._default_options()
    read = {name for name in BACKEND_RUN_ARG_TYPES if hasattr(AerConfig, name)}
    return frozenset(defaults) | read | frozenset(OWN_OPTIONS)


def resolve_options(backend_options: Options, run_options: Mapping[str, Any]) -> RunOptions:
    """Settles the options of one run; neither argument is changed.

    As in Aer, None in a run option leaves the backend's option in force; for `noise_model` and for the options of
    aerq's own it is a value.

    Args:
        backend_options: the backend's options.
        run_options: the keywords of `run()`.

    Returns:
        The options in force, with a seed drawn if none was given.

    Raises:
        QobjValidationError: if an option is unknown, of the wrong type, out of range, or the operator's.
    """
    given = {name: value for name, value in backend_options.items() if value is not None or name in OWN_OPTIONS}
    for name, value in run_options.items():
        if value is not None or name in OWN_OPTIONS or name == "noise_model":
            given[name] = value
    _refuse_unknown((*given, *run_options))

    own = {name: given.pop(name) for name in OWN_OPTIONS if name in given}
    noise_model = _noise_model(given.pop("noise_model", None))
    if given.get("parameterizations"):
        raise QobjValidationError(
            "the option parameterizations is what Aer makes of parameter_binds; give parameter_binds instead"
        )
    independent = flag("independent_streams", own.get("independent_streams"))
    job_size = _job_size(own.get("max_job_size"))
    if independent and (job_size not in (1, "auto") or given.get("runtime_parameter_bind_enable")):
        raise QobjValidationError(
            "the option independent_streams needs one experiment per task, because Aer itself seeds the experiments "
            "of a task: leave max_job_size at 1 and runtime_parameter_bind_enable off"
        )
    config = AerConfig()
    aer = {name: _aer_value(config, name, value) for name, value in given.items()}
    seed = aer.pop("seed_simulator", None)
    return RunOptions(
        shots=int(aer.pop("shots", config.shots)),  # True is a number too
        memory=aer.pop("memory", False),
        seed_simulator=secrets.randbits(_SEED_BITS) if seed is None else int(seed),
        method=aer.pop("method", "automatic"),
        noise_model=noise_model,
        max_job_size=job_size,
        max_shot_size=size("max_shot_size", own.get("max_shot_size"), "a number of shots or None"),
        executor=executor(own.get("executor")),
        job_tags=tags(own.get("job_tags")),
        time_limit_seconds=seconds(own.get("time_limit_seconds")),
        independent_streams=independent,
        aer=aer,
    )


def _refuse_unknown(names: Iterable[str]) -> None:
    known = known_options()
    for name in names:
        if name not in known:
            raise QobjValidationError(f"there is no option {name!r}{instead_of(name, known)}")


def instead_of(name: str, known: Iterable[str]) -> str:
    """The rest of a sentence on an unknown option: what may be meant."""
    if name in _OF_TRANSPILE:
        return "; it is one of qiskit.transpile(), which makes the circuits that run() is given"
    near = difflib.get_close_matches(name, known, n=1)
    return f"; the nearest name is {near[0]!r}" if near else ""


def _aer_value(config: AerConfig, name: str, value: Any) -> Any:
    """The value as Aer would take it, in plain Python so that it travels."""
    try:
        plain = _plain(_validate_option(name, value))
    except (AerError, TypeError) as error:
        wanted = BACKEND_RUN_ARG_TYPES[name]
        kind = (wanted[0] if isinstance(wanted, tuple) else wanted).__name__
        raise QobjValidationError(f"the option {name} must be of type {kind}, not {shown(value)}") from error
    if name in _CHOICES and plain not in _CHOICES[name]:
        raise QobjValidationError(f"the option {name} must be one of {', '.join(_CHOICES[name])}, not {shown(value)}")
    check_operator_option(name, plain)
    try:
        setattr(config, name, plain)
    except TypeError as error:  # the kernel's own numbers have a range
        raise QobjValidationError(f"the option {name}={shown(value)} is outside the range Aer takes") from error
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _noise_model(value: Any) -> NoiseModel | None:
    if isinstance(value, NoiseModel):
        return value
    if not value:  # Aer takes anything false for no noise
        return None
    raise QobjValidationError(f"the option noise_model must be a qiskit_aer NoiseModel, not {shown(value)}")


def _job_size(value: Any) -> int | Literal["auto"] | None:
    if isinstance(value, str) and value == "auto":
        return "auto"
    return size("max_job_size", value, "a number of experiments, None or 'auto'")
