"""What tests of several folders share: the rig of the chaos tests, a RabbitMQ server of their own, circuits."""

import signal
import sys
from pathlib import Path

import pytest

# The rig is a package beside the chaos tests; workers and a process for local Aer import it too.
sys.path.insert(0, str(Path(__file__).parent / "chaos"))


def pytest_configure():
    """Lets Ctrl-C reach what the tests start: where they run in the background, all processes inherit its neglect."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory):
    """A RabbitMQ server; whoever stops it starts it again, and deletes the queues that it made."""
    from rig.rabbitmq import RabbitMQ

    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start()
        yield server
    finally:
        server.end()


@pytest.fixture
def each_shot():
    """Makes a circuit of so many qubits of which each shot is simulated on its own."""
    from qiskit import QuantumCircuit

    def made(qubits):
        circuit = QuantumCircuit(qubits, qubits)
        circuit.h(0)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
        circuit.measure(0, 0)
        circuit.ry(0.3, 0)
        circuit.measure(range(qubits), range(qubits))
        return circuit

    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    running = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and hasattr(running, "logs"):
        report.sections.append(("logs of the cluster", running.logs()))
    return report
