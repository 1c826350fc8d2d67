#!/usr/bin/python3
"""A store whose disk stalls for 10 s stops sending at its window, keeps answering, and loses
nothing."""

import os
import subprocess
import time

import systest
from running import Running, count_files
from testnet import conf, domains, recipients
from testnet.internet import Internet

N = 3000
WINDOW = 128
STALL_S = 10
SERVED = [domains.BY_NAME[n] for n in ("alpha.test", "six.test")]


def held(run):
    return sum(count_files(run / "mail" / r.name) for d in SERVED for r in d.receivers)


def sending_stops_at_the_window_and_goes_on(run, engine, stall):
    systest.wait_for(lambda: held(run) > 200, 30, "sending has begun")
    stall.touch()
    began = time.monotonic()
    time.sleep(1)
    before = held(run)
    while time.monotonic() - began < STALL_S:
        asked = time.monotonic()
        systest.equal(engine.ctl("show", "stats").returncode, 0, "show stats while stalled")
        took = time.monotonic() - asked
        systest.check(took < 2, f"the socket answered after {took:.1f} s: control waits for a disk")
        time.sleep(0.5)
    more = held(run) - before
    systest.check(more <= WINDOW, f"{more} messages left while nothing could be recorded")
    systest.check(held(run) < N, "the campaign ended before the stall was seen: make it longer")
    stall.unlink()


def a_store_that_stalls_10_s_loses_nothing():
    run = systest.run_dir()
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    conf.write(run / "conf", run / "state", rate=200)
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.write(f"\nworker {{\n\twindow = {WINDOW}\n}}\n")
    recipients.write(run / "list.csv", N, SERVED, bad=False)
    stall = run / "stall"
    os.environ["STALL_FILE"] = str(stall)
    engine = Running(run)
    with Internet(systest.BUILD, run / "mail", SERVED):
        engine.start(preload=systest.built("tests/system/libstall.so"))
        engine.campaign("stall", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
        try:
            sending_stops_at_the_window_and_goes_on(run, engine, stall)
        finally:
            stall.unlink(missing_ok=True)
        systest.wait_for(lambda: engine.is_settled("stall", N), 60, "every recipient is final")
        systest.equal(engine.stop(), 0, "exit status after SIGTERM")
    folders = [str(run / "mail" / r.name) for d in SERVED for r in d.receivers]
    done = subprocess.run([str(systest.REPO / "scripts/receivers-join"), "--export",
                           str(run / "export.csv"), "--list", str(run / "list.csv"), *folders],
                          capture_output=True, text=True, check=False)
    systest.equal(done.returncode, 0, f"the join: {done.stdout}{done.stderr}")


systest.main(a_store_that_stalls_10_s_loses_nothing)
