"""Files that want to harm their parser, and circuits that cannot give counts."""

import io
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import ClassicalRegister, Parameter, QuantumRegister
from qiskit.circuit.library import efficient_su2
from qiskit_aer.noise import depolarizing_error

from aerq.jobs.cli import parser as parser_module
from aerq.jobs.cli.failures import InputError
from aerq.jobs.cli.files import load_circuits
from aerq.jobs.cli.parse_child import read_circuits
from aerq.jobs.cli.parser import Parser
from aerq.jobs.cli.sources import Kind, Source

PATH = Path("some/file")
Q2, Q3 = 'OPENQASM 2.0;include "qelib1.inc";', 'OPENQASM 3.0;include "stdgates.inc";'


@pytest.fixture(scope="module")
def shared() -> Iterator["Restarting"]:
    """One parser for all files that do not end it, because starting one takes a second."""
    restarting = Restarting()
    yield restarting
    restarting.end()


class Restarting:
    """A parser that is started again after a file has ended it."""

    def __init__(self) -> None:
        self.starts = 0
        self.running: Parser | None = None

    def parse(self, source: Source) -> bytes:
        if self.running is None:
            self.running = Parser().__enter__()
            self.starts += 1
        try:
            return self.running.parse(source)
        except InputError as error:
            if "the parser stopped" in str(error):
                self.end()
            raise

    def end(self) -> None:
        if self.running is not None:
            self.running.__exit__(None, None, None)
            self.running = None


def qasm(text: str) -> Source:
    return Source(PATH, Kind.QASM2 if "OPENQASM 2" in text else Kind.QASM3, text.encode())


def dumped(*circuits: QuantumCircuit) -> Source:
    body = io.BytesIO()
    qpy.dump(list(circuits), body)
    return Source(PATH, Kind.QPY, body.getvalue())


def refusal(parser: "Restarting | Parser", source: Source) -> str:
    with pytest.raises(InputError) as caught:
        parser.parse(source)
    said = str(caught.value)
    assert said.startswith(f"{PATH} ")
    assert "\n" not in said
    return said.removeprefix(f"{PATH} ")


@pytest.mark.parametrize(
    ("text", "operations"),
    [
        (Q2 + "qreg q[2];creg c[2];h q[0];cx q[0],q[1];measure q->c;", {"h": 1, "cx": 1, "measure": 2}),
        (Q2 + "qreg q[3];creg c[1];rccx q[0],q[1],q[2];measure q[0]->c[0];", {"rccx": 1, "measure": 1}),
        (
            Q2 + "gate my(t) a,b{rz(t) a;cx a,b;}qreg q[2];creg c[2];my(pi/3) q[0],q[1];measure q->c;",
            {"my": 1, "measure": 2},
        ),
        (Q2 + "qreg q[1];creg c[1];measure q->c;if(c==1) x q[0];", {"measure": 1, "if_else": 1}),
        (Q3 + "qubit[2] q;bit[2] c;h q[0];c = measure q;", {"h": 1, "measure": 2}),
        (
            Q3 + "qubit q;bit c;c = measure q;if(c){x q;}while(c){c = measure q;}",
            {"measure": 1, "if_else": 1, "while_loop": 1},
        ),
        (Q3 + "qubit q;bit c;if(c){c = measure q;}", {"if_else": 1}),
    ],
)
def test_openqasm_as_people_write_it(shared: Restarting, text: str, operations: dict[str, int]) -> None:
    source = qasm(text)
    (item,) = load_circuits(source, shared.parse(source))
    assert item.circuit.count_ops() == operations
    assert (item.name, item.file) == ("file", PATH)


def test_circuits_in_qpy_come_back_as_they_were(shared: Restarting) -> None:
    first = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(2, "c"), name="first", metadata={"a": [1]})
    first.append(efficient_su2(2, reps=1).assign_parameters([0.1] * 8).to_gate(), [0, 1])
    first.measure([0, 1], [0, 1])
    unnamed = QuantumCircuit(1)
    unnamed.measure_all()
    source = dumped(first, unnamed)
    loaded = load_circuits(source, shared.parse(source))
    assert loaded[0].circuit == first
    assert loaded[0].circuit.metadata == {"a": [1]}
    assert [item.name for item in loaded] == ["first", "file-1"]


