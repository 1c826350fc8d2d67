"""bench_idle.py PROGRAM BUILD _ JSON: what a worker costs that has nothing to do, and how soon it is
awake; see scripts/bench. Inside lib/enter.

CPU: what the kernel charged the worker's thread over SECONDS, over net_tap with no connection and
with CONNS of them, and on a ring, which has no descriptor to sleep on.

Wake-up by a frame: an ICMP echo after a pause in which the worker fell asleep, from just before the
send to the kernel's time stamp of the answer; beside it the same while the worker still spins, which
is what the way there and back costs. By a command: `show connections` over the socket less `show
version`, which no worker sees: the wake-up of the worker, its answer, the wake-up of control.
"""

import asyncio
import json
import os
import random
import resource
import socket
import statistics
import struct
import sys
import threading
import time
from pathlib import Path

from bench_smoke import TEMPLATE, Engine
from testnet import conf, domains, net, rundir
from testnet.internet import Internet

SECONDS = 10
CONNS = 1000
ECHOES, QUESTIONS = 400, 200
ECHOES_AT_ONCE = 90  # the engine answers 100 a second
HOST, ADDR = "idle.test", "10.25.2.1"
SO_TIMESTAMPNS = 35
# metric -> (unit, must); what has no must is there to be compared with.
ROWS = {
    "idle_tap_cpu": ("%", 1),
    "idle_tap_1000_cpu": ("%", 1),
    "idle_ring_cpu": ("%", 3),
    "idle_tap_wake_median": ("us", 200),
    "idle_tap_wake_p99": ("us", 2000),
    "idle_tap_awake_median": ("us", None),
    "idle_tap_awake_p99": ("us", None),
    "idle_tap_command_median": ("us", None),
    "idle_tap_command_p99": ("us", None),
    "idle_tap_sleeps": ("per s", None),
    "idle_tap_1000_sleeps": ("per s", None),
    "idle_ring_command_median": ("us", None),
    "idle_ring_command_p99": ("us", None),
    "idle_ring_sleeps": ("per s", None),
}


