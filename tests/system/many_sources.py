#!/usr/bin/python3
"""1,024 source addresses a family on one port, and a second port beside it: each address answers
ARP or ND, messages leave from all of them, and both ports carry their share."""

import ipaddress
import json
import socket
import subprocess
from pathlib import Path

import systest
from running import Running
from testnet import conf, domains, net
from testnet.internet import Internet

SOURCES = 1024
SECOND = 16  # sources of the second port
TAP2 = "ph1"
N = 16 * SOURCES  # a recipient has its source by hash: none is left out but once in 10,000 runs
PORT2 = f"""
port "p1" {{
	device = "net_tap1,iface={TAP2}"
	address = ["10.26.0.2/16"]
	gateway = "10.26.0.1"
}}
"""


def addresses(n, first4, first6=None):
    four, six = ipaddress.ip_address(first4), first6 and ipaddress.ip_address(first6)
    return [(str(four + i), str(six + i) if six else None) for i in range(n)]


NETS = ("10.27.0.0/16", "fd27::/64")  # of the sources: no network of the kernel's side
OURS = addresses(SOURCES, "10.27.8.0", "fd27::2:0")
OURS2 = addresses(SECOND, "10.26.8.0")


def source(number, port, four, six):
    return (f'source "s{number}" {{\n\tport = "{port}"\n\taddress = "{four}"\n'
            + (f'\taddress6 = "{six}"\n' if six else "")
            + f'\thelo = "m{number}.sender.test"\n}}\n')


def write_conf(path, state):
    conf.write(path, state, connections=1, rate=100000)
    text = path.read_text()
    begin = text.index('source "s1"')
    end = text.index("}\n", begin) + 2
    text = text[:begin] + PORT2 + text[end:]
    for n, (port, pair) in enumerate([("p0", a) for a in OURS] + [("p1", a) for a in OURS2]):
        text += source(n, port, *pair)
    path.write_text(text)


def second_tap():
    net.ip("tuntap", "add", "dev", TAP2, "mode", "tap", "multi_queue")
    net.ip("address", "add", "10.26.0.1/16", "dev", TAP2)
    net.ip("link", "set", TAP2, "up")


def knows(part):
    """Which of these the kernel found the hardware address of, in ARP and ND."""
    out = subprocess.run(["ip", "-j", "neigh", "show"], check=True, capture_output=True, text=True)
    return {n["dst"] for n in json.loads(out.stdout) if "lladdr" in n}.issuperset(part)


def route(*way4):
    way6 = [domains.ENGINE6 if w == domains.ENGINE4 else w for w in way4]
    for family, to, way in zip(("-4", "-6"), NETS, (way4, way6)):
        net.ip(family, "route", "replace", to, *way)


def every_address_answers():
    """Nobody listens to the datagrams, but each makes the kernel ask whose the address is. It holds
    1,024 neighbours at most, those of all namespaces together: it is asked in parts, forgets in
    between, and later sends through the port's own address."""
    route("dev", net.TAP)
    asked = [four for four, _ in OURS + OURS2] + [six for _, six in OURS]
    for at in range(0, len(asked), 256):
        part = asked[at:at + 256]
        for addr in part:
            family = socket.AF_INET6 if ":" in addr else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as s:
                s.sendto(b"", (addr, 9))
        systest.wait_for(lambda: knows(part), 5, f"all of {part[0]} to {part[-1]} answer")
        for family in ("-4", "-6"):
            for dev in (net.TAP, TAP2):
                net.ip(family, "neigh", "flush", "dev", dev)
    route("via", domains.ENGINE4, "dev", net.TAP)


def senders(folder):
    return {line.split()[1] for f in Path(folder).iterdir()
            for line in f.read_text(errors="replace").splitlines()[:1]}


def all_sources_answer_and_all_send():
    run = systest.run_dir()
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    write_conf(run / "conf", run / "state")
    (run / "list.csv").write_text("email,name,city,points\n" + "".join(
        f"r{n:05d}@capture.test,Ann,Oslo,7\n" for n in range(N)))
    engine = Running(run)
    with Internet(systest.BUILD, run / "mail", [domains.CAPTURE]):
        second_tap()
        engine.start()
        every_address_answers()
        engine.campaign("many", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
        systest.wait_for(lambda: engine.is_settled("many", N), 120, "every recipient is final")
        systest.equal({s for s in engine.states("many").values()}, {"delivered"}, "states")
        systest.wait_for(lambda: engine.stats()["smtp_open_now"] == 0, 10, "sessions end")
        stats = engine.stats()
        systest.equal(engine.stop(), 0, "exit status after SIGTERM")
    systest.equal(stats["tcp_open_now"], 0, "connections left")
    systest.equal(stats["address_conflicts"], 0, "conflicts")
    got = senders(run / "mail/capture")
    want = {four for four, _ in OURS + OURS2}
    systest.equal(sorted(want - got)[:5], [], f"of {len(want)} sources, those nothing left from")


systest.main(all_sources_answer_and_all_send)
