#!/usr/bin/python3
"""The safe defaults hold where they count, at the receivers: 10 connections from a source, 100
messages a connection, 100 messages in any second; and the rate is used."""

import systest
from receiver import Receiver, domain, most_in_a_second
from running import Running
from testnet import conf
from testnet.internet import Internet

N = 1600
CONNECTIONS, PER_CONNECTION, RATE = 10, 100, 100
# Quick, as a host nearby, and slow: 10 connections that each need 80 ms a message carry 125/s.
HOSTS = [("quick.test", "10.25.2.1", 0.0), ("slow.test", "10.25.2.2", 0.08)]


def write_conf(run):
    """The test internet's configuration without its limits: what is left are the defaults."""
    conf.write(run / "conf", run / "state")
    text = (run / "conf").read_text()
    start = text.index("limits {")
    (run / "conf").write_text(text[:start] + text[text.index("}", start) + 1:])


def write_list(run):
    (run / "list.csv").write_text("email,name,city,points\n" + "".join(
        f"r{n:05d}@{name},Ann,Oslo,1\n" for n in range(N) for name, _addr, _late in HOSTS))


def judge(name, got):
    systest.check(got.conns_most() <= CONNECTIONS,
                  f"{name}: {got.conns_most()} connections at once, want {CONNECTIONS} at most")
    most = max(n for n, _ended in got.per_conn)
    systest.check(most <= PER_CONNECTION, f"{name}: {most} messages on one connection")
    systest.check(any(n == PER_CONNECTION for n, _ended in got.per_conn) or N < 10 * PER_CONNECTION,
                  f"{name}: no connection carried what it may: {got.per_conn}")
    most = most_in_a_second(got.mails)
    first, last = got.mails[0] + 2, got.mails[0] + 12
    used = sum(first <= at < last for at in got.mails) / (RATE * 10)
    print(f"{name}: connections {got.conns_most()}, most in a second {most}, {used:.1%} of the "
          f"rate over 10 s")
    systest.check(most <= RATE, f"{name}: {most} messages in one second, want {RATE} at most")
    systest.check(used >= 0.95, f"{name}: {used:.1%} of the rate was used over 10 s")


def the_defaults_hold_at_the_receivers():
    run = systest.run_dir()
    for name in ("mail", "state"):
        (run / name).mkdir(mode=0o755)
    write_conf(run)
    write_list(run)
    engine = Running(run)
    hosts = [Receiver(addr, run / "mail" / name, late) for name, addr, late in HOSTS]
    with Internet(systest.BUILD, run / "mail", [domain(n, a) for n, a, _l in HOSTS]):
        with hosts[0], hosts[1]:
            engine.start()
            engine.campaign("limits", run / "list.csv",
                            systest.REPO / "scripts/quickstart.d/welcome")
            # Only looking: a busy test would delay the receivers, which are part of it.
            systest.wait_for(lambda: all(h.taken == N for h in hosts), 60, "all are received")
            systest.wait_for(lambda: engine.is_settled("limits", 2 * N), 10, "all are final")
            systest.equal(engine.stop(), 0, "exit status")
            for (name, _addr, _late), got in zip(HOSTS, hosts):
                systest.equal(got.taken, N, f"{name}: messages taken")
                judge(name, got)


systest.main(the_defaults_hold_at_the_receivers)
