"""One case: circuits, bindings, options and the way they are split, all drawn from one seed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from .circuits import circuit_and_binds
from .draw import Draw
from .noise import noise_model

METHODS = ("automatic",) * 6 + (
    *("statevector", "statevector", "density_matrix", "stabilizer", "matrix_product_state"),
    *("unitary", "superop", "extended_stabilizer"),
)
SHOTS = (1, 2, 5, 8, 20, 33, 50, 100, 100, 257)
SEEDS = (0, 0, 1, 7, 42, 2113, 2**31 - 1, 2**32 + 5, 2**63 - 2000, -3)


@dataclass(frozen=True)
class Case:
    """What is run twice, on workers and here.

    Attributes:
        seed: the seed it was drawn from.
        circuits: as given to `run()`.
        parameter_binds: as given to `run()`.
        backend_options: Aer's options, for the backend.
        run_options: Aer's options, for `run()`.
        own: the options of aerq's own: how the job is split.
        slots: slots of the cluster to run it on.
        ordered: whether the order of keys must be the same.
    """

    seed: int
    circuits: list[QuantumCircuit]
    parameter_binds: list[dict[Any, Any]] | None
    backend_options: dict[str, Any]
    run_options: dict[str, Any]
    own: dict[str, Any]
    slots: int
    ordered: bool

    def __str__(self):
        shown = {name: value for name, value in {**self.backend_options, **self.run_options}.items()}
        noise = shown.pop("noise_model", None)
        drawn = "\n".join(line for circuit in self.circuits for line in listing(circuit))
        binds = "" if self.parameter_binds is None else f"\nbinds {self.parameter_binds}"
        return f"case {self.seed}: {shown} {self.own} slots={self.slots}\nnoise {noise}{binds}\n{drawn}"


def listing(circuit, indent=""):
    """A circuit as lines of text, short enough to read in a log."""
    width = f"{circuit.num_qubits} qubits, {circuit.num_clbits} bits"
    yield f"{indent}{circuit.name!r}: {width}, phase {circuit.global_phase}"
    for row in circuit.data:
        places = ([circuit.find_bit(bit).index for bit in bits] for bits in (row.qubits, row.clbits))
        params = [] if hasattr(row.operation, "blocks") else np.array2string(np.array(row.params, object), threshold=8)
        details = [getattr(row.operation, name, None) for name in ("condition", "target", "label", "_subtype")]
        shown = " ".join(str(detail) for detail in details if detail is not None)
        yield f"{indent}  {row.operation.name} {params} {' '.join(map(str, places))} {shown}"[:300]
        for block in getattr(row.operation, "blocks", ()):
            yield from listing(block, indent + "    ")


def draw_case(seed):
    """The case of a seed."""
    draw = Draw(seed)
    method = draw.of(METHODS)
    parameterized = draw.maybe(0.25) and method not in ("stabilizer", "extended_stabilizer")
    drawn = [
        circuit_and_binds(draw, method, parameterized and draw.maybe(0.8)) for _ in range(draw.one(1, 1, 2, 2, 3, 4))
    ]
    circuits = [circuit for circuit, _, _ in drawn]
    sums = any(summed for _, _, summed in drawn)
    if len(circuits) > 1 and draw.maybe(0.08):  # the same circuit twice in one job
        circuits.append(circuits[0])
        drawn.append(drawn[0])
    binds = [values for _, values, _ in drawn] if any(values for _, values, _ in drawn) else None
    options = aer_options(draw, method)
    model = noise_model(draw) if method not in ("unitary", "extended_stabilizer") else None
    if model is not None:
        options["noise_model"] = model
    # More threads change the order of Aer's keys, and the last digits of what it sums over shots.
    # And where Aer fails inside of a thread of several, it ends the process.
    fragile = any("roerror" in circuit.count_ops() for circuit in circuits)
    ordered = sums or fragile or draw.maybe(0.85)
    if ordered:
        options["max_parallel_threads"] = 1
    backend_options = {name: value for name, value in options.items() if draw.maybe(0.3)}
    run_options = {name: value for name, value in options.items() if name not in backend_options}
    if draw.maybe(0.05):
        backend_options["shots"] = 3
        run_options["shots"] = options["shots"]
    return Case(
        seed,
        circuits,
        binds,
        backend_options,
        run_options,
        splitting(draw, options["shots"]),
        draw.one(1, 2, 2, 3),
        ordered,
    )


def aer_options(draw, method):
    """Aer's options, among them values of other types that it takes."""
    options = {"shots": draw.of(SHOTS), "seed_simulator": draw.of(SEEDS), "method": method}
    if method == "extended_stabilizer":
        options["shots"] = min(options["shots"], 20)
    if draw.maybe(0.15):
        options["shots"] = np.int64(options["shots"])
    if draw.maybe(0.1):
        options["seed_simulator"] = np.int64(options["seed_simulator"])
    if draw.maybe(0.6):
        options["memory"] = draw.one(True, True, False)
    if draw.maybe(0.15):
        options["precision"] = draw.one("single", "double")
    extras = {
        "fusion_enable": draw.one(True, False),
        "fusion_max_qubit": draw.between(1, 4),
        "fusion_threshold": draw.between(1, 4),
        "fusion_verbose": True,
        "zero_threshold": draw.one(1e-10, 1e-3, np.float64(1e-8)),
        "validation_threshold": 1e-8,
        "chop_threshold": 1e-9,
        "statevector_parallel_threshold": draw.between(1, 14),
        "statevector_sample_measure_opt": draw.between(1, 12),
        "matrix_product_state_max_bond_dimension": draw.between(1, 4),
        "matrix_product_state_truncation_threshold": 1e-3,
        "mps_sample_measure_algorithm": draw.one("mps_apply_measure", "mps_probabilities"),
        "mps_log_data": draw.one(True, False),
        "mps_swap_direction": draw.one("mps_swap_left", "mps_swap_right"),
        "mps_lapack": draw.one(True, False),
        "stabilizer_max_snapshot_probabilities": 10,
        "extended_stabilizer_sampling_method": draw.one("resampled_metropolis", "metropolis", "norm_estimation"),
        "extended_stabilizer_metropolis_mixing_time": 100,
        "extended_stabilizer_approximation_error": 0.1,
        "use_cuTensorNet_autotuning": False,
        "shot_branching_enable": draw.one(True, False),
        "shot_branching_sampling_enable": draw.one(True, False),
        "enable_truncation": draw.one(True, False, False),
        "runtime_parameter_bind_enable": draw.one(True, True, False),
        "max_memory_mb": draw.one(4096, 1024),
        "max_parallel_shots": draw.one(0, 1, 2),
        "max_parallel_experiments": draw.one(0, 1, 2),
    }
    if draw.maybe(0.4):
        for name in draw.some(extras, 1, 3):
            options[name] = extras[name]
    return options


def splitting(draw, shots):
    own = {}
    if draw.maybe(0.75):
        own["max_job_size"] = draw.one(1, 2, 3, None, "auto")
    if draw.maybe(0.5):
        own["max_shot_size"] = draw.one(None, 1, 7, 50)
        if own["max_shot_size"] == 1 and shots > 33:
            own["max_shot_size"] = 7
    return own
