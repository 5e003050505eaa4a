"""The embedded cluster's processes: ready soon, private, and gone with their owner by whatever death."""

import base64
import contextlib
import gc
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from aerq.config import LocalCluster, Settings
from aerq.config.celery import create_app
from aerq.config.errors import ClusterError, SettingsError
from aerq.jobs import AerqSimulator

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")

# The start of a script that owns a cluster: it prints the cluster's directory and does what follows. It hears SIGHUP,
# which is ignored under nohup, by children too.
OWNER = """
import os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from aerq.config import LocalCluster
cluster = LocalCluster(workers=2).start()
print(cluster.log_path.parent, flush=True)
"""


def members(directory) -> list[psutil.Process]:
    """All processes of a cluster, known by the directory that they work in."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(directory) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def member(processes, *words) -> psutil.Process:
    """The oldest of the processes whose arguments hold these words."""
    fitting = [process for process in processes if all(word in " ".join(process.cmdline()) for word in words)]
    return min(fitting, key=lambda process: (process.create_time(), process.pid))


def assert_gone(processes, seconds=5.0) -> None:
    """Waits until none of them runs; one that init has still to reap does not run."""
    assert processes
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def wait_until(fact, seconds=30):
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not fact():
        assert time.monotonic() < deadline
        pause.wait(0.02)


def assert_removed(directory) -> None:
    wait_until(lambda: not Path(directory).exists(), seconds=5.0)


@pytest.fixture
def script():
    """Runs a script that owns a cluster; gives the process, the cluster's directory and its processes."""
    owners = []

    def run(rest, **options):
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER + rest],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        owners.append(owner)
        directory = Path(owner.stdout.readline().strip())
        found = members(directory)
        assert len(found) == 5  # supervisor, server, worker, two slots
        return owner, directory, found

    yield run
    for owner in owners:
        owner.kill()
        owner.communicate()


@pytest.fixture
def temporary(monkeypatch, tmp_path):
    """A place for temporary directories, to see that none is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the processes of the cluster
    return tmp_path


def test_start_and_stop_leave_nothing(temporary, record_property):
    before = time.monotonic()
    cluster = LocalCluster(workers=2)
    with pytest.raises(ClusterError, match="has not been started"):
        _ = cluster.settings
    with cluster:
        seconds = time.monotonic() - before
        record_property("seconds_to_ready", round(seconds, 2))
        print(f"ready after {seconds:.2f} s")
        assert cluster.workers == 2
        assert cluster.is_running()
        assert cluster.start() is cluster
        found = members(cluster.log_path.parent)
        assert len(found) == 5
        assert repr(cluster) == "<LocalCluster: 2 slots, running>"
    assert not cluster.is_running()
    assert_gone(found, seconds=0)
    assert not list(temporary.iterdir())
    cluster.stop()


def test_ready_means_that_the_worker_answers():
    with LocalCluster(workers=1) as cluster:
        app = create_app(cluster.settings)
        try:
            assert len(app.control.ping(timeout=10, limit=1)) == 1
        finally:
            app.close()


@pytest.mark.parametrize(
    ("rest", "number"),
    [
        ("signal.pause()", signal.SIGKILL),
        ("signal.pause()", signal.SIGTERM),
        ("signal.pause()", signal.SIGHUP),
        ("sys.exit(3)", None),
        ("raise RuntimeError", None),
        ("os._exit(0)", None),
        ("os.abort()", None),
    ],
)
def test_nothing_outlives_its_owner(script, rest, number):
    owner, directory, found = script(("input();" if number is None else "") + rest, stderr=subprocess.DEVNULL)
    if number is None:
        owner.stdin.write("\n")
        owner.stdin.flush()
    else:
        owner.send_signal(number)
    assert_gone(found)
    assert_removed(directory)


@linux_only
def test_a_forked_child_of_the_owner_does_not_keep_the_cluster(script):
    code = """
child = os.fork()
if child == 0:
    signal.pause()
print(child, flush=True)
signal.pause()
"""
    owner, directory, found = script(code)
    child = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    assert_gone(found)
    assert_removed(directory)
    assert child.is_running()
    child.kill()


def test_a_forked_child_uses_the_cluster_and_does_not_end_it(script):
    code = """
import redis
child = os.fork()
if child == 0:
    redis.Redis.from_url(cluster.settings.store_url).set("from", "child")
    assert cluster.is_running()
    cluster.stop()
    assert cluster.is_running()
    sys.exit(7)  # with all that runs at exit
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
assert cluster.is_running()
print(redis.Redis.from_url(cluster.settings.store_url).get("from"), flush=True)
input()
"""
    owner, directory, found = script(code)
    assert owner.stdout.readline() == "7\n"
    assert owner.stdout.readline() == "b'child'\n"
    assert directory.exists()
    assert all(process.is_running() for process in found)
    owner.communicate("\n")
    assert_gone(found)


def test_ctrl_c_in_a_terminal_is_the_owners_business(script):
    code = """
