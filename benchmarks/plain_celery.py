"""Celery written plainly: the program that somebody writes in an afternoon. One circuit a task, results as JSON."""

from __future__ import annotations

import base64
import functools
import io
import os
from typing import Any

from celery import Celery
from qiskit import QuantumCircuit, qpy

#: The server, in a database of its own.
URL_VARIABLE = "BENCHMARK_CELERY_URL"

app = Celery("plain", broker=os.environ.get(URL_VARIABLE), backend=os.environ.get(URL_VARIABLE))


@functools.cache
def simulator() -> Any:
    """Aer, made once a process."""
    from qiskit_aer import AerSimulator

    return AerSimulator(max_parallel_threads=1)


@app.task(name="plain.simulate")
def simulate(circuit: str, options: dict[str, Any]) -> dict[str, int]:
    """Counts of one circuit."""
    (loaded,) = qpy.load(io.BytesIO(base64.b64decode(circuit)))
    if "noise_model" in options:
        from qiskit_aer.noise import NoiseModel

        options["noise_model"] = NoiseModel.from_dict(options["noise_model"])
    return simulator().run(loaded, **options).result().get_counts()


@app.task(name="plain.nothing")
def nothing() -> None:
    """The least that Celery can do."""


def packed(circuit: QuantumCircuit) -> str:
    """A circuit as text."""
    file = io.BytesIO()
    qpy.dump(circuit, file)
    return base64.b64encode(file.getvalue()).decode()


def plain_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options as JSON takes them; a noise model as the dictionary of its depolarizing errors."""
    if "noise_model" not in options:
        return options
    return {**options, "noise_model": options["noise_model"].to_dict(serializable=True)}
