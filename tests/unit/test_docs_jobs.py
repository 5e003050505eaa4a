"""The page on jobs names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_test_that_the_page_names_is_there():
    page = (ROOT / "docs" / "jobs.md").read_text()
    named = re.findall(r"`((?:unit|integration)/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 30
    for path, test in named:
        source = (ROOT / "tests" / path).read_text()
        assert not test or f"def {test}(" in source, f"{path}::{test}"