class Slow:
    """A receiver that greets nobody before CONNS are there, takes a message from each and keeps
    them."""

    def __init__(self):
        self.n, self.ready, self.all_there = 0, threading.Event(), None
        threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True).start()
        self.ready.wait()

    async def serve(self):
        self.all_there = asyncio.Event()
        server = await asyncio.start_server(self.on_client, ADDR, 25, backlog=4096)
        self.ready.set()
        await server.serve_forever()

    async def on_client(self, reader, writer):
        self.n += 1
        if self.n == CONNS:
            self.all_there.set()
        try:
            await self.all_there.wait()
            await self.session(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def session(self, reader, writer):
        writer.write(b"220 ready\r\n")
        while True:
            line = (await reader.readuntil(b"\n")).upper()
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            elif line.startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                return
            writer.write(b"250 fine\r\n")


def worker_ns(pid):
    """CPU time of the worker's thread."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("worker-"):
            return int((task / "schedstat").read_text().split()[0])
    sys.exit("bench: the engine has no worker")


def idle(engine):
    """Per cent of a CPU, and sleeps a second."""
    cpu, sleeps, at = worker_ns(engine.proc.pid), engine.counter("worker_sleeps"), time.monotonic()
    time.sleep(SECONDS)
    cpu = worker_ns(engine.proc.pid) - cpu
    wall = time.monotonic() - at
    return 100 * cpu / 1e9 / wall, (engine.counter("worker_sleeps") - sleeps) / wall


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


class Pinger:
    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.sock.settimeout(2)
        self.seq = 0

    def echo_us(self):
        self.seq += 1
        head = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xffff, self.seq)
        packet = head[:2] + struct.pack("!H", checksum(head)) + head[4:]
        sent = time.clock_gettime_ns(time.CLOCK_REALTIME)
        self.sock.sendto(packet, (domains.ENGINE4, 0))
        while True:
            data, ancillary, _flags, _addr = self.sock.recvmsg(200, 100)
            if data[20] == 0 and struct.unpack("!H", data[26:28])[0] == self.seq:
                break
        seconds, ns = struct.unpack("qq", ancillary[0][2])
        return (seconds * 10**9 + ns - sent) / 1000

    def many(self, n, pause_s):
        self.echo_us()
        out = []
        for _ in range(n):
            time.sleep(random.uniform(*pause_s))
            out.append(self.echo_us())
        return out


def call_us(path, line):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        at = time.monotonic_ns()
        s.sendall(line)
        answer = b""
        while not answer.endswith(b"end\n"):
            part = s.recv(65536)
            if not part:
                sys.exit(f"bench: no answer to {line!r}")
            answer += part
        return (time.monotonic_ns() - at) / 1000


def command_us(path):
    """Questions, each less the median of what no worker is asked for."""
    plain, asked = [], []
    for _ in range(QUESTIONS):
        time.sleep(random.uniform(0.005, 0.02))
        plain.append(call_us(path, b"json show version\n"))
        time.sleep(random.uniform(0.005, 0.02))
        asked.append(call_us(path, b"json show connections limit 1\n"))
    base = statistics.median(plain)
    return [us - base for us in asked]


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


def start(program, run, port=None):
    (run / "state").mkdir(mode=0o700, exist_ok=True)
    path = run / "posthaste.conf"
    conf.write(path, run / "state", connections=CONNS, rate=1000000, per_connection=100000)
    text = path.read_text().replace("idle = 2s", "idle = 5m")
    path.write_text(text.replace(f"net_tap0,iface={net.TAP}", port) if port else text)
    engine = Engine(program, run)
    engine.wait_ready()
    return engine


def stop(engine):
    engine.proc.terminate()
    engine.proc.wait(30)


def open_conns(engine, run):
    with open(run / "list.csv", "w", encoding="utf-8") as f:
        f.write("email,name,city,points\n")
        f.writelines(f"r{i}@{HOST},Ann,Oslo,1\n" for i in range(CONNS))
    engine.ctl("campaign", "start", "name=idle", f"template={TEMPLATE}",
               f"recipients={run / 'list.csv'}", "from=news@sender.test", "class=transactional")
    end = time.monotonic() + 30
    while engine.counter("smtp_delivered") < CONNS or engine.counter("smtp_open_now") < CONNS:
        if time.monotonic() > end:
            sys.exit(f"bench: {engine.counter('smtp_open_now')} connections and "
                     f"{engine.counter('smtp_delivered')} messages of {CONNS}")
        time.sleep(0.1)
    time.sleep(1)


def on_tap(program, run, got):
    Slow()
    engine = start(program, run)
    got["idle_tap_cpu"], got["idle_tap_sleeps"] = idle(engine)
    pinger = Pinger()
    asleep = pinger.many(ECHOES, (0.01, 0.03))
    awake = []
    while len(awake) < ECHOES:
        time.sleep(1.1)
        awake += pinger.many(ECHOES_AT_ONCE, (0, 0))
    got["idle_tap_wake_median"], got["idle_tap_wake_p99"] = statistics.median(asleep), p99(asleep)
    got["idle_tap_awake_median"], got["idle_tap_awake_p99"] = statistics.median(awake), p99(awake)
    asked = command_us(str(run / "state/posthaste.sock"))
    got["idle_tap_command_median"], got["idle_tap_command_p99"] = statistics.median(asked), p99(asked)
    open_conns(engine, run)
    got["idle_tap_1000_cpu"], got["idle_tap_1000_sleeps"] = idle(engine)
    stop(engine)


def on_ring(program, run, got):
    engine = start(program, run, "net_ring0")
    got["idle_ring_cpu"], got["idle_ring_sleeps"] = idle(engine)
    asked = command_us(str(run / "state/posthaste.sock"))
    got["idle_ring_command_median"], got["idle_ring_command_p99"] = (statistics.median(asked),
                                                                     p99(asked))
    stop(engine)


def main():
    program, build, as_json = sys.argv[1], sys.argv[2], sys.argv[4] == "1"
    run = rundir.make(build, "bench")
    (run / "mail").mkdir()
    (run / "ring").mkdir()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4 * CONNS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    got = {}
    with Internet(build, run / "mail", [domains.Domain(HOST, 1000, "delivered", domains.mx(ADDR),
                                                       silent=[ADDR])]):
        on_tap(program, run, got)
    on_ring(program, run / "ring", got)
    for metric, (unit, must) in ROWS.items():
        value = round(got[metric], 2 if unit == "%" else 0)
        if as_json:
            print(json.dumps({"metric": metric, "value": value, "unit": unit,
                              **({"must": must} if must else {})}))
        else:
            print(f"{metric:32} {value:>12,} {unit:6} {f'must be under {must}' if must else ''}")


if __name__ == "__main__":
    main()
