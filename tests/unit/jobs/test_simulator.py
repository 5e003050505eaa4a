"""The backend's options; nothing here needs a server."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from aerq.config import Settings
from aerq.jobs import AerqProvider, AerqSimulator, QobjValidationError

NOWHERE = Settings(broker_url="redis://127.0.0.1:1/0")


def test_it_is_an_aer_simulator_with_options_of_its_own():
    backend = AerqSimulator(settings=NOWHERE, method="statevector")
    assert isinstance(backend, AerSimulator)
    assert backend.name == "aer_simulator_statevector"
    assert backend.options.max_job_size == 1
    assert backend.options.method == "statevector"


def test_max_job_size_none_is_a_value():
    assert AerqSimulator(settings=NOWHERE, max_job_size=None).options.max_job_size is None
    backend = AerqSimulator(settings=NOWHERE, max_job_size="auto")
    backend.set_options(max_job_size=None)
    assert backend.options.max_job_size is None


def test_making_one_connects_to_nobody():
    assert repr(AerqSimulator(settings=NOWHERE)) == "AerqSimulator('aer_simulator')"


@pytest.mark.parametrize("name", ["aer_simulator", "basic_simulator"])
def test_a_time_limit_that_no_worker_keeps_is_refused(name):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    backend = AerqProvider(NOWHERE).get_backend(name)
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(QobjValidationError, match="time_limit_seconds=5 is kept by Celery workers"):
            backend.run(circuit, executor=executor, time_limit_seconds=5)
        assert backend.run(circuit, executor=executor, seed_simulator=1, shots=9).result(60).success