def test_a_measurement_in_a_block_of_instructions_counts(shared: Restarting) -> None:
    inner = QuantumCircuit(1, 1, name="inner")
    inner.measure(0, 0)
    circuit = QuantumCircuit(1, 1)
    circuit.append(inner.to_instruction(), [0], [0])
    source = dumped(circuit)
    assert len(load_circuits(source, shared.parse(source))) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (Q2 + "qreg q[1];h q[0]", "is not valid OpenQASM 2: line 1, column "),
        (Q2 + "qreg q[1];frobnicate q[0];", "'frobnicate' is not defined in this scope"),
        ("OPENQASM 2.0;\n\nqreg q[1]; h q[0];", "is not valid OpenQASM 2: line 3, column 11: "),
        (Q3 + "qubit q; x = ;", "is not valid OpenQASM 3: line 1, column 49: no viable alternative"),
        (Q3 + "qubit[2] q; cx q[0] q[1];", "is not valid OpenQASM 3: line 1, column 56: unexpected 'q'"),
        (Q3 + "qubit q", "is not valid OpenQASM 3: line 1, column 43: the file ends too early"),
        (Q3 + "qubit q; frobnicate q;", "is not valid OpenQASM 3: line 1, column "),
        (Q2 + "qreg q[2];h q[0];", "measures and saves nothing"),
        (Q2, "measures and saves nothing"),
        (Q3 + "qubit[2] q;h q[0];", "add measurements, e.g. circuit.measure_all()"),
        (Q3 + "input float theta;qubit q;bit c;rx(theta) q;c = measure q;", "leaves 'theta' without a value"),
        (Q3 + "input int[8] n;qubit q;bit c;c = measure q;", "is not valid OpenQASM 3: "),
        (
            Q2 + "opaque save_state q;qreg q[1];creg c[1];save_state q[0];measure q->c;",
            "Aer's instruction 'save_state'",
        ),
        (Q3 + "qubit q;rx(" + "(" * 3000 + "1" + ")" * 3000 + ") q;", "nests its expressions or statements too deeply"),
        ("OPENQASM 2.0; qreg q[4000000000];", ""),
        ("OPENQASM 2.0; qreg q[99999999999999999999];", ""),
        (Q2 + "qreg q[1];rx(" + "(" * 500_000 + "1" + ")" * 500_000 + ") q[0];", ""),
    ],
    ids=lambda value: value[-60:],
)
def test_bad_openqasm_is_refused_in_one_sentence(shared: Restarting, text: str, said: str) -> None:
    assert said in refusal(shared, qasm(text))


def test_a_file_that_ends_its_parser_is_named() -> None:
    with Parser() as parser:
        assert refusal(parser, qasm("OPENQASM 2.0; qreg q[4000000000];")) in (
            "is not a readable circuit (the parser stopped)",
            "needs more than 4 GiB of memory to read",
        )


@pytest.mark.parametrize(
    ("circuit", "said"),
    [
        (QuantumCircuit(2, 2, name="idle"), "measures and saves nothing"),
        (QuantumCircuit(), "measures and saves nothing"),
    ],
)
def test_qpy_without_measurements_is_refused(shared: Restarting, circuit: QuantumCircuit, said: str) -> None:
    assert said in refusal(shared, dumped(circuit))


def test_the_circuit_in_a_file_of_several_is_named(shared: Restarting) -> None:
    good, bad = QuantumCircuit(1, name="good"), QuantumCircuit(1, name="bad")
    good.measure_all()
    said = refusal(shared, dumped(good, bad))
    assert said.startswith("holds the circuit 'bad' (number 1) that measures and saves nothing")


def test_unbound_parameters_are_named(shared: Restarting) -> None:
    circuit = QuantumCircuit(1)
    for name in "abcde":
        circuit.rx(Parameter(name), 0)
    circuit.measure_all()
    assert refusal(shared, dumped(circuit)).startswith("leaves 'a', 'b', 'c' and 2 more without a value")


