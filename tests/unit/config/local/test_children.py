import os
import sys

import pytest

from aerq.config.local.children import Child, worker_environment


@pytest.fixture(autouse=True)
def in_tmp_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def _child(code, **options):
    return Child("the child", "child.log", [sys.executable, "-c", code], **options)


def _wait(child):
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def test_its_end_is_told_in_words():
    child = _child("raise SystemExit(3)")
    _wait(child)
    assert child.has_ended()
    assert child.how_it_ended() == "with code 3"
    child._process.wait()
    child = _child("import signal; signal.pause()")
    assert not child.has_ended()
    child.kill_group()
    _wait(child)
    assert child.how_it_ended() == "by SIGKILL"
    child._process.wait()


def test_its_log_hides_secrets_and_is_short():
    child = _child("print(input()); [print(n) for n in range(100)]; print('geheim')", standard_input="geheim\n")
    _wait(child)
    lines = child.last_lines("geheim", "").splitlines()
    assert lines[-2:] == ["99", "***"]
    assert len(lines) == 20
    child._process.wait()


def test_a_worker_gets_the_clusters_server_and_nobody_elses():
    before = {
        "PATH": "/bin",
        "AERQ_QUEUE": "mine",
        "AERQ_BROKER_URL": "redis://elsewhere",
        # these overrule an application's own configuration in Celery
        "CELERY_BROKER_URL": "redis://elsewhere",
        "CELERY_RESULT_BACKEND": "redis://elsewhere",
        "BROKER_URL": "redis://elsewhere",
    }
    assert worker_environment(before, "redis://here", "/the/cluster") == {
        "PATH": "/bin",
        "AERQ_QUEUE": "mine",
        "AERQ_BROKER_URL": "redis://here",
        "AERQ_STORE_URL": "redis://here",
        "TMPDIR": "/the/cluster",
    }
