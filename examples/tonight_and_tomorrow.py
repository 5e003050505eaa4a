"""Submit tonight and collect tomorrow: the job is in the store, and no process has to wait for it.

aerq up                                                   in another shell, or AERQ_BROKER_URL=redis://... before each
python examples/tonight_and_tomorrow.py submit
python examples/tonight_and_tomorrow.py collect           the newest job of this script; or: collect JOB_ID
python examples/tonight_and_tomorrow.py                   both, with a cluster for this process if there is none
"""

import argparse
import os
import subprocess
import sys

from qiskit import transpile
from qiskit.circuit.library import quantum_volume

from aerq.jobs import AerqProvider, AerqSimulator

TAG = "tonight"


def submit(backend: AerqSimulator) -> str:
    """Submits and forgets; the circuits' metadata is there again when the job is collected."""
    circuits = []
    for seed in range(12):
        circuit = quantum_volume(5, seed=seed)
        circuit.measure_all()
        circuit.name = f"volume_{seed}"
        circuit.metadata = {"seed": seed}
        circuits.append(circuit)
    job = backend.run(transpile(circuits, backend), shots=2000, seed_simulator=3, job_tags=[TAG])
    print(f"submitted {job.job_id()}; collect it with: python {sys.argv[0]} collect {job.job_id()}")
    return job.job_id()


def collect(job_id: str | None) -> None:
    """Shows the outcome of each circuit of a job that any process has submitted."""
    provider = AerqProvider()
    if job_id is None:
        found = provider.jobs(limit=1, job_tags=[TAG])
        if not found:
            sys.exit("no job with the tag 'tonight' is stored; submit one first")
        job = found[0]
    else:
        job = provider.job(job_id)
    print(f"{job.job_id()} is {job.status().name}")
    result = job.result(timeout=120)
    print("circuit     most frequent of 2000")
    for index, entry in enumerate(result.results):
        counts = result.get_counts(index)
        best = max(counts, key=counts.get)
        print(f"{entry.header['name']:<10}  {best} {counts[best]:4}  (its seed was {entry.header['metadata']['seed']})")
    metrics = job.metrics()
    print(f"it took {metrics['finished'] - metrics['submitted']:.2f} s from the submit to the last result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", nargs="?", choices=["submit", "collect"], help="only this step")
    parser.add_argument("job_id", nargs="?", help="the job to collect")
    arguments = parser.parse_args()
    if arguments.step == "collect":
        collect(arguments.job_id)
        return
    backend = AerqSimulator()
    job_id = submit(backend)
    if arguments.step is None:  # tomorrow is now, in a process that knows only the broker and the id
        environment = {**os.environ, **backend.settings.to_environment()}
        subprocess.run([sys.executable, __file__, "collect", job_id], env=environment, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
