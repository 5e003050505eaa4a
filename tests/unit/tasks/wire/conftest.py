"""Runs Aer locally before and after a trip, and compares all that it returns."""

import numpy as np
import pytest
from qiskit_aer import AerSimulator

#: What Aer reports of time and of the machine's momentary state.
VOLATILE = {
    *("time_taken", "date", "job_id", "metadata_time", "time_taken_execute", "time_taken_parameter_binding"),
    *("sample_measure_time", "fusion_time", "time_taken_load_qobj", "backend_version"),
}


def assert_same(first, second, path="output"):
    """Asserts equal types, and for arrays equal dtype, shape and bytes."""
    assert type(first) is type(second), path
    if isinstance(first, dict):
        assert list(first) == list(second), path
        for key in first:
            if key not in VOLATILE:
                assert_same(first[key], second[key], f"{path}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), path
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_same(one, other, f"{path}[{index}]")
    elif isinstance(first, np.ndarray):
        assert (first.dtype, first.shape) == (second.dtype, second.shape), path
        assert first.tobytes() == second.tobytes(), path
    elif isinstance(first, float | complex):
        assert np.array(first).tobytes() == np.array(second).tobytes(), path
    else:
        assert first == second, path


@pytest.fixture(name="assert_same", scope="session")
def _assert_same():
    return assert_same


@pytest.fixture(scope="session")
def run_local():
    """Aer's raw output for one circuit, or the type and text of the error that it raises."""

    def run(circuit, *, method="automatic", shots=7, seed=11, noise_model=None):
        options = {"seed_simulator": seed, "shots": shots, "memory": True, "max_parallel_threads": 1}
        if noise_model is not None:
            options["noise_model"] = noise_model
        simulator = AerSimulator(method=method)
        try:
            return simulator._execute_circuits_job([circuit], None, options, format_result=False)
        except Exception as error:
            return (type(error), str(error))

    return run
