#!/usr/bin/python3
"""A state directory without room, one that never answers again, and kills in the middle of
imports: nobody lost, nothing half-done, the engine ends when it is told to."""

import filecmp
import os
import re
import signal
import subprocess
import time

import systest
from receiver import Receiver, domain
from running import Running
from testnet import conf
from testnet.internet import Internet

N = 1500
WINDOW = 64
HOST, ADDR = "disk.test", "10.25.2.1"
STATE_MB = 96
LONG, LONG_STATE_MB = 3_000_000, 1500
DRAIN_MAX_S = 2


class World:
    def __init__(self, name, receiver, state_mb=STATE_MB):
        self.run, self.receiver = systest.run_dir() / name, receiver
        (self.run / "state").mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={state_mb}m,mode=0700", "tmpfs",
                        str(self.run / "state")], check=True)
        conf.write(self.run / "conf", self.run / "state", rate=200)
        with open(self.run / "conf", "a", encoding="utf-8") as f:
            f.write(f"\nworker {{\n\twindow = {WINDOW}\n}}\nshutdown.drain_max = {DRAIN_MAX_S}s\n")
        self.write_list("list.csv", N)
        self.engine = Running(self.run)
        self.log_from = len(self.log())
        receiver.folder = str(self.run / "mail")
        receiver.taken = 0
        os.mkdir(receiver.folder)

    def log(self):
        path = systest.run_dir() / "engine.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def said(self, what):
        return self.log()[self.log_from:].count(what)

    def write_list(self, name, n):
        with open(self.run / name, "w", encoding="utf-8") as f:
            f.write("email,name,city,points\n")
            f.writelines(f"r{i:06d}@{HOST},Ann,Oslo,1\n" for i in range(n))

    def start_campaign(self, name, recipients):
        return subprocess.Popen(
            [systest.engine(), "campaign", "start", "-c", self.engine.conf, "--name", name,
             "--template", str(systest.REPO / "scripts/quickstart.d/welcome"), "--recipients",
             str(self.run / recipients), "--class", "transactional", "--from",
             "news@sender.test", "--rejected", str(self.run / f"{name}.rejected.csv")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def begin(self, preload=None):
        self.engine.start(preload)
        self.engine.campaign("disk", self.run / "list.csv",
                             systest.REPO / "scripts/quickstart.d/welcome")
        systest.wait_for(lambda: self.receiver.taken > 100, 30, "it sends")

    def finish(self, window):
        systest.wait_for(lambda: self.engine.is_settled("disk", N), 40, "all are final")
        systest.equal(self.engine.stop(), 0, "exit status")
        done = subprocess.run(
            [str(systest.REPO / "scripts/receivers-join"), "--export",
             str(self.run / "export.csv"), "--list", str(self.run / "list.csv"), "--window",
             str(window), self.receiver.folder], capture_output=True, text=True, check=False)
        systest.equal(done.returncode, 0, f"the join: {done.stdout}{done.stderr}")
        print("  " + done.stdout.strip().splitlines()[-1])


def a_full_disk_stops_the_sending_until_there_is_room(world):
    ballast = world.run / "state/ballast"
    world.begin()
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=1M"], check=False,
                   stderr=subprocess.DEVNULL)
    before = world.receiver.taken
    systest.wait_for(lambda: world.said("No space left on device"), 5, "the log tells")
    time.sleep(3)
    systest.check(world.receiver.taken - before <= WINDOW + 50,
                  f"{world.receiver.taken - before} messages left while nothing could be recorded")
    systest.equal(world.engine.ctl("show", "stats").returncode, 0, "show stats meanwhile")
    done = subprocess.run(
        [systest.engine(), "campaign", "start", "-c", world.engine.conf, "--name", "more",
         "--template", str(systest.REPO / "scripts/quickstart.d/welcome"), "--recipients",
         str(world.run / "list.csv"), "--class", "transactional", "--from", "news@sender.test"],
        capture_output=True, text=True, check=False, timeout=30)
    systest.equal(done.returncode, 1, "campaign start on a full disk")
    systest.check("No space left" in done.stderr, f"it says why: {done.stderr!r}")
    systest.equal(sorted(os.listdir(world.run / "state/campaigns")), ["1"], "campaigns kept")
    ballast.unlink()
    world.finish(0)
    systest.equal(world.said("No space left on device"), 1, "lines about the trouble")
    systest.equal(world.said("store: can be written again"), 1, "lines about its end")


def a_disk_that_never_answers_does_not_keep_the_engine(world):
    stall = world.run / "stall"
    os.environ["STALL_FILE"] = str(stall)
    world.begin(preload=systest.built("tests/system/libstall.so"))
    stall.touch()
    time.sleep(1)
    world.engine.proc.send_signal(signal.SIGTERM)
    since = time.monotonic()
    try:
        status = world.engine.proc.wait(40)
    except subprocess.TimeoutExpired:
        raise systest.Failed("the engine goes on 40 s after SIGTERM") from None
    took = time.monotonic() - since
    systest.equal(status, 1, "exit status")
    systest.check(took <= DRAIN_MAX_S + 12, f"ended {took:.1f} s after SIGTERM")
    systest.equal(world.said("state_dir takes no writes"), 1, "the line that says so")
    stall.unlink()
    world.engine.start()
    world.finish(WINDOW)
    print(f"  ended {took:.1f} s after SIGTERM")


def a_kill_in_a_short_import_leaves_nothing_of_it(world):
    campaigns = world.run / "state/campaigns"
    world.write_list("long.csv", 300000)
    world.begin()
    start = world.start_campaign("long", "long.csv")
    systest.wait_for((campaigns / "long.import/rows").exists, 10, "the import is under way")
    world.engine.kill()
    systest.check(start.communicate(timeout=10)[1].count("\n") == 1, "the client says so")
    systest.check((campaigns / "long.import").exists(), "the kill came in the middle")
    world.engine.start()
    systest.equal(sorted(os.listdir(campaigns)), ["1"], "campaigns kept")
    systest.check('"long"' not in world.engine.ctl("show", "campaigns").stdout, "it is not there")
    systest.check(not (world.run / "long.rejected.csv").exists(), "no list of rejected rows")
    world.finish(WINDOW)


def a_kill_in_a_long_import_leaves_where_it_goes_on(world):
    campaigns = world.run / "state/campaigns"
    with open(world.run / "long.csv", "w", encoding="utf-8") as f:
        f.write("email,name,city,points\n")
        f.writelines(f"r{i - i % 50:07d}@{i % 1000}.{HOST},Ann,Oslo,1\n" if i % 50 == 7 else
                     f"r{i:07d} at {HOST},Ann,Oslo,1\n" if i % 50 == 9 else
                     f"r{i:07d}@{i % 1000}.{HOST},Ann,Oslo,1\n" for i in range(LONG))
    world.begin()
    start = world.start_campaign("long", "long.csv")
    systest.wait_for((campaigns / "long.import/checkpoint").exists, 20, "a checkpoint is made")
    world.engine.kill()
    systest.check(start.communicate(timeout=10)[1].count("\n") == 1, "the client says so")
    world.engine.start()
    systest.equal(sorted(os.listdir(campaigns)), ["1", "long.import"], "folders of campaigns")
    systest.check('"long"' not in world.engine.ctl("show", "campaigns").stdout, "it is not there")
    said = []
    for name in "long", "again":
        said.append(world.start_campaign(name, "long.csv").communicate(timeout=60)[0])
        world.engine.ctl("campaign", "pause", name)
    resumed = re.search(r"; resumed behind row (\d+)$", said[0])
    systest.check(resumed, f"it says that it goes on: {said[0]!r}")
    systest.check(0 < int(resumed[1]) < LONG, f"behind row {resumed[1]}")
    systest.equal(said[1], said[0].replace("long", "again").replace(resumed[0], ""), "the counts")
    systest.equal(sorted(os.listdir(campaigns)), ["1", "2", "3"], "folders of campaigns")
    for part in "rows", "table":
        systest.check(filecmp.cmp(campaigns / "2" / part, campaigns / "3" / part, False), part)
    systest.check(filecmp.cmp(world.run / "long.rejected.csv", world.run / "again.rejected.csv",
                              False), "the rejected rows")
    world.finish(WINDOW)
    print(f"  went on behind row {int(resumed[1]):,} of {LONG:,}")


def store_trouble():
    (systest.run_dir() / "mail").mkdir()
    with Internet(systest.BUILD, systest.run_dir() / "mail", [domain(HOST, ADDR)]):
        for n, test in enumerate((a_full_disk_stops_the_sending_until_there_is_room,
                                  a_disk_that_never_answers_does_not_keep_the_engine,
                                  a_kill_in_a_short_import_leaves_nothing_of_it,
                                  a_kill_in_a_long_import_leaves_where_it_goes_on)):
            print(test.__name__.replace("_", " "))
            with Receiver(ADDR, systest.run_dir() / "mail" / "disk") as receiver:
                long = test is a_kill_in_a_long_import_leaves_where_it_goes_on
                test(World(f"world{n}", receiver, LONG_STATE_MB if long else STATE_MB))


systest.main(store_trouble)
