"""What system tests share: entering namespaces, checks that print what was got and wanted, folders.

A test file ends in systest.main(test, ...): called from outside it enters namespaces of its own
(scripts/lib/enter) and calls itself there. Exit status 0 passed, 1 failed, 77 skipped with a
reason.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "scripts/lib"))
BUILD = os.environ.get("POSTHASTE_BUILD", str(REPO / "build"))
ENGINE = os.environ.get("POSTHASTE", os.path.join(BUILD, "posthaste"))

from testnet import rundir  # noqa: E402

_run = None


class Failed(Exception):
    pass


def check(ok, why):
    if not ok:
        raise Failed(why)


def equal(got, want, what):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def run_dir():
    """The folder of this run, kept when the test fails."""
    global _run
    if _run is None:
        _run = rundir.make(BUILD, Path(sys.argv[0]).stem)
    return _run


def folder(name):
    path = run_dir() / name
    path.mkdir(exist_ok=True, mode=0o755)
    return str(path)


def built(path):
    full = os.path.join(BUILD, path)
    check(os.access(full, os.X_OK), f"{full} is not built")
    return full


def engine():
    if not os.access(ENGINE, os.X_OK):
        skip(f"{ENGINE} is not built")
    return ENGINE


def start(argv, preload=None):
    """Starts the engine with its DPDK files in the run's folder; output to a log there."""
    env = dict(os.environ, RUNTIME_DIRECTORY=folder("dpdk"))
    if preload:
        env["LD_PRELOAD"] = preload
    log = open(run_dir() / "engine.log", "ab")
    return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def engine_log():
    path = run_dir() / "engine.log"
    return path.read_text(errors="replace")[-3000:] if path.exists() else ""


def wait_for(what, seconds, why):
    """Polls until what() is true; returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {why}")
        time.sleep(0.05)


def stop(proc, seconds=15):
    if proc.poll() is None:
        proc.send_signal(signal.SIGTERM)
        try:
            proc.wait(seconds)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()
            raise Failed(f"the engine did not end within {seconds} s of SIGTERM") from None
    return proc.returncode


def main(*tests, root=False, enter=True):
    """`root`: needs more users than a user namespace gives (Postfix). `enter` false: the test looks
    at the host itself and enters namespaces where it wants to."""
    if root and not enter and os.getuid() != 0:
        skip("needs root")
    if enter and os.environ.get("SYSTEST_INSIDE") != "1":
        if root and os.getuid() != 0:
            skip("needs root: Postfix has users of its own")
        os.environ["SYSTEST_INSIDE"] = "1"
        argv = [str(REPO / "scripts/lib/enter"), "/usr/bin/python3", *sys.argv]
        if not root and os.getuid() == 0 and user_namespaces():
            argv = ["unshare", "-Ur", *argv]
        os.execvp(argv[0], argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if enter:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    failed = 0
    for test in tests:
        name = test.__name__.replace("_", " ")
        try:
            test()
            print(f"ok: {name}")
        except Failed as e:
            failed += 1
            print(f"FAILED: {name}: {e}")
    if failed:
        print(f"kept: {run_dir()}")
        tail = engine_log()
        if tail:
            print("last of the engine's log:\n" + tail)
    elif _run is not None:
        shutil.rmtree(_run, ignore_errors=True)
    sys.exit(failed != 0)


def user_namespaces():
    return subprocess.run(["unshare", "-Ur", "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0
