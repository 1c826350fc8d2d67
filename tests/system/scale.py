#!/usr/bin/python3
"""A list of a million, and one of 100,000 domains: memory and control CPU stay in proportion."""

import os
import re
import socket
import struct
import subprocess
import threading
import time

import systest
from running import Running
from testnet import conf, domains
from testnet.internet import Internet

MILLION = int(os.environ.get("SCALE_ROWS", "1000000"))
DOMAINS = int(os.environ.get("SCALE_DOMAINS", "100000"))
EACH = 3
HOSTS = ["10.25.3.1", "10.25.3.2", "10.25.3.3"]
DNS = "127.0.0.7"
SINKS = domains.Domain("sink.test", 0, "delivered", "",
                       [domains.Receiver(f"hole{i}", "blackhole", a) for i, a in enumerate(HOSTS)])


class Dns(threading.Thread):
    """MX of dN.big.test: one of three hosts by N, NXDOMAIN for each tenth; addresses of the hosts."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind((DNS, 53))
        self.asked = 0

    def run(self):
        while True:
            query, peer = self.sock.recvfrom(600)
            self.asked += 1
            self.sock.sendto(self.answer(query), peer)

    def answer(self, query):
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack("!H", query[end - 4:end - 2])[0]
        first = query[13:13 + query[12]].decode()
        n, rcode, data = 0, 0, b""
        if first.startswith("d") and int(first[1:]) % 10 == 0:
            rcode = 3
        elif first.startswith("d") and kind == 15:
            name = b"\2mx" + b"%d" % (int(first[1:]) % len(HOSTS)) + b"\5hosts\4test\0"
            data = struct.pack("!H", 10) + bytes([3]) + name[1:]
        elif first.startswith("mx") and kind == 1:
            data = socket.inet_aton(HOSTS[int(first[2:])])
        if data:
            n = 1
            data = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 3600, len(data)) + data
        return (query[:2] + struct.pack("!HHHHH", 0x8580 | rcode, 1, n, 0, 0) + query[12:end]
                + data)


def memory_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return {k: int(v) // 1024 for k, v in re.findall(r"(RssAnon|VmHWM):\s+(\d+)", f.read())}


def control_cpu_s(pid):
    """Of the main thread, user and system."""
    with open(f"/proc/{pid}/task/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class World:
    def __init__(self, name, rate):
        self.run = systest.run_dir() / name
        self.run.mkdir()
        (self.run / "state").mkdir(mode=0o700)
        conf.write(self.run / "conf", self.run / "state", rate=rate, connections=50)
        text = (self.run / "conf").read_text().replace(domains.DNS_ADDR, DNS)
        (self.run / "conf").write_text(text)
        template = self.run / "template"
        template.mkdir()
        (template / "message.liquid").write_text("Subject: to {{ name }}\n")
        (template / "body.text.liquid").write_text("Dear {{ name }},\n")
        self.engine = Running(self.run)

    def campaign(self, name, path):
        began = time.monotonic()
        done = subprocess.run(
            [systest.engine(), "campaign", "start", "-c", self.engine.conf, "--name", name,
             "--template", str(self.run / "template"), "--recipients", str(path), "--class",
             "transactional", "--from", "news@sender.test"], capture_output=True, text=True, check=False, timeout=300)
        systest.equal(done.returncode, 0, f"campaign start: {done.stderr}")
        return time.monotonic() - began

    def stat(self, name):
        out = self.engine.ctl("show", "stats").stdout
        found = re.search(rf"^{name}\s+([\d,]+)", out, re.M)
        return int(found[1].replace(",", "")) if found else 0


def a_million_rows():
    world = World("million", rate=1)
    path = world.run / "list.csv"
    with open(path, "w", encoding="utf-8") as f:
        f.write("email,name,city,points\n")
        f.writelines(f"recipient{n:07d}@d{n % 1000 + 1}.big.test,Ann,Oslo,{n}\n"
                     for n in range(MILLION))
    world.engine.start()
    before = memory_mb(world.engine.proc.pid)
    took = world.campaign("million", path)
    after = memory_mb(world.engine.proc.pid)
    systest.equal(world.engine.stop(), 0, "exit status")
    began = time.monotonic()
    world.engine.start()
    again = time.monotonic() - began
    print(f"import of {MILLION:,} rows: {took:.1f} s, peak {after['VmHWM'] - before['VmHWM']} MiB "
          f"more, {after['RssAnon'] - before['RssAnon']} MiB kept; start-up with it {again:.1f} s, "
          f"{memory_mb(world.engine.proc.pid)['RssAnon']} MiB")
    systest.check(took < 60, "the import took a minute")
    systest.check(after["VmHWM"] - before["VmHWM"] < 300, "the import took 300 MiB")
    systest.equal(world.engine.stop(), 0, "exit status")


def many_domains(n):
    """Control CPU a message, in microseconds."""
    world = World(f"domains-{n}", rate=100000)
    path = world.run / "list.csv"
    with open(path, "w", encoding="utf-8") as f:
        f.write("email,name,city,points\n")
        f.writelines(f"r{k}@d{d}.big.test,Ann,Oslo,1\n" for k in range(EACH) for d in range(n))
    world.engine.start()
    pid, total = world.engine.proc.pid, n * EACH
    before, cpu = memory_mb(pid), control_cpu_s(pid)
    world.campaign("domains", path)
    began = time.monotonic()
    most_pending = 0

    def over():
        nonlocal most_pending
        most_pending = max(most_pending, world.stat("mx_pending"))
        return "done" in world.engine.ctl("show", "campaigns").stdout
    systest.wait_for(over, 240, "the campaign is over")
    took = time.monotonic() - began
    cpu = (control_cpu_s(pid) - cpu) / total * 1e6
    after = memory_mb(pid)
    print(f"{n:,} domains, {total:,} recipients: {took:.1f} s, control {cpu:.1f} us CPU a recipient,"
          f" peak {after['VmHWM'] - before['VmHWM']} MiB more, {most_pending} look-ups at once")
    systest.equal(world.engine.stop(), 0, "exit status")
    return cpu


def scale():
    (systest.run_dir() / "mail").mkdir()
    with Internet(systest.BUILD, systest.run_dir() / "mail", [SINKS]):
        subprocess.run(["ip", "address", "add", DNS + "/8", "dev", "lo"], check=True)
        Dns().start()
        if MILLION:
            a_million_rows()
        few, many = many_domains(DOMAINS // 10), many_domains(DOMAINS)
        systest.check(many < 2 * few, f"{few:.1f} us a recipient became {many:.1f} with ten times "
                      "the domains")


systest.main(scale, root=True)
