"""A folder per run under build/run, so that any number of runs may go on at once."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_held = []  # lock files of the runs of this process: a lock says that the run is alive


def make(build, name):
    """A new empty folder. Folders of ended runs of the same name are removed, the last shown
    result (build/NAME) excepted."""
    base = Path(build) / "run"
    base.mkdir(parents=True, exist_ok=True)
    shown = os.path.realpath(Path(build) / name)
    for old in base.glob(name + "-*"):
        if os.path.realpath(old) != shown and not is_alive(old):
            shutil.rmtree(old, ignore_errors=True)
    run = Path(tempfile.mkdtemp(prefix=name + "-", dir=base))
    run.chmod(0o755)
    lock = open(run / "lock", "w", encoding="ascii")
    fcntl.flock(lock, fcntl.LOCK_EX)
    _held.append(lock)
    return run


def discard(run):
    """For a run that was broken off: nothing of it is worth keeping."""
    shutil.rmtree(run, ignore_errors=True)


def is_alive(run):
    try:
        with open(run / "lock", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # Between mkdtemp and the lock a run has no lock file yet: leave it alone.
        return not any(run.iterdir()) if run.is_dir() else False
    return False


def publish(build, run, name):
    """Makes build/NAME show this run; returns that path as the user would type it."""
    link = Path(build) / name
    fresh = link.with_name(f".{name}-{os.getpid()}-{run.name}")
    old = os.path.realpath(link) if link.is_symlink() else None
    fresh.symlink_to(os.path.relpath(run, link.parent))
    fresh.replace(link)
    if old and old != str(run) and not is_alive(Path(old)):
        shutil.rmtree(old, ignore_errors=True)
    return os.path.relpath(link)
