"""`aerq run` from files to counts, with Aer in this process in place of the workers."""

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qasm2, qasm3, transpile
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator

from aerq.config.errors import AerqError, UnavailableError
from aerq.jobs.cli import run as run_module
from aerq.jobs.cli.backends import BackendChoice
from aerq.jobs.errors import JobCancelledError, JobError, JobTimeoutError, QobjValidationError


def counts_of_local_aer(circuit: QuantumCircuit, backend: AerSimulator, seed: int, shots: int, index: int) -> dict:
    """What local Aer gives for a circuit that stands at that place of a batch."""
    ready = transpile(circuit, backend, seed_transpiler=seed)
    result = backend.run([ready] * (index + 1), shots=shots, seed_simulator=seed).result()
    return dict(result.get_counts(index))


class FakeJob:
    """A job that raises when its result is asked for."""

    def __init__(self, error: BaseException, on_cancel: BaseException | None = None) -> None:
        self.error, self.on_cancel, self.cancels = error, on_cancel, 0

    def job_id(self) -> str:
        return "the-job"

    def result(self, timeout: float | None = None) -> None:
        raise self.error

    def cancel(self) -> None:
        self.cancels += 1
        if self.on_cancel is not None:
            raise self.on_cancel


class FakeBackend:
    """A backend whose `run` gives a job, or raises, or is interrupted before it returns."""

    num_qubits = 30

    def __init__(self, gives: "FakeJob | BaseException", signal_during_run: signal.Signals | None = None) -> None:
        self.gives, self.signal, self.options = gives, signal_during_run, {}

    def run(self, circuits: list[QuantumCircuit], **options: object) -> FakeJob:
        self.options = {"circuits": circuits, **options}
        if self.signal is not None:
            signal.raise_signal(self.signal)
        if isinstance(self.gives, BaseException):
            raise self.gives
        return self.gives


def connect_to(monkeypatch: pytest.MonkeyPatch, backend: FakeBackend) -> list[str]:
    """Makes runs use that backend; returns what has happened to its connection."""
    events = []

    @contextlib.contextmanager
    def connect(self: BackendChoice, target: object) -> Iterator[FakeBackend]:
        events.append("opened")
        try:
            yield backend
        finally:
            events.append("closed")

    monkeypatch.setattr(BackendChoice, "connect", connect)
    return events


def test_all_kinds_of_files_run_as_one_job_equal_to_local_aer(aerq) -> None:
    first, second = QuantumCircuit(3, name="own name"), QuantumCircuit(2)
    first.h(range(3))
    second.h(0)
    for circuit in (first, second):
        circuit.measure_all()
    bell, ghz, both = aerq.bell("bell"), aerq.ghz(), aerq.qpy("two.qpy", first, second)
    result = aerq("run", bell, ghz, both, "--seed", "11", "--shots", "300")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert aerq.connected == 1
    document = json.loads(result.stdout)
    assert set(document) == {"job_id", "status", "seed", "seconds", "circuits"}
    assert (document["status"], document["seed"]) == ("DONE", 11)
    assert document["seconds"] > 0
    circuits = document["circuits"]
    assert [entry["name"] for entry in circuits] == ["bell", "ghz", "own name", "two-1"]
    assert [entry["file"] for entry in circuits] == [str(bell), str(ghz), str(both), str(both)]
    assert [entry["qubits"] for entry in circuits] == [2, 3, 3, 2]
    parsed = [qasm2.load(bell), qasm3.load(ghz), first, second]
    for index, (entry, circuit) in enumerate(zip(circuits, parsed, strict=True)):
        assert set(entry) == {"name", "file", "qubits", "shots", "seed", "method", "counts", "status", "error"}
        assert (entry["status"], entry["error"], entry["shots"]) == ("DONE", None, 300)
        assert entry["seed"] == 11 + 2113 * index
        assert entry["method"] == "stabilizer"
        assert entry["counts"] == counts_of_local_aer(circuit, AerSimulator(), 11, 300, index)


def test_a_method_is_used(aerq) -> None:
    result = aerq("run", aerq.bell(), "--method", "matrix_product_state")
    assert json.loads(result.stdout)["circuits"][0]["method"] == "matrix_product_state"


def test_without_a_seed_one_is_drawn_and_repeats_the_run(aerq) -> None:
    first = json.loads(aerq("run", aerq.bell()).stdout)
    again = json.loads(aerq("run", aerq.bell(), "--seed", str(first["seed"])).stdout)
    assert first["circuits"] == again["circuits"]


def test_device_noise_is_that_of_the_documented_device(aerq) -> None:
    path = aerq.bell()
    result = aerq("run", path, "--noise-from-device", "3", "--seed", "5", "--shots", "200")
    assert result.exit_code == 0, result.stderr
    device = AerSimulator.from_backend(GenericBackendV2(3, seed=42, control_flow=True))
    entry = json.loads(result.stdout)["circuits"][0]
    assert entry["counts"] == counts_of_local_aer(qasm2.load(path), device, 5, 200, 0)
    assert set(entry["counts"]) > {"00", "11"}
    assert entry["qubits"] == 2
    assert "GenericBackendV2(N, seed=42, control_flow=True)" in " ".join(aerq("run", "--help").stdout.split())


