"""Circuits that nobody here wrote: ten families of MQT Bench through the command, equal to local Aer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mqt.bench import BenchmarkLevel, get_benchmark
from qiskit import QuantumCircuit, qasm2, qasm3, qpy, transpile
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator

from aerq.config import LocalCluster

AERQ = Path(sys.executable).with_name("aerq")
FAMILIES = ("ae", "bv", "dj", "ghz", "graphstate", "qaoa", "qft", "qftentangled", "qpeexact", "wstate", "vqe_real_amp")
WIDTHS = (4, 8, 12)
SEED, SHOTS = 77, 512


def write_qasm2(circuit: QuantumCircuit, path: Path) -> None:
    path.write_text(qasm2.dumps(circuit))


def write_qasm3(circuit: QuantumCircuit, path: Path) -> None:
    path.write_text(qasm3.dumps(circuit))


def write_qpy(circuit: QuantumCircuit, path: Path) -> None:
    with path.open("wb") as file:
        qpy.dump(circuit, file)


def read_qpy(path: Path) -> QuantumCircuit:
    with path.open("rb") as file:
        return qpy.load(file)[0]


def read_qasm2(path: Path) -> QuantumCircuit:
    return qasm2.load(path, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)


#: How each kind of file is written and, apart from the command, read again.
KINDS: dict[str, tuple[Callable[[QuantumCircuit, Path], None], Callable[[Path], QuantumCircuit]]] = {
    "qasm2": (write_qasm2, read_qasm2),
    "qasm3": (write_qasm3, qasm3.load),
    "qpy": (write_qpy, read_qpy),
}


def write_benchmark(folder: Path, family: str, width: int, kind: str) -> Path:
    circuit = get_benchmark(family, BenchmarkLevel.INDEP, width)
    if "measure" not in circuit.count_ops():  # qaoa comes without
        circuit.measure_all()
    path = folder / f"{family}-{width}.{kind}"
    KINDS[kind][0](circuit, path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every family at every width; the kinds take turns, so that each family comes in each kind."""
    folder = tmp_path_factory.mktemp("benchmarks")
    return [
        # angles of `ae` are numpy arrays of no dimension, which Qiskit's OpenQASM writers do not take
        write_benchmark(folder, family, width, "qpy" if family == "ae" else list(KINDS)[(place + turn) % 3])
        for place, family in enumerate(FAMILIES)
        for turn, width in enumerate(WIDTHS)
    ]


def run(cluster: LocalCluster, *args: str | Path) -> list[dict]:
    result = subprocess.run(
        [AERQ, "run", *map(str, args), "--seed", str(SEED), "--shots", str(SHOTS)],
        env={**os.environ, **cluster.settings.to_environment()},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)["circuits"]


def counts_of_local_aer(files: list[Path], backend: AerSimulator) -> list[dict[str, int]]:
    circuits = [KINDS[path.suffix[1:]][1](path) for path in files]
    ready = [transpile(circuit, backend, seed_transpiler=SEED) for circuit in circuits]
    result = backend.run(ready, shots=SHOTS, seed_simulator=SEED).result()
    return [dict(result.get_counts(index)) for index in range(len(files))]


def test_all_families_equal_local_aer(cluster: LocalCluster, files: list[Path]) -> None:
    circuits = run(cluster, *files)
    assert [entry["file"] for entry in circuits] == [str(path) for path in files]
    assert [entry["qubits"] for entry in circuits] == list(WIDTHS) * len(FAMILIES)
    expected = counts_of_local_aer(files, AerSimulator())
    for path, entry, counts in zip(files, circuits, expected, strict=True):
        assert entry["counts"] == counts, path.name
        assert sum(counts.values()) == SHOTS


def test_noisy_families_equal_local_aer(cluster: LocalCluster, files: list[Path]) -> None:
    narrow = [path for path in files if "-4." in path.name]
    circuits = run(cluster, *narrow, "--noise-from-device", "5")
    device = AerSimulator.from_backend(GenericBackendV2(5, seed=42, control_flow=True))
    expected = counts_of_local_aer(narrow, device)
    assert [entry["counts"] for entry in circuits] == expected
    assert {path.suffix for path in narrow} == {".qasm2", ".qasm3", ".qpy"}
