#!/usr/bin/python3
"""For an hour (SOAK_SECONDS) campaign follows campaign: nothing is lost, and the engine's memory
stands still after the first tenth."""

import os
import subprocess
import time
from pathlib import Path

import systest
from running import Running
from testnet import conf, domains, recipients
from testnet.internet import Internet

SECONDS = int(os.environ.get("SOAK_SECONDS", "3600"))
N = 5000
SERVED = [domains.BY_NAME[n] for n in ("alpha.test", "twomx.test", "six.test", "gone.test")]
GROWTH_MAX = 0.2


def resident_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise systest.Failed("no VmRSS")


def one_campaign(engine, run, number):
    mail = run / "mail"
    for folder in mail.iterdir():
        if folder.name not in ("log", "dns"):
            for f in folder.iterdir():
                f.unlink()
    engine.campaign(f"soak{number}", run / "list.csv",
                    systest.REPO / "scripts/quickstart.d/welcome")
    systest.wait_for(lambda: engine.is_settled(f"soak{number}", N), 120,
                     f"campaign {number} is over")
    folders = [str(mail / r.name) for d in SERVED for r in d.receivers]
    done = subprocess.run([str(systest.REPO / "scripts/receivers-join"), "--export",
                           str(run / "export.csv"), "--list", str(run / "list.csv"), *folders],
                          capture_output=True, text=True, check=False)
    systest.equal(done.returncode, 0, f"campaign {number}: {done.stdout}{done.stderr}")


def memory_stands_still_and_nothing_is_lost():
    run = systest.run_dir()
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    conf.write(run / "conf", run / "state", retry="1s")
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.write("\ncampaigns_max = 10000\n")
    recipients.write(run / "list.csv", N, SERVED, bad=False)
    engine, number, early = Running(run), 0, None
    began = time.monotonic()
    with Internet(systest.BUILD, run / "mail", SERVED):
        engine.start()
        while time.monotonic() - began < SECONDS:
            number += 1
            one_campaign(engine, run, number)
            if early is None and time.monotonic() - began > SECONDS / 10:
                early = (number, resident_kb(engine.proc.pid))
        late = resident_kb(engine.proc.pid)
        systest.equal(engine.stop(), 0, "exit status after SIGTERM")
    systest.check(early is not None, "one campaign took longer than the soak")
    # A campaign keeps about 32 bytes a recipient (its states) until it is removed.
    kept_kb = (number - early[0]) * N * 64 // 1024
    print(f"{number} campaigns, resident {early[1]} kB early, {late} kB at the end")
    systest.check(late <= early[1] * (1 + GROWTH_MAX) + kept_kb,
                  f"memory grew from {early[1]} to {late} kB in {number} campaigns")


systest.main(memory_stands_still_and_nothing_is_lost)