def test_openqasm3_control_flow_runs_on_the_device(aerq) -> None:
    text = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; c[0] = measure q[0];'
    path = aerq.write("dynamic.qasm", text + "if (c[0]) { x q[1]; } c[1] = measure q[1];")
    assert aerq("run", path, "--noise-from-device", "2").exit_code == 0
    assert set(json.loads(aerq("run", path).stdout)["circuits"][0]["counts"]) == {"00", "11"}


def test_on_a_terminal_there_is_a_table(aerq, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(run_module, "stdout_is_a_terminal", Terminal().isatty)
    table = aerq("run", aerq.bell(), "--seed", "1")
    assert "Outcome" in table.stdout
    assert "seed 1" in table.stdout
    assert json.loads(aerq("run", aerq.bell(), "--json").stdout)["status"] == "DONE"


def test_a_plot_is_a_png(aerq) -> None:
    plot = aerq.folder / "out.png"
    assert aerq("run", aerq.bell(), aerq.ghz(), "--plot", plot).exit_code == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_circuit_that_fails_is_told_beside_those_that_ran(aerq, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = QuantumCircuit(24)
    wide.h(range(24))
    wide.t(range(24))
    wide.measure_all()

    @contextlib.contextmanager
    def connect(self: BackendChoice, target: object) -> Iterator[AerSimulator]:
        yield AerSimulator(method="statevector", max_memory_mb=16)

    monkeypatch.setattr(BackendChoice, "connect", connect)
    result = aerq("run", aerq.bell(), aerq.qpy("wide.qpy", wide))
    assert result.exit_code == 1
    assert result.stderr.startswith("aerq: 1 of 2 circuits failed; 'wide': Insufficient memory")
    assert result.stderr.count("\n") == 1
    document = json.loads(result.stdout)
    assert document["status"] == "ERROR"
    good, bad = document["circuits"]
    assert good["status"] == "DONE"
    assert sum(good["counts"].values()) == 1024
    assert (bad["status"], bad["counts"], bad["seed"], bad["method"]) == ("ERROR", None, None, None)
    assert bad["error"].startswith("Insufficient memory")


def test_the_only_circuit_that_fails_is_named(aerq) -> None:
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; h q[0]; t q[0]; h q[0]; measure q -> c;'
    result = aerq("run", aerq.write("t.qasm", text), "--method", "stabilizer")
    assert result.exit_code == 1
    assert result.stderr.startswith("aerq: the circuit 't' failed: ")


# -- refused, with nothing started ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--shots", "0"], "Invalid value for '--shots': 0 is not in the range x>=1"),
        (["--shots", "-5"], "Invalid value for '--shots'"),
        (["--shots", "many"], "Invalid value for '--shots'"),
        (["--shotz", "3"], "No such option '--shotz'"),
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (["--seed", str(2**63)], "Invalid value for '--seed'"),
        (["--method", "guess"], "Invalid value for '--method'"),
        (["--noise-from-device", "1"], "Invalid value for '--noise-from-device'"),
        (["--workers", "0"], "Invalid value for '--workers'"),
        (["--timeout", "0"], "Invalid value for '--timeout'"),
        (["--timeout", "nan"], "Invalid value for '--timeout': it must be a finite number of seconds"),
        (["--timeout", "inf"], "Invalid value for '--timeout': it must be a finite number of seconds"),
        (["--plot", "out.pdf"], "the plot out.pdf must have a name that ends in .png"),
        (["--plot", "missing/out.png"], "the plot missing/out.png cannot be written: its directory does not exist"),
    ],
)
def test_bad_options_are_refused(aerq, args: list[str], said: str) -> None:
    assert aerq.refused("run", aerq.bell(), *args).startswith(f"aerq: {said}")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.qasm", None, "does not exist"),
        ("empty.qasm", "", "is empty"),
        ("text.qasm", "hello", "is not a circuit in OpenQASM 2, OpenQASM 3 or QPY"),
        ("pickle.qpy", b"\x80\x04K\x01.", "is not a circuit in OpenQASM 2, OpenQASM 3 or QPY"),
        ("include.qasm", 'OPENQASM 2.0; include "/etc/passwd";', 'includes another file, "/etc/passwd"'),
        ("broken.qasm", "OPENQASM 2.0; qreg q[1]", "is not valid OpenQASM 2: line 1, column"),
        ("silent.qasm", "OPENQASM 2.0; qreg q[1];", "measures and saves nothing"),
        ("huge.qasm", "OPENQASM 2.0; qreg q[4000000000];", ""),
    ],
)
def test_a_bad_file_is_refused_and_the_good_one_beside_it_does_not_run(
    aerq, name: str, content: str | bytes | None, said: str, no_child_left: None
) -> None:
    if content is not None:
        aerq.write(name, content)
    sentence = aerq.refused("run", aerq.bell(), name)
    assert sentence.startswith(f"aerq: {name} {said}")


def test_a_directory_is_refused(aerq) -> None:
    assert "is a directory" in aerq.refused("run", aerq.folder)


