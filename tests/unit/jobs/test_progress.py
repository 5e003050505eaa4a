"""The bar of `progress()` in a terminal, in a notebook with and without widgets, and in a pipe."""

import importlib.util
import io
import sys
import types

import pytest
from rich.console import Console

from aerq.jobs.progress import draw_progress


def test_a_terminal_shows_a_bar_that_ends_full():
    out = io.StringIO()
    draw_progress("job [a]", 3, iter("xyz"), Console(file=out, force_terminal=True, width=100))
    assert "job [a]" in out.getvalue()
    assert "3/3" in out.getvalue()


def test_a_pipe_shows_nothing_and_all_jobs_are_waited_for():
    out, ended = io.StringIO(), iter("xyz")
    draw_progress("job", 3, ended, Console(file=out, force_terminal=False))
    assert out.getvalue().strip() == ""
    assert list(ended) == []


class Shown:
    def __init__(self, first):
        self.lines = [first["text/plain"]]

    def update(self, data, *, raw):
        assert raw
        self.lines.append(data["text/plain"])


@pytest.fixture
def notebook(monkeypatch):
    """A notebook without widgets, as far as it is asked; and what it shows."""
    shown = []

    def display(data, *, raw, display_id):
        assert raw
        assert display_id
        shown.append(Shown(data))
        return shown[-1]

    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ipywidgets" else find(name))
    return shown


def test_a_notebook_without_widgets_shows_a_line_that_grows(notebook):
    draw_progress("job j", 4, iter("wxyz"), Console(file=io.StringIO(), force_jupyter=True))
    (shown,) = notebook
    assert [line.split("/")[0][-1] for line in shown.lines] == list("01234")
    assert [line.count("━") for line in shown.lines] == [0, 10, 20, 30, 40]


def test_what_ends_late_is_raised_from_the_bar(notebook):
    def ended():
        yield "x"
        raise TimeoutError("late")

    for console in (Console(file=io.StringIO(), force_jupyter=True), Console(file=io.StringIO(), force_terminal=True)):
        with pytest.raises(TimeoutError, match="late"):
            draw_progress("job", 2, ended(), console)
