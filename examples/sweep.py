"""A sweep: one circuit, many parameter values, each a task of its own; the Bell state against its CHSH bound.

python examples/sweep.py                    a table; a cluster for this process, or a running `aerq up`
python examples/sweep.py --plot chsh.png    and a picture
AERQ_BROKER_URL=redis://:password@host:6379/0 python examples/sweep.py     a cluster that is there
"""

import argparse
import math
from collections.abc import Mapping

from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter

from aerq.jobs import AerqSimulator

ANGLE = Parameter("angle")
SETTINGS = ("ZZ", "ZX", "XZ", "XX")


def bell(setting: str) -> QuantumCircuit:
    """A Bell pair; one side is turned by the angle, and each is measured in Z or X."""
    circuit = QuantumCircuit(2, name=f"bell_{setting}")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.ry(ANGLE, 0)
    for qubit, axis in enumerate(setting):
        if axis == "X":
            circuit.h(qubit)
    circuit.measure_all()
    return circuit


def correlation(counts: Mapping[str, int]) -> float:
    """The mean of the product of both outcomes, each 1 or -1."""
    return sum(n if bits in ("00", "11") else -n for bits, n in counts.items()) / sum(counts.values())


def chsh(angles: list[float], shots: int) -> list[float]:
    """The CHSH witness for each angle, from one job."""
    backend = AerqSimulator()
    circuits = transpile([bell(setting) for setting in SETTINGS], backend)
    job = backend.run(circuits, [{ANGLE: angles}] * len(circuits), shots=shots, seed_simulator=7)
    job.progress(timeout=120)  # a bar on a terminal
    counts = job.result().get_counts()  # circuit by circuit, each with all angles
    means = [correlation(found) for found in counts]
    zz, zx, xz, xx = (means[i : i + len(angles)] for i in range(0, len(means), len(angles)))
    return [a + b - c + d for a, b, c, d in zip(zz, zx, xz, xx, strict=True)]


def plot(angles: list[float], values: list[float], path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    axes = figure.subplots()
    axes.plot(angles, values, "o-")
    axes.axhspan(-2, 2, color="0.9", label="possible without entanglement")
    axes.set(xlabel="angle", ylabel="CHSH witness")
    axes.legend()
    figure.savefig(path)
    print(f"saved {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=16, help="angles (16)")
    parser.add_argument("--shots", type=int, default=2000, help="shots of each experiment (2000)")
    parser.add_argument("--plot", metavar="OUT.png", help="draw the values")
    arguments = parser.parse_args()
    angles = [2 * math.pi * i / arguments.points for i in range(arguments.points)]
    values = chsh(angles, arguments.shots)
    print("  angle  witness")
    for angle, value in zip(angles, values, strict=True):
        mark = "more than 2: entangled" if abs(value) > 2 else ""
        print(f"{angle:7.3f}  {value:+7.3f}  {mark}".rstrip())
    if arguments.plot:
        plot(angles, values, arguments.plot)


if __name__ == "__main__":
    main()
