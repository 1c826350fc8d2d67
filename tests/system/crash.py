#!/usr/bin/python3
"""Killed 20 times during a campaign, the engine loses nobody, and repeats no more than its window.

The outside join counts: what receivers hold against what the engine says at the end. Each copy is
put into the life of the engine in which it came: no life sends to anybody twice, and a kill makes
at most the window come again.
"""

import bisect
import random
import re
import subprocess
import time
from collections import Counter, defaultdict

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


def lives_of_copies(run, births):
    """address -> the lives in which copies came, in order. The pseudo header names the address."""
    lives = defaultdict(list)
    for d in SERVED:
        for r in d.receivers:
            for path in (run / "mail" / r.name).iterdir():
                rcpt = re.search(rb"^X-Rcpt-Args: *<([^>]+)>", path.read_bytes(), re.M).group(1)
                lives[rcpt].append(bisect.bisect(births, path.stat().st_mtime))
    return {address: sorted(came) for address, came in lives.items()}


def repeats_stay_within_the_window(run, births):
    again = Counter()  # life -> copies of its that came once more in a later one
    for address, came in lives_of_copies(run, births).items():
        systest.equal(len(set(came)), len(came), f"lives in which {address} got a copy: {came}")
        again.update(came[:-1])
    print(f"repeated after a kill: {sorted(again.values())}, window {WINDOW}")
    systest.check(max(again.values(), default=0) <= WINDOW,
                  f"a kill repeated more than the window of {WINDOW}: {again}")


def kill_and_go_on(engine, run, dice):
    """One round: some more messages arrive, the engine dies at any moment after, and comes back.
    Returns when its new life began: half way between the kill, after which receivers still store
    what had reached them, and the first answer on its socket. DPDK takes a second to start.
    """
    before = held(run)
    systest.wait_for(lambda: held(run) > before, 30, f"sending goes on after {before} messages")
    time.sleep(dice.uniform(0, 0.25))
    engine.kill()
    killed = time.time()
    engine.start()
    return (killed + time.time()) / 2


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
        births = []
        while len(births) < KILLS:
            systest.check(held(run) < N * 0.7,
                          f"the campaign was over after {len(births)} kills: make it longer")
            births.append(kill_and_go_on(engine, run, dice))
        systest.wait_for(lambda: engine.is_settled("crash", N), 240, "every recipient is final")
        systest.equal(engine.stop(), 0, "exit status after SIGTERM")
    folders = [str(run / "mail" / r.name) for d in SERVED for r in d.receivers]
    done = subprocess.run([str(systest.REPO / "scripts/receivers-join"), "--export",
                           str(run / "export.csv"), "--list", str(run / "accepted.csv"),
                           "--window", str(KILLS * WINDOW), *folders],
                          capture_output=True, text=True, check=False)
    print(done.stdout.strip())
    systest.equal(done.returncode, 0, f"the join: {done.stdout}{done.stderr}")
    repeats_stay_within_the_window(run, births)


systest.main(twenty_kills_lose_nobody)
