"""The provider where nothing is configured."""

import os

import pytest

from aerq.config.errors import SettingsError
from aerq.config.local.shared import SharedCluster
from aerq.jobs import AerqProvider


def test_nothing_is_started_to_look_for_earlier_jobs(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.upper().startswith("AERQ_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(SharedCluster, "settings", lambda self, wished: pytest.fail("a cluster was started"))
    provider = AerqProvider()
    for ask in (provider.jobs, lambda: provider.job("one"), lambda: provider.delete_job("one")):
        with pytest.raises(SettingsError, match="there are no earlier jobs"):
            ask()
