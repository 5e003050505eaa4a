"""The documents: every test that one names is there, and the page on fidelity leaves no feature of Aer's out."""

import ast
import re
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator, noise
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError

from aerq.jobs.operator_options import OPERATOR_OPTIONS
from aerq.jobs.options import OWN_OPTIONS, known_options

ROOT = Path(__file__).parents[2]
DOCUMENTS = {path.name: path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
NAMED = sorted(
    (document, "tests/" + path, name)
    for document, text in DOCUMENTS.items()
    for path, name in set(re.findall(r"((?:unit|integration|fidelity)/[\w/.-]+\.py)::([\w:]+)", text))
)
FIDELITY = DOCUMENTS["fidelity.md"]
ROWS = [line for line in FIDELITY.splitlines() if line.startswith("| ")]
CONTROL_FLOW = ("if_test", "for_loop", "while_loop", "switch", "break_loop", "continue_loop")


def functions(path):
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def methods(prefix):
    """Aer's methods of circuits."""
    assert AerSimulator  # which adds them
    return [name for name in vars(QuantumCircuit) if name.startswith(prefix)]


def noise_classes():
    classes = [getattr(noise, name) for name in dir(noise)]
    errors = [kind for kind in classes if isinstance(kind, type) and issubclass(kind, BaseQuantumError)]
    return sorted({kind.__name__ for kind in errors} | {"NoiseModel", "ReadoutError", "RelaxationNoisePass"})


@pytest.mark.parametrize(("document", "path", "name"), NAMED)
def test_a_test_that_a_document_names_is_there(document, path, name):
    assert name.rpartition(":")[2] in functions(ROOT / path), document


def test_every_row_on_fidelity_names_a_test():
    rows = [line for line in ROWS if not line.startswith(("| what", "| feature", "| option"))]
    assert len(rows) > 40
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            *AerSimulator._default_options(),
            *known_options(),
            *OWN_OPTIONS,
            *OPERATOR_OPTIONS,
            *methods("save_"),
            *methods("set_"),
            *noise_classes(),
            *CONTROL_FLOW,
            *("SamplerV2", "EstimatorV2", "BackendSamplerV2", "BackendEstimatorV2", "parameter_binds"),
        }
    ),
)
def test_every_feature_of_aer_has_a_row_on_fidelity(name):
    assert any(f"`{name}`" in row or f"`{name}=" in row for row in ROWS)
