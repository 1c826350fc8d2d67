#!/usr/bin/python3
"""Killed 20 times during a campaign, the engine loses nobody, and repeats no more than its window.

The outside join counts: what receivers hold against what the engine says at the end.
"""

import random
import subprocess
import time

import systest
from running import Running, count_files
from testnet import conf, domains, recipients
from testnet.internet import Internet

KILLS = 20
N = 6000
WINDOW = 64
SEED = 20250
SERVED = [domains.BY_NAME[n] for n in ("alpha.test", "alias.test", "six.test", "grey.test",
                                       "gone.test", "nullmx.test", "nosuch.test")]


def held(run):
    return sum(count_files(run / "mail" / r.name) for d in SERVED for r in d.receivers)


def kill_and_go_on(engine, run, dice):
    """One round: some more messages arrive, the engine dies at any moment after, and comes back."""
    before = held(run)
    systest.wait_for(lambda: held(run) > before, 30, f"sending goes on after {before} messages")
    time.sleep(dice.uniform(0, 0.25))
    engine.kill()
    engine.start()


def twenty_kills_lose_nobody():
    run, dice = systest.run_dir(), random.Random(SEED)
    print(f"seed {SEED}")
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    # Slow enough that the campaign outlives 20 kills: about 6,000 messages at 150/s a site.
    conf.write(run / "conf", run / "state", retry="2s", rate=150)
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.write(f"\nworker {{\n\twindow = {WINDOW}\n}}\n")
    good = recipients.write(run / "list.csv", N, SERVED, bad=False)
    (run / "accepted.csv").write_text("email\n" + "".join(a + "\n" for a in good))
    engine = Running(run)
    with Internet(systest.BUILD, run / "mail", SERVED):
        engine.start()
        engine.campaign("crash", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
        survived = 0
        while survived < KILLS:
            systest.check(held(run) < N * 0.7 or survived >= KILLS,
                          f"the campaign was over after {survived} kills: make it longer")
            kill_and_go_on(engine, run, dice)
            survived += 1
        systest.wait_for(lambda: engine.is_settled("crash", N), 240, "every recipient is final")
        systest.equal(engine.stop(), 0, "exit status after SIGTERM")
    folders = [str(run / "mail" / r.name) for d in SERVED for r in d.receivers]
    done = subprocess.run([str(systest.REPO / "scripts/receivers-join"), "--export",
                           str(run / "export.csv"), "--list", str(run / "accepted.csv"),
                           "--window", str(KILLS * WINDOW), *folders],
                          capture_output=True, text=True, check=False)
    print(done.stdout.strip())
    systest.equal(done.returncode, 0, f"the join: {done.stdout}{done.stderr}")


systest.main(twenty_kills_lose_nobody)
