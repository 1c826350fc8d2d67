#!/usr/bin/python3
"""SIGTERM during a campaign: no new MAIL, what has its last byte out waits for its answer, the rest
stays pending; QUIT, one closing line; started again, the campaign ends with nobody lost and nobody
served twice. A second SIGTERM ends the wait."""

import re
import signal
import subprocess
import time

import systest
from receiver import Receiver, domain
from running import Running
from testnet import conf
from testnet.internet import Internet

N = 400
LATE, SLOW = "late.test", "slow.test"
ADDR = {LATE: "10.25.2.1", SLOW: "10.25.2.2"}
DRAIN_MAX_S = 4


class World:
    """One engine, one receiver that answers the dot late, one that answers DATA late."""

    def __init__(self, name):
        self.run = systest.run_dir() / name
        for d in (self.run, self.run / "mail", self.run / "state"):
            d.mkdir(mode=0o755)
        conf.write(self.run / "conf", self.run / "state", rate=200, connections=8)
        text = (self.run / "conf").read_text().replace("level = warn", "level = info")
        (self.run / "conf").write_text(
            text + f"\nshutdown {{\n\tdrain_max = {DRAIN_MAX_S}s\n}}\n")
        (self.run / "list.csv").write_text("email,name,city,points\n" + "".join(
            f"r{n:04d}@{d},Ann,Oslo,1\n" for n in range(N) for d in ADDR))
        self.engine = Running(self.run)
        self.late = Receiver(ADDR[LATE], self.run / "mail" / LATE)
        self.slow = Receiver(ADDR[SLOW], self.run / "mail" / SLOW)

    def begin(self):
        """Until a good part is delivered and something hangs in each of the two ways."""
        self.engine.start()
        self.engine.campaign("stop", self.run / "list.csv",
                             systest.REPO / "scripts/quickstart.d/welcome")
        systest.wait_for(lambda: self.late.taken > 60 and self.slow.taken > 60, 30, "it sends")
        self.late.hold_dot = self.slow.hold_data = True
        systest.wait_for(lambda: self.late.waiting >= 8, 10, "answers are awaited")
        time.sleep(0.2)

    def term(self):
        self.engine.proc.send_signal(signal.SIGTERM)
        return time.monotonic()

    def ended(self, since, least_s, most_s):
        try:
            status = self.engine.proc.wait(most_s + 5)
        except subprocess.TimeoutExpired:
            raise systest.Failed(f"goes on {most_s + 5} s after SIGTERM") from None
        took = time.monotonic() - since
        systest.check(least_s <= took <= most_s,
                      f"ended after {took:.1f} s, want {least_s} to {most_s}")
        systest.equal(status, 0, "exit status")
        return took

    def closing_line(self):
        lines = [x for x in systest.engine_log().splitlines() if "stopped:" in x]
        systest.check(lines, f"a closing line: {systest.engine_log()}")
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", lines[-1])}

    def finish(self):
        """Starts again; returns the states when every recipient is final."""
        self.late.hold_dot = self.slow.hold_data = False
        self.engine.start()
        systest.wait_for(lambda: self.engine.is_settled("stop", 2 * N), 30, "all are final")
        systest.equal(self.engine.stop(), 0, "exit status of the second run")

    def join(self, window=0):
        done = subprocess.run(
            [str(systest.REPO / "scripts/receivers-join"), "--export",
             str(self.run / "export.csv"), "--list", str(self.run / "list.csv"), "--window",
             str(window), str(self.run / "mail" / LATE), str(self.run / "mail" / SLOW)],
            capture_output=True, text=True, check=False)
        systest.equal(done.returncode, 0, f"the join: {done.stdout}{done.stderr}")
        return done.stdout.strip()


SERVED = [domain(n, a) for n, a in ADDR.items()]


def an_orderly_stop_waits_for_answers_and_repeats_nobody(world):
    world.begin()
    since = world.term()
    time.sleep(0.3)
    mails = len(world.late.mails) + len(world.slow.mails)
    time.sleep(1.5)
    systest.check(world.engine.proc.poll() is None, "it waits for the answers")
    systest.equal(len(world.late.mails) + len(world.slow.mails), mails, "MAIL after SIGTERM")
    waited, before = world.late.waiting, world.late.taken
    systest.check(waited >= 8, f"{waited} answers are awaited")
    # What is held back at DATA is given up: it would only make the engine wait.
    world.late.hold_dot = False
    took = world.ended(since, 1.8, 6)
    systest.equal(world.late.taken, before + waited, "answers that came in time")
    counts = world.closing_line()
    systest.equal(counts["delivered"], world.late.taken + world.slow.taken, "delivered")
    for left in ("connections_left", "outcomes_left", "unconfirmed"):
        systest.equal(counts[left], 0, left)
    ended = [how for _n, how in world.late.per_conn]
    systest.equal(set(ended), {"quit"}, "how the late receiver's connections ended")
    world.finish()
    print(f"ended {took:.1f} s after SIGTERM, {waited} answers awaited; {world.join()}")


def the_bound_ends_the_wait(world):
    world.begin()
    since = world.term()
    took = world.ended(since, DRAIN_MAX_S - 0.5, DRAIN_MAX_S + 3)
    counts = world.closing_line()
    world.finish()
    print(f"ended {took:.1f} s after SIGTERM, bound {DRAIN_MAX_S} s, unconfirmed="
          f"{counts['unconfirmed']}; {world.join(window=8)}")


def a_second_sigterm_goes_to_the_bound_at_once(world):
    world.begin()
    world.term()
    time.sleep(0.5)
    since = world.term()
    took = world.ended(since, 0, 3)
    world.finish()
    print(f"ended {took:.1f} s after the second SIGTERM; {world.join(window=8)}")


def an_import_under_way_is_cancelled_and_told(world):
    with open(world.run / "long.csv", "w", encoding="utf-8") as f:
        f.write("email,name,city,points\n")
        f.writelines(f"r{n:06d}@{LATE},Ann,Oslo,1\n" for n in range(300000))
    world.engine.start()
    start = subprocess.Popen(
        [systest.engine(), "campaign", "start", "-c", world.engine.conf, "--name", "long",
         "--template", str(systest.REPO / "scripts/quickstart.d/welcome"), "--recipients",
         str(world.run / "long.csv"), "--class", "transactional", "--from", "news@sender.test"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    campaigns = world.run / "state/campaigns"
    systest.wait_for((campaigns / "long.import/rows").exists, 10, "the import is under way")
    took = world.ended(world.term(), 0, 3)
    said = start.communicate(timeout=10)[1]
    systest.check("import cancelled" in said, f"the client is told: {said!r}")
    systest.equal(list(campaigns.iterdir()), [], "folders of campaigns")
    print(f"ended {took:.1f} s after SIGTERM")


def in_a_world_of_its_own(test):
    def run():
        world = World(test.__name__[:12])
        (systest.run_dir() / "engine.log").unlink(missing_ok=True)
        with world.late, world.slow:
            test(world)
    run.__name__ = test.__name__
    return run


def every_stop():
    (systest.run_dir() / "mail").mkdir()
    with Internet(systest.BUILD, systest.run_dir() / "mail", SERVED):
        for test in (an_orderly_stop_waits_for_answers_and_repeats_nobody, the_bound_ends_the_wait,
                     a_second_sigterm_goes_to_the_bound_at_once,
                     an_import_under_way_is_cancelled_and_told):
            print(test.__name__.replace("_", " "))
            in_a_world_of_its_own(test)()


systest.main(every_stop)
