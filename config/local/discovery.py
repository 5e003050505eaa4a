"""How a process finds the cluster that `aerq up` runs for the same user on the same machine.

A small file holds the cluster's settings. Its owner holds a lock on it for as long as it lives, and the kernel frees
that lock at any death, so whether the file is stale is known exactly and not guessed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..errors import ClusterError
from ..settings import Settings
from .processes import close_in_forked_children


@contextlib.contextmanager
def announce(settings: Settings) -> Iterator[None]:
    """Lets other processes of this user find a cluster, for as long as the block runs.

    Args:
        settings: the cluster's settings; their passwords go into a file that only this user can read.

    Raises:
        ClusterError: if another cluster of this user is announced, or the directory belongs to somebody else.
    """
    directory = _directory()
    _make_private(directory)
    with contextlib.ExitStack() as stack:
        # a lock that only owners take, so that a reader's look is never in an owner's way
        owners = stack.enter_context(_opened(_place(directory, "lock"), os.O_RDWR | os.O_CREAT))
        if not _lock(owners, fcntl.LOCK_EX):
            raise ClusterError("another `aerq up` of this user runs on this machine; use it, or end it first")
        _hold(stack, owners)
        # locked and written before it gets its name: readers see a whole file with a lock, or none
        draft, final = _place(directory, "new"), _place(directory, "json")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        file = stack.enter_context(_opened(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        _lock(file, fcntl.LOCK_EX)
        _hold(stack, file)
        json.dump(settings.model_dump(mode="json"), file)
        file.flush()
        draft.replace(final)
        stack.callback(_remove, final, os.getpid())
        yield


def find_running() -> Settings | None:
    """The settings of this user's `aerq up` on this machine, or None if none runs.

    Raises:
        ClusterError: if the file or its directory belongs to somebody else or others may write to it.
    """
    directory = _directory()
    if not directory.exists():
        return None
    _refuse_foreign(directory.lstat())
    try:
        file = _opened(_place(directory, "json"), os.O_RDONLY)
    except FileNotFoundError:
        return None
    with file:
        _refuse_foreign(os.fstat(file.fileno()))
        if _lock(file, fcntl.LOCK_SH):  # nobody holds it: its owner ended without removing it
            return None
        return Settings(**json.load(file))


def _directory() -> Path:
    """A directory that is private to the user: of this login, or else among its caches."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir() and Path(runtime).stat().st_uid == os.geteuid():  # not so under sudo
        return Path(runtime, "aerq")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "aerq")


def _place(directory: Path, ending: str) -> Path:
    # the machine's name, because machines may share a home, and the address is a loopback one
    return directory / f"cluster-{socket.gethostname()}.{ending}"


def _make_private(directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    _refuse_foreign(directory.lstat())


def _refuse_foreign(found: os.stat_result) -> None:
    if found.st_uid != os.geteuid() or stat.S_ISLNK(found.st_mode) or found.st_mode & 0o077:
        raise ClusterError(
            "the directory `aerq` in XDG_RUNTIME_DIR or ~/.cache, or a file in it, is not this user's alone; "
            "remove it, or set AERQ_BROKER_URL so that it is not needed"
        )


def _opened(path: Path, flags: int) -> IO[str]:
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "r" if flags == os.O_RDONLY else "r+")


def _lock(file: IO[str], kind: int) -> bool:
    """Takes a lock at once or not at all."""
    try:
        fcntl.flock(file.fileno(), kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _hold(stack: contextlib.ExitStack, file: IO[str]) -> None:
    """Keeps a lock until the end of the block or of the process, whatever children are forked meanwhile."""
    close_in_forked_children(file)
    # a child that was forked a moment ago may not have closed it yet, and a lock lasts until the last one is closed
    stack.callback(_unlock, file, os.getpid())


def _unlock(file: IO[str], owner: int) -> None:
    if os.getpid() == owner:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:
        path.unlink(missing_ok=True)