def test_circuits_wider_than_the_device_are_refused(aerq) -> None:
    sentence = aerq.refused("run", aerq.ghz("wide.qasm"), "--noise-from-device", "2")
    assert sentence.endswith("wide.qasm: the circuit 'wide' has 3 qubits, the device of --noise-from-device 2 has 2")


def test_circuits_wider_than_any_slot_are_refused(aerq) -> None:
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[70]; creg c[70]; h q; measure q -> c;'
    path = aerq.write("wide.qasm", text)
    sentence = aerq.refused("run", path)
    assert (
        "the circuit 'wide' has 70 qubits, and with the method automatic no worker slot can hold more than " in sentence
    )
    assert "matrix_product_state (for Clifford circuits also stabilizer)" in sentence
    aerq.refused("run", path, "--method", "matrix_product_state")
    assert aerq("run", path, "--method", "stabilizer").exit_code == 0


def test_a_slot_smaller_than_this_machine_refuses_too(aerq, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FakeBackend(AerqError("must not run"))
    backend.num_qubits = 2
    connect_to(monkeypatch, backend)
    assert "no worker slot can hold more than 2;" in aerq.refused("run", aerq.ghz())
    assert backend.options == {}


def test_what_no_backend_gate_can_express_is_refused(aerq) -> None:
    text = "OPENQASM 2.0; opaque magic q; qreg q[1]; creg c[1]; magic q[0]; measure q -> c;"
    sentence = aerq.refused("run", aerq.write("magic.qasm", text))
    assert "the circuit 'magic' cannot run: " in sentence


# -- ends of a job -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "said", "cancels"),
    [
        (JobError("task 0 failed: oh"), 1, "job the-job: task 0 failed: oh", 0),
        (JobCancelledError("it was cancelled"), 1, "job the-job: it was cancelled", 0),
        (UnavailableError("the store does not answer"), 1, "job the-job: the store does not answer", 0),
        (JobTimeoutError("too late"), 3, "job the-job was not done after 2.5 s; job the-job is cancelled", 1),
        (KeyboardInterrupt(), 130, "interrupted; job the-job is cancelled", 1),
    ],
)
def test_a_job_that_ends_badly(
    aerq, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str, cancels: int
) -> None:
    job = FakeJob(error)
    events = connect_to(monkeypatch, FakeBackend(job))
    result = aerq("run", aerq.bell(), "--timeout", "2.5")
    assert (result.exit_code, result.stderr, result.stdout) == (code, f"aerq: {said}\n", "")
    assert job.cancels == cancels
    assert events == ["opened", "closed"]


@pytest.mark.parametrize("error", [QobjValidationError("refused"), UnavailableError("no broker at redis://:***@h")])
def test_a_job_that_is_not_taken_is_refused(aerq, monkeypatch: pytest.MonkeyPatch, error: AerqError) -> None:
    events = connect_to(monkeypatch, FakeBackend(error))
    assert aerq.refused("run", aerq.bell()) == f"aerq: {error}"
    assert events == ["opened", "closed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_job_is_submitted_cancels_it(
    aerq, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    job = FakeJob(AssertionError("the result was waited for"))
    connect_to(monkeypatch, FakeBackend(job, number))
    result = aerq("run", aerq.bell())
    assert (result.exit_code, job.cancels) == (130, 1)


def test_a_job_that_cannot_be_cancelled_is_told(aerq, monkeypatch: pytest.MonkeyPatch) -> None:
    job = FakeJob(KeyboardInterrupt(), on_cancel=UnavailableError("gone"))
    connect_to(monkeypatch, FakeBackend(job))
    result = aerq("run", aerq.bell())
    assert result.exit_code == 130
    assert result.stderr == (
        "aerq: interrupted; job the-job could not be cancelled, because its store does not answer\n"
    )


def test_an_interrupt_before_there_is_a_job(aerq, monkeypatch: pytest.MonkeyPatch, no_child_left: None) -> None:
    def interrupt(self: BackendChoice, width: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BackendChoice, "target", interrupt)
    result = aerq("run", aerq.bell())
    assert (result.exit_code, result.stderr, aerq.connected) == (130, "aerq: interrupted\n", 0)


def test_the_job_is_submitted_as_it_was_asked_for(aerq, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FakeBackend(FakeJob(JobError("enough")))
    connect_to(monkeypatch, backend)
    aerq("run", aerq.bell("a"), aerq.ghz("b"), "--shots", "17", "--seed", "4")
    assert [circuit.name for circuit in backend.options["circuits"]] == ["a", "b"]
    assert (backend.options["shots"], backend.options["seed_simulator"]) == (17, 4)


def test_a_folder_that_vanishes_before_the_plot_is_one_sentence(aerq, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device", "out.png")

    monkeypatch.setattr("aerq.jobs.cli.plots.write_plot", fail)
    result = aerq("run", aerq.bell(), "--plot", Path("out.png"))
    assert (result.exit_code, result.stderr) == (1, "aerq: out.png: No space left on device\n")
    assert json.loads(result.stdout)["status"] == "DONE"
