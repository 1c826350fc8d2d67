#!/usr/bin/python3
"""Bad paths and bad peers: lost and late packets, small windows, receivers that end connections
wherever it hurts. Every recipient is accounted for, and the engine is afterwards as it was: no
session, no connection, no buffer is left."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import rude
import systest
from running import Running
from testnet import conf, domains, net, recipients
from testnet.internet import Internet

SERVED = [domains.CAPTURE, domains.BY_NAME["six.test"]]
RUDE = domains.Domain("rude.test", 0, "delivered", domains.mx("10.25.1.30"), silent=["10.25.1.30"])
SLOW = domains.Domain("slow.test", 0, "delivered", domains.mx("10.25.1.31"), silent=["10.25.1.31"])
SMALL = systest.REPO / "scripts/quickstart.d/welcome"
LARGE_BYTES = 1 << 20


class World:
    """One internet and one engine for all paths; each leaves both as it found them."""

    def __init__(self, run):
        self.run, self.engine, self.idle = run, Running(run), None
        for folder in ("mail", "mail/rude", "mail/slow", "large"):
            (run / folder).mkdir()
        (run / "state").mkdir(mode=0o700)
        conf.write(run / "conf", run / "state", retry="1s", per_connection=20)
        (run / "large/message.liquid").write_text("Subject: large\nX-Recipient: {{ email }}\n")
        line = "0123456789" * 7 + "\n"
        (run / "large/body.text.liquid").write_text(line * (LARGE_BYTES // len(line)))

    def stats(self):
        return self.engine.stats()

    def note_idle(self):
        """The receive ring's buffers: what is held when three looks in a row are alike, since
        the first words with the neighbours need some too."""
        looks = []

        def is_steady():
            time.sleep(0.3)
            looks.append(self.stats()["buffers_rx_now"])
            return looks[-1] > 0 and looks[-3:] == [looks[-1]] * 3

        systest.wait_for(is_steady, 10, "the gauges stand still")
        self.idle = looks[-1]

    def is_idle(self):
        s = self.stats()
        return (s["smtp_open_now"] == 0 and s["tcp_open_now"] == 0 and s["buffers_tx_now"] == 0
                and s["buffers_rx_now"] == self.idle)

    def campaign(self, name, served, total, template=SMALL, seconds=60):
        """Sends, joins and waits for silence; returns what was counted meanwhile."""
        with_share = [domains.Domain(d.name, 1000 // len(served), d.fate, d.zone) for d in served]
        good = recipients.addresses(total, with_share)
        (self.run / "list.csv").write_text("email,name,city,points\n" + "".join(
            f"{name}-{a},Ann,Oslo,7\n" for a in good))
        before = self.stats()
        self.engine.campaign(name, self.run / "list.csv", template)
        systest.wait_for(lambda: self.engine.is_settled(name, total), seconds,
                         f"{name}: every recipient is final: {self.left(name)}")
        folders = [str(p) for p in (self.run / "mail").iterdir() if p.name not in ("dns", "log")]
        done = subprocess.run([str(systest.REPO / "scripts/receivers-join"), "--export",
                               str(self.run / "export.csv"), "--list",
                               str(self.run / "list.csv"), *folders], capture_output=True,
                              text=True, check=False)
        systest.equal(done.returncode, 0, f"{name}: {done.stdout}{done.stderr}")
        systest.check(f"delivered={total} " in done.stdout, f"{name}: {done.stdout}")
        systest.check("duplicates=0" in done.stdout, f"{name}: {done.stdout}")
        systest.wait_for(self.is_idle, 10, f"{name}: nothing is left open or held: {self.held()}")
        for folder in folders:
            for f in Path(folder).iterdir():
                f.unlink()
        return {k: v - before[k] for k, v in self.stats().items() if k in before}

    def left(self, name):
        return Later(lambda: (self.engine.states(name), self.held()))

    def held(self):
        return Later(lambda: {k: v for k, v in self.stats().items() if k.endswith("_now")})


class Later:
    """Text that is made when it is needed."""

    def __init__(self, make):
        self.make = make

    def __str__(self):
        return str(self.make())


@contextmanager
def rules(*lines):
    """nftables rules on the kernel's side of the tap: `input` is what the engine sent."""
    text = "table inet bad {\n"
    for hook in ("input", "output"):
        text += f"chain {hook} {{ type filter hook {hook} priority 0;\n"
        text += "".join(rest + "\n" for h, rest in lines if h == hook) + "}\n"
    subprocess.run(["nft", "-f", "-"], input=text + "}\n", text=True, check=True)
    yield
    subprocess.run(["nft", "delete", "table", "inet", "bad"], check=True)