def test_aers_instructions_that_qpy_loses_are_named(shared: Restarting) -> None:
    saving, noisy = QuantumCircuit(1), QuantumCircuit(1)
    saving.save_statevector()
    noisy.append(depolarizing_error(0.1, 1), [0])
    for circuit, name in ((saving, "save_statevector"), (noisy, "quantum_channel")):
        circuit.measure_all()
        assert f"uses Aer's instruction '{name}', which circuit files do not keep" in refusal(shared, dumped(circuit))


def test_qpy_without_circuits_or_cut_short_is_refused(shared: Restarting) -> None:
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    whole = dumped(circuit).data
    empty = io.BytesIO()
    qpy.dump([], empty)
    assert refusal(shared, Source(PATH, Kind.QPY, empty.getvalue())) == "holds no circuits"
    for data in (b"QISKIT", whole[:-10], whole[:30], b"QISKIT" + bytes(100), b"QISKIT\xff" + whole[7:]):
        said = refusal(shared, Source(PATH, Kind.QPY, data))
        assert said.startswith(("is not valid QPY", "holds no circuits", "is not a readable circuit"))


def test_control_flow_that_is_nested_too_deeply_is_refused(shared: Restarting) -> None:
    text = Q3 + "qubit q;bit c;c = measure q;" + "if(c){" * 60 + "x q;" + "}" * 60
    assert "too deeply" in refusal(shared, qasm(text))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RecursionError(), "nests its statements too deeply"),
        (ValueError("no way"), "cannot be sent to a worker: no way"),
    ],
)
def test_what_could_not_be_read_again_is_not_handed_back(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(file: io.BytesIO) -> None:
        raise error

    monkeypatch.setattr(qpy, "load", fail)
    with pytest.raises(Exception, match=said):
        read_circuits(Kind.QASM2, (Q2 + "qreg q[1];creg c[1];measure q->c;").encode())


@pytest.mark.parametrize("text", [Q2 + 'include "/etc/passwd";', Q3 + 'include "/etc/passwd";'])
def test_the_parser_itself_opens_no_file(shared: Restarting, text: str) -> None:
    assert re.search("unable to find '/etc/passwd'|non-stdgates imports", refusal(shared, qasm(text)))


def test_damaged_qpy_never_reaches_this_process(shared: Restarting) -> None:
    circuit = efficient_su2(4, reps=2).assign_parameters([0.3] * 24)
    with circuit.if_test((circuit.add_register(ClassicalRegister(1, "c")) or circuit.clbits[0], 1)):
        circuit.x(0)
    circuit.measure_all()
    data = dumped(circuit).data
    dice = random.Random(20261121)
    outcomes = {"loaded": 0, "refused": 0}
    for _ in range(200):
        mutated = bytearray(data)
        for _ in range(dice.randint(1, 8)):
            mutated[dice.randrange(6, len(mutated))] = dice.randrange(256)
        if dice.random() < 0.2:
            del mutated[dice.randrange(6, len(mutated)) :]
        source = Source(PATH, Kind.QPY, bytes(mutated))
        try:
            load_circuits(source, shared.parse(source))
        except InputError:
            outcomes["refused"] += 1
        else:
            outcomes["loaded"] += 1
    assert outcomes["refused"] > 20
    assert sum(outcomes.values()) == 200


def test_a_parser_that_takes_too_long_is_ended() -> None:
    text = Q3 + "qubit q;bit c;" + "x q;" * 200_000 + "c = measure q;"
    started = time.monotonic()
    with Parser(deadline_seconds=3) as parser:
        said = refusal(parser, qasm(text))
    assert "s to read; save the circuit as QPY" in said
    assert time.monotonic() - started < 20


def test_no_setting_reaches_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERQ_BROKER_URL", "redis://:secret@host/0")
    given: dict[str, str] = {}
    start = parser_module.subprocess.Popen

    def note(command: list[str], **options: object) -> object:
        given.update(options["env"])
        return start(command, **options)

    monkeypatch.setattr(parser_module.subprocess, "Popen", note)
    with Parser():
        assert "PATH" in given
        assert not any(name.startswith("AERQ_") for name in given)


@pytest.mark.usefixtures("no_child_left")
def test_no_parser_is_left_behind() -> None:
    with pytest.raises(KeyboardInterrupt), Parser():
        raise KeyboardInterrupt
