#!/usr/bin/python3
"""Sixteen transactions in flight to real Postfixes, whole messages by BDAT in one flight with their
envelope: each recipient gets the answer that is its own, and each accepted message is there once."""

import re

import systest
from running import Running
from testnet import conf, domains, recipients
from testnet.internet import Internet

N = 2000
WINDOW = 16
# Every twentieth is not there: its RCPT is refused in the middle of a window.
MISSING = re.compile(r"r\d*[05]0@")
ARGS = ["smtpd_recipient_restrictions = check_recipient_access regexp:/mail/missing, "
        "reject_unauth_destination"]
SERVED = [domains.Domain("w1.test", 500, "delivered", domains.mx("10.25.2.1"),
                         [domains.Receiver("w1", "postfix", "10.25.2.1", ARGS)]),
          domains.Domain("w2.test", 500, "delivered", domains.mx("10.25.2.2"),
                         [domains.Receiver("w2", "postfix", "10.25.2.2", ARGS)])]


def write_conf(path, state):
    conf.write(path, state, connections=2, rate=100000, per_connection=1000)
    with open(path, "a", encoding="utf-8") as f:
        f.write(f"limits.transactions_in_flight = {WINDOW}\n"
                f"limits.transactions_in_flight_max = {WINDOW}\n")


def received(run):
    """Recipients of what lies in the mailboxes, each as often as it does."""
    out = []
    for path in (run / "mail").rglob("*"):
        if path.is_file() and path.parent.name == "new":
            head = path.read_bytes().partition(b"\n\n")[0]
            out += re.findall(rb"^Delivered-To: (\S+)|^X-Original-To: (\S+)", head, re.M)[:1]
    return [(a or b).decode() for a, b in out]


def commands(run, name):
    """What Postfix counted in the sessions that are over, by command."""
    text = (run / f"mail/log/{name}.log").read_text(errors="replace")
    systest.check("improper command pipelining" not in text, f"{name} complains of our pipelining")
    total = {}
    for line in re.findall(r"smtpd\[\d+\]: \w*:? ?disconnect from .*", text):
        for verb, good in re.findall(r" (ehlo|mail|rcpt|data|bdat|rset|quit)=(\d+)", line):
            total[verb] = total.get(verb, 0) + int(good)
    return total


def sixteen_in_flight_confuse_nothing():
    run = systest.run_dir()
    (run / "mail").mkdir()
    (run / "mail/missing").write_text("/^r[0-9]*[05]0@/ 550 5.1.1 not here\n")
    (run / "state").mkdir(mode=0o700)
    write_conf(run / "conf", run / "state")
    good = recipients.write(run / "list.csv", N, SERVED, bad=False)
    missing = {a for a in good if MISSING.match(a)}
    systest.check(len(missing) >= N // 60, "some are missing")
    engine = Running(run)
    with Internet(systest.BUILD, run / "mail", SERVED) as net:
        engine.start()
        engine.campaign("windows", run / "list.csv",
                        systest.REPO / "scripts/quickstart.d/welcome")
        systest.wait_for(lambda: engine.is_settled("windows", N), 90, "all are final")
        states, stats = engine.states("windows"), engine.stats()
        engine.stop()
        systest.check(net.servers.wait_delivered(), "Postfix has mail left in its queues")
        got = received(run)
        by_verb = [commands(run, d.name.split(".")[0]) for d in SERVED]
    systest.equal({a for a, s in states.items() if s == "bounced"}, missing, "who bounced")
    systest.equal({a for a, s in states.items() if s == "delivered"}, set(good) - missing,
                  "who was delivered")
    systest.equal(sorted(got), sorted(set(good) - missing), "who received it, once each")
    for verbs in by_verb:
        print(f"postfix counted {verbs}")
        systest.equal(verbs.get("data", 0), 0, "messages by DATA")
        systest.check(verbs.get("bdat", 0) > 0, "messages by BDAT")
        # RSET stands in front of a MAIL that left before the last one was answered.
        systest.check(verbs.get("rset", 0) > verbs["mail"] // 2, "most MAIL left in a window")
    systest.equal(stats["smtp_bdat_refused"], 0, "BDAT refused")
    systest.equal(stats["smtp_protocol_errors"], 0, "sessions out of step")


systest.main(sixteen_in_flight_confuse_nothing, root=True)