try:
    print("waiting", flush=True)
    while True: signal.pause()
except KeyboardInterrupt:
    print(cluster.is_running(), flush=True)
input()
print(cluster.is_running(), flush=True)
"""
    owner, _, found = script(code, start_new_session=True)
    # a terminal's signals reach no other session than its own
    assert owner.pid not in {os.getsid(process.pid) for process in found}
    assert owner.stdout.readline() == "waiting\n"
    os.killpg(owner.pid, signal.SIGINT)
    assert owner.stdout.readline() == "True\n"
    assert owner.communicate("\n")[0] == "True\n"
    assert_gone(found)


def bell():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.measure_all()
    return circuit


@linux_only
def test_nothing_outlives_the_supervisor(temporary):
    cluster = LocalCluster(workers=2).start()
    found = members(cluster.log_path.parent)
    member(found, "aerq.config.local.supervisor").kill()
    assert_gone(found)
    assert not cluster.is_running()
    cluster.stop()
    assert not list(temporary.iterdir())


def test_a_cluster_that_lost_its_server_ends_and_says_so(temporary, caplog):
    cluster = LocalCluster(workers=2).start()
    found = members(cluster.log_path.parent)
    member(found, "valkey-server").kill()
    assert_gone(found)
    assert not cluster.is_running()
    cluster.stop()
    assert "ended by SIGKILL" in caplog.text
    assert not list(temporary.iterdir())


def test_a_worker_that_was_killed_is_replaced_and_its_tasks_run_on():
    circuit = bell()
    settings = Settings(heartbeat_seconds=0.3, message_seconds=0)
    with LocalCluster(workers=2, settings=settings) as cluster:
        job = AerqSimulator(settings=cluster.settings).run([circuit] * 300, seed_simulator=1, max_job_size=1)
        first = member(members(cluster.log_path.parent), "celery", "worker")
        slots = first.children()
        first.kill()
        assert_gone([first, *slots])
        wait_until(lambda: not any(psutil.pid_exists(slot.pid) for slot in slots))  # not even as zombies
        assert (
            job.result(timeout=60).get_counts()
            == AerSimulator().run([circuit] * 300, seed_simulator=1).result().get_counts()
        )
        assert cluster.is_running()
        assert "the worker ended by SIGKILL; another one takes its place" in cluster.log_path.read_text()


def test_a_cluster_whose_workers_end_again_and_again_before_they_are_ready_ends(caplog):
    cluster = LocalCluster(workers=1).start()
    deadline = time.monotonic() + 30
    while cluster.is_running() and time.monotonic() < deadline:
        for process in members(cluster.log_path.parent):
            with contextlib.suppress(psutil.Error):
                if "celery" in process.cmdline():
                    process.kill()
    assert not cluster.is_running()
    cluster.stop()
    assert "the worker ended by SIGKILL" in caplog.text


def test_a_worker_that_was_told_to_end_is_replaced_too():
    with LocalCluster(workers=1) as cluster:
        backend = AerqSimulator(settings=cluster.settings)
        done = backend.run(bell(), shots=10)
        done.result(timeout=60)
        worker = member(members(cluster.log_path.parent), "celery", "worker")
        worker.terminate()
        assert_gone([worker], seconds=30)
        assert backend.run(bell(), shots=10).result(timeout=60).success
        assert done.result().success
        assert cluster.is_running()
        assert "the worker ended with code 0; another one takes its place" in cluster.log_path.read_text()


def test_a_cluster_that_ended_can_be_started_again():
    with LocalCluster(workers=1) as cluster:
        first = cluster.settings
        found = members(cluster.log_path.parent)
        member(found, "valkey-server").kill()
        assert_gone(found)
        cluster.start()
        assert cluster.is_running()
        assert cluster.settings.broker_url != first.broker_url


def test_a_slot_that_hears_no_signal_is_killed():
    cluster = LocalCluster(workers=2).start()
    found = members(cluster.log_path.parent)
    worker = member(found, "celery", "worker")
    for slot in worker.children():
        slot.suspend()  # deaf, as a kernel is
    before = time.monotonic()
    cluster.stop()
    assert time.monotonic() - before < 5
    assert_gone(found, seconds=0)


def test_two_side_by_side():
    with LocalCluster(workers=1) as one, LocalCluster(workers=1) as two:
        urls = [urlsplit(cluster.settings.require_store_url()) for cluster in (one, two)]
        assert urls[0].port != urls[1].port
        assert urls[0].password != urls[1].password
        with redis.Redis.from_url(one.settings.require_store_url()) as client:
            client.set("whose", "one")
        with redis.Redis.from_url(two.settings.require_store_url()) as client:
            assert client.get("whose") is None
        with (
            redis.Redis(port=urls[1].port, password=urls[0].password) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
        found = members(two.log_path.parent)
        one.stop()
        assert two.is_running()
        assert all(process.is_running() for process in found)


def test_secrets_stay_private():
    with LocalCluster(workers=1) as cluster:
        url = urlsplit(cluster.settings.require_broker_url())
        with redis.Redis(port=url.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        directory = cluster.log_path.parent
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        for process in members(directory):
            assert url.password not in " ".join(process.cmdline())
        for path in directory.iterdir():
            if path.is_file():
                assert url.password not in path.read_text()
        assert url.password not in repr(cluster) + repr(cluster.settings)
        with redis.Redis.from_url(cluster.settings.require_store_url()) as client:
            assert client.config_get("bind")["bind"] == "127.0.0.1"
            assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
            assert client.config_get("save")["save"] == ""


def test_a_worker_that_cannot_start_is_told_with_its_log(temporary):
    with pytest.raises(ClusterError, match=r"the worker ended with code [12]; its log ends with:\n") as caught:
        LocalCluster(workers=1, _app="aerq.absent").start()
    assert "aerq.absent" in str(caught.value)
    assert not members_below(temporary)
    assert not list(temporary.iterdir())


def test_a_start_that_takes_too_long_is_given_up(temporary):
    before = time.monotonic()
    with pytest.raises(ClusterError, match=r"not ready within 0\.3 seconds|did not start"):
        LocalCluster(workers=1, start_timeout_seconds=0.3).start()
    assert time.monotonic() - before < 10
    assert not members_below(temporary)
    assert not list(temporary.iterdir())


def members_below(directory) -> list[psutil.Process]:
    """Processes that work somewhere below a directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(directory)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_settings_are_taken_over_and_other_servers_are_not(monkeypatch):
    for name in ("AERQ_BROKER_URL", "AERQ_STORE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "BROKER_URL"):
        monkeypatch.setenv(name, "redis://127.0.0.1:1/0")
    with LocalCluster(workers=1, settings=Settings(queue="mine"), log_level="DEBUG") as cluster:
        assert cluster.settings.queue == "mine"
        assert cluster.settings.broker_url == cluster.settings.store_url != "redis://127.0.0.1:1/0"
        log = cluster.log_path.read_text()
        assert "mine" in log
        assert "DEBUG" in log


def test_a_forgotten_cluster_ends():
    cluster = LocalCluster(workers=1).start()
    found = members(cluster.log_path.parent)
    del cluster
    gc.collect()
    assert_gone(found, seconds=0)


def test_flower_is_for_this_user_alone():
    with LocalCluster(workers=1, flower=True) as cluster:
        url = urlsplit(cluster.flower_url)
        page = f"http://{url.hostname}:{url.port}/"
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(page, timeout=10)
        refused.value.close()
        token = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        request = urllib.request.Request(page, headers={"Authorization": f"Basic {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        found = members(cluster.log_path.parent)
        assert url.password not in " ".join(" ".join(process.cmdline()) for process in found)
    assert_gone(found, seconds=0)


@pytest.mark.parametrize("arguments", [{"workers": 0}, {"workers": True}, {"start_timeout_seconds": 0}])
def test_arguments_that_cannot_be_used(arguments):
    with pytest.raises(SettingsError, match=r"at least one worker|greater than 0"):
        LocalCluster(**arguments)


def test_a_second_ctrl_c_while_the_cluster_ends_is_quiet_and_ends_it_at_once(temporary):
    # the wait for the supervisor at the interpreter's end is interrupted, as by a key at that moment
    script = """
import subprocess
from aerq.config import LocalCluster
cluster = LocalCluster(workers=1).start()
wait = subprocess.Popen.wait
def interrupted(self, timeout=None):
    subprocess.Popen.wait = wait
    raise KeyboardInterrupt
subprocess.Popen.wait = interrupted
print(*[cluster._launched._process.pid, cluster._launched.directory])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    pid, folder = done.stdout.split()
    assert not psutil.pid_exists(int(pid))
    assert not Path(folder).exists()


def test_a_ctrl_c_while_a_cluster_is_stopped_is_heard(monkeypatch):
    cluster = LocalCluster(workers=1).start()
    supervisor = cluster._launched._process
    wait = subprocess.Popen.wait

    def interrupted(self, timeout=None):
        monkeypatch.setattr(subprocess.Popen, "wait", wait)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cluster.stop()
    assert supervisor.returncode is not None
    assert not cluster.is_running()
    cluster.stop()
