"""The same jobs through plain Celery: `AsyncResult`, `GroupResult`, and a task of your own after them.

python examples/celery_calls.py
AERQ_BROKER_URL=redis://:password@host:6379/0 python examples/celery_calls.py
"""

from celery import Celery
from qiskit import QuantumCircuit

from aerq.config.celery import create_app
from aerq.jobs import AerqProvider, AerqSimulator


def ghz(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, name=f"ghz_{qubits}")
    circuit.h(0)
    circuit.cx(0, range(1, qubits))
    circuit.measure_all()
    return circuit


def main() -> None:
    backend = AerqSimulator()
    job_set = backend.run([ghz(qubits) for qubits in range(2, 8)], shots=500, seed_simulator=1)

    # what aerq calls a job set is a group of Celery tasks, and each AerJob one task
    group = job_set.group_result()
    first = job_set.worker_job(0).async_result()
    print(f"group {group.id}: {len(group)} tasks named aerq.run_experiments")
    print(f"task  {first.id}: {first.state}")
    group.join(timeout=60)
    print(f"all ready: {group.ready()}, all successful: {group.successful()}")

    # any Celery application with the same settings sees them, for instance in another process
    app: Celery = create_app(backend.settings)
    for index in range(len(group)):
        result = app.AsyncResult(f"{job_set.job_id()}.{index}")
        print(f"{result.id[-2:]}: {result.state} after {result.get(timeout=10)['seconds'] * 1000:.2f} ms in the kernel")

    # a task of yours goes on from the id alone: ids travel, circuits and results stay in the store
    @app.task(name="example.most_frequent")  # type: ignore[untyped-decorator]
    def most_frequent(job_id: str) -> dict[str, str]:
        found = AerqProvider(backend.settings).job(job_id).result(timeout=60)
        return {
            entry.header["name"]: max(found.get_counts(i), key=found.get_counts(i).get)
            for i, entry in enumerate(found.results)
        }

    # on workers of yours: most_frequent.delay(job_id); called here, it runs in this process
    print(most_frequent(job_set.job_id()))


if __name__ == "__main__":
    main()
