"""The backend's options; nothing here needs a server."""

from qiskit_aer import AerSimulator

from aerq.config import Settings
from aerq.jobs import AerqSimulator

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
