"""`aerq result` that is interrupted."""

import pytest
from click.testing import CliRunner

from aerq.jobs.cli import cluster, results
from aerq.jobs.cli.main import cli


def test_an_interrupted_wait_says_that_the_job_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(job: object, timeout: float | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "find_job", lambda job_id: object())
    monkeypatch.setattr(results, "_collected", interrupted)
    result = CliRunner().invoke(cli, ["result", "the-job", "--wait"])
    assert (result.exit_code, result.stderr) == (130, "aerq: interrupted; job the-job runs on\n")