@contextmanager
def receiver(addr, folder, habits):
    proc = subprocess.Popen([sys.executable, str(Path(rude.__file__)), "--listen", addr, "--dir",
                             str(folder), "--habits", ",".join(habits)])
    systest.wait_for(lambda: subprocess.run(
        ["ss", "-Hltn", f"src {addr}"], capture_output=True, check=True).stdout, 5, "rude listens")
    yield
    proc.terminate()
    proc.wait()


def lost_packets_are_sent_again(world):
    loss = "iif ph0 numgen random mod 100 < 2 drop", "oif ph0 numgen random mod 100 < 2 drop"
    with rules(("input", loss[0]), ("output", loss[1])):
        got = world.campaign("loss", SERVED, 400)
    systest.check(got["tcp_retransmits"] > 0, "2 % of loss and nothing was sent again")


def a_slow_path_is_not_flooded(world):
    """200 KB/s one way and 30 KB/s the other; what is beyond the one way's rate is lost."""
    subprocess.run(["tc", "qdisc", "add", "dev", net.TAP, "root", "tbf", "rate", "240kbit",
                    "burst", "8k", "latency", "200ms"], check=True)
    with rules(("input", "iif ph0 limit rate over 200 kbytes/second burst 32 kbytes drop")):
        world.campaign("slow", SERVED, 200)
    subprocess.run(["tc", "qdisc", "del", "dev", net.TAP, "root"], check=True)


def a_small_mtu_of_the_peers_is_kept(world):
    subprocess.run(["ip", "link", "set", net.TAP, "mtu", "1400"], check=True)
    with rules(("input", "iif ph0 meta length > 1400 counter drop")):
        world.campaign("mtu", SERVED, 10, world.run / "large")
        table = subprocess.run(["nft", "list", "table", "inet", "bad"], capture_output=True,
                               text=True, check=True).stdout
    subprocess.run(["ip", "link", "set", net.TAP, "mtu", "1500"], check=True)
    systest.check("counter packets 0 bytes 0 drop" in table, f"segments were too long: {table}")


def a_closed_window_is_waited_for(world):
    with receiver("10.25.1.31", world.run / "mail/slow", ["stall"] * 4):
        got = world.campaign("stall", [SLOW], 4, world.run / "large")
    systest.equal(got["tcp_rto"], 0, "a closed window is no loss")


def a_pause_of_the_engine_is_no_loss(world):
    """What was acknowledged while the engine could not run is not sent again: the ACKs wait in the
    tap, and are heard before the timers. What leaves in a turn that was cut in its middle is older
    than it looks, so a few may be; without that rule it is a segment of every connection."""
    def pauses():
        while not over.wait(0.1):
            cuts.append(time.monotonic())
            world.engine.proc.send_signal(signal.SIGSTOP)
            time.sleep(0.4)
            world.engine.proc.send_signal(signal.SIGCONT)

    over, cuts = threading.Event(), []
    pauser = threading.Thread(target=pauses)
    pauser.start()
    try:
        got = world.campaign("pause", SERVED, 2000)
    finally:
        over.set()
        pauser.join()
    systest.check(got["tcp_retransmits"] <= 2 * len(cuts),
                  f"{got['tcp_retransmits']} of {got['tcp_segments_out']} segments sent again in "
                  f"{len(cuts)} pauses")


def receivers_may_end_a_connection_anywhere(world):
    with receiver("10.25.1.30", world.run / "mail/rude", rude.HABITS):
        got = world.campaign("rude", [RUDE], 200)
    systest.check(got["tcp_rst_in"] >= len(rude.HABITS) // 2,
                  f"only {got['tcp_rst_in']} resets were received")


def bad_paths_and_peers_lose_nobody_and_leave_nothing():
    run = systest.run_dir()
    world = World(run)
    with Internet(systest.BUILD, run / "mail", [*SERVED, RUDE, SLOW]):
        world.engine.start()
        world.note_idle()
        for path in (lost_packets_are_sent_again, a_slow_path_is_not_flooded,
                     a_small_mtu_of_the_peers_is_kept, a_pause_of_the_engine_is_no_loss,
                     a_closed_window_is_waited_for, receivers_may_end_a_connection_anywhere):
            if len(sys.argv) > 1 and path.__name__ not in sys.argv:
                continue
            path(world)
            print(f"ok: {path.__name__.replace('_', ' ')}")
        systest.equal(world.engine.stop(), 0, "exit status after SIGTERM")


systest.main(bad_paths_and_peers_lose_nobody_and_leave_nothing)
