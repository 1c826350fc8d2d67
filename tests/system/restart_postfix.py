#!/usr/bin/python3
"""Killed with 50 connections open to a Postfix that allows 50 per client, a restarted engine sends
on within 10 s: the stale connections end because our stack resets what it does not know."""

import re
import subprocess
import time

import systest
from running import Running
from testnet import conf, domains, recipients
from testnet.internet import Internet

CONNS = 50
WITHIN_S = 10
N = 20000
SERVED = [domains.BY_NAME["anna.test"]]
PEER = SERVED[0].receivers[0].addr


def connections():
    out = subprocess.run(["ss", "-Htn", "state", "established", "sport", "=", ":25"], check=True,
                         capture_output=True, text=True).stdout
    return sum(f"{PEER}:25" in line for line in out.splitlines())


def accepted(run):
    """Messages that Postfix took from us, by its own log."""
    text = (run / "mail/log/anna.log").read_text(errors="replace")
    return len(re.findall(r"smtpd\[\d+\]: \w+: client=", text))


def sending_goes_on_within_10_s_of_a_restart():
    run = systest.run_dir()
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    conf.write(run / "conf", run / "state", connections=CONNS, rate=100000)
    recipients.write(run / "list.csv", N, SERVED, bad=False)
    engine = Running(run)
    with Internet(systest.BUILD, run / "mail", SERVED) as net:
        limit = net.root.run(["/usr/sbin/postconf", "-c", "/etc/anna", "-h",
                              "smtpd_client_connection_count_limit"], capture_output=True,
                             text=True).stdout.strip()
        systest.equal(limit, "50", "Postfix's default limit of connections per client")
        engine.start()
        engine.campaign("restart", run / "list.csv",
                        systest.REPO / "scripts/quickstart.d/welcome")
        systest.wait_for(lambda: connections() >= CONNS, 30, f"{CONNS} connections are open")
        engine.kill()
        systest.check(connections() >= CONNS - 5, "Postfix still holds the connections")
        time.sleep(0.5)  # transactions whose last byte had arrived are logged by now
        before, began = accepted(run), time.monotonic()
        engine.start()
        systest.wait_for(lambda: accepted(run) > before, WITHIN_S,
                         f"Postfix takes another message; {connections()} connections")
        print(f"sending went on after {time.monotonic() - began:.1f} s")
        engine.kill()


systest.main(sending_goes_on_within_10_s_of_a_restart, root=True)
