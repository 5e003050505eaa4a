import os
import stat
import subprocess
import sys

import pytest

from aerq.config.errors import ClusterError
from aerq.config.local.discovery import announce, find_running
from aerq.config.settings import Settings

SETTINGS = Settings(broker_url="redis://:geheim@127.0.0.1:1234/0", queue="mine", heartbeat_seconds=2)

OWNER = """
from aerq.config.local.discovery import announce
from aerq.config.settings import Settings
with announce(Settings(broker_url="redis://:geheim@127.0.0.1:1234/0")):
    print("announced", flush=True)
    input()
"""


@pytest.fixture(autouse=True, params=["runtime", "cache"])
def place(request, monkeypatch, tmp_path):
    for name in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if request.param == "runtime":
        (tmp_path / "run").mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
        return tmp_path / "run" / "aerq"
    return tmp_path / ".cache" / "aerq"


def test_found_while_announced_and_not_after(place):
    assert find_running() is None
    with announce(SETTINGS):
        assert find_running() == SETTINGS
        assert find_running() == SETTINGS  # looking leaves no trace
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()} == {0o600}
    assert find_running() is None
    assert not list(place.glob("*.json"))


def test_only_one_is_announced():
    with announce(SETTINGS):
        with pytest.raises(ClusterError, match="another `aerq up`"), announce(SETTINGS):
            pass
        assert find_running() == SETTINGS
    with announce(SETTINGS):
        assert find_running() == SETTINGS


def test_a_file_whose_owner_was_killed_is_stale(place):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout.readline() == "announced\n"
        assert find_running().broker_url == "redis://:geheim@127.0.0.1:1234/0"
        owner.kill()
        owner.wait()
        assert list(place.glob("*.json"))
        assert find_running() is None
        with announce(SETTINGS):
            assert find_running() == SETTINGS


def test_a_forked_child_of_the_owner_neither_keeps_nor_ends_it(place):
    reading, writing = os.pipe()
    with announce(SETTINGS):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    assert find_running() is None  # though the child lives
    with announce(SETTINGS):
        os.close(writing)
        os.waitpid(child, 0)
        assert find_running() == SETTINGS
    os.close(reading)


def test_what_others_may_read_is_refused(place):
    with announce(SETTINGS):
        next(place.glob("*.json")).chmod(0o644)
        with pytest.raises(ClusterError, match="not this user's alone"):
            find_running()
    place.chmod(0o777)
    with pytest.raises(ClusterError, match="not this user's alone"):
        find_running()
    with pytest.raises(ClusterError, match="not this user's alone"), announce(SETTINGS):
        pass


def test_a_link_is_refused(place, tmp_path):
    place.parent.mkdir(exist_ok=True)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ClusterError, match="not this user's alone"):
        find_running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_belongs_to_somebody_else_is_refused(place):
    place.mkdir(mode=0o700, parents=True)
    os.chown(place, 12345, 12345)
    with pytest.raises(ClusterError, match="not this user's alone"):
        find_running()
