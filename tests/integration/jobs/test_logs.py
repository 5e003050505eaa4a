"""What workers did with a job: in lines for its owner, and in the worker's own log."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from qiskit import QuantumCircuit

from aerq.jobs import AerqProvider, JobError, NoSuchJobError

TIMEOUT = 60
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def ghz(qubits, name):
    circuit = QuantumCircuit(qubits, name=name)
    circuit.h(0)
    circuit.cx(0, range(1, qubits))
    circuit.measure_all()
    return circuit


def test_a_set_tells_what_happened_in_the_order_of_time(cluster, backend):
    names = [f"{word}_{uuid.uuid4().hex}" for word in ("small", "large")]
    job_set = backend.run(
        [ghz(2, names[0]), ghz(24, names[1])], shots=30, method="statevector", max_memory_mb=64, seed_simulator=1
    )
    assert not job_set.result(TIMEOUT).success
    lines = job_set.logs()
    assert all(re.match(TIME + " ", line) for line in lines)
    assert lines == sorted(lines, key=lambda line: line[:24])
    assert re.match(rf"{TIME} job {job_set.job_id()} submitted by aerq .*, 2 tasks$", lines[0])
    text = "\n".join(lines)
    worker = job_set.worker_job(0).metrics()["worker"]
    assert f"{job_set.job_id()}.0 ('{names[0]}', 30 shots) attempt 1 starts on {worker}" in text
    assert re.search(rf"\.0 \('{names[0]}', 30 shots\) done after \d+\.\d{{3}} s in the kernel", text)
    assert re.search(rf"\.1 \('{names[1]}', 30 shots\) failed after .* in the kernel", text)
    assert len(lines) == 5

    one = AerqProvider(cluster.settings).job(f"{job_set.job_id()}.1").logs()
    assert [line for line in one if names[0] in line] == []
    assert len(one) == 3

    # the operator's side of it
    log = cluster.log_path.read_text()
    done = next(line for line in log.splitlines() if f"circuit '{names[0]}'" in line)
    assert re.search(rf"INFO/ForkPoolWorker-\d+\] job {job_set.job_id()} task 0, experiment 0: done, ", done)
    failed = next(line for line in log.splitlines() if f"circuit '{names[1]}'" in line)
    assert "WARNING" in failed
    assert "Insufficient memory" in failed


def test_a_job_that_waits_or_was_cancelled_says_so(backend):
    circuit = QuantumCircuit(1, 1, name="endless")
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.x(0)
        circuit.measure(0, 0)
    jobs = [backend.run(circuit) for _ in range(3)]  # one more than there are slots
    assert len(jobs[-1].logs()) == 1
    for job in jobs[::-1]:
        job.cancel()
    assert jobs[-1].logs()[-1].endswith("cancelled")
    assert len(jobs[-1].logs()) == 2


def test_there_are_no_lines_of_what_is_not_there(cluster, backend):
    job = backend.run(ghz(2, "gone"))
    job.result(TIMEOUT)
    AerqProvider(cluster.settings).delete_job(job.job_id())
    with pytest.raises(NoSuchJobError):
        job.logs()
    with ThreadPoolExecutor(1) as pool, pytest.raises(JobError, match="executor of yours"):
        backend.run(ghz(2, "mine"), executor=pool).logs()
