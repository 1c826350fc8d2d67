"""A bad path (tests/relay) between Linux and senders: our engine at a tap, or another Linux.

    ours ---- tap ours<N> --+
                            +-- relay -- tap right<N> -- 10.66.0.1, fd66::1: Linux receives
    Linux --- tap left<N> --+

Each Linux has a network namespace of its own, so every path is alone and any number may stand side
by side. Use inside scripts/lib/enter.
"""

import json
import os
import signal
import subprocess
import time

RIGHT4, RIGHT6 = "10.66.0.1", "fd66::1"
OURS4, OURS6 = "10.66.0.2", "fd66::2"
LEFT4, LEFT6 = "10.66.0.3", "fd66::3"


class Trouble(Exception):
    """What the path or one of its ends says when it cannot work."""


class Namespace:
    """A network namespace that lives as long as its holder."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        want = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == want:
            time.sleep(0.005)

    def inside(self, *argv):
        return ["nsenter", "-t", str(self.holder.pid), "-n", *map(str, argv)]

    def run(self, *argv):
        subprocess.run(self.inside(*argv), check=True)

    def sysctl(self, name, value):
        self.run("sh", "-c", f"echo '{value}' >/proc/sys/{name}")

    def adopt(self, link, *addrs):
        """Moves a link in and gives it addresses."""
        subprocess.run(["ip", "link", "set", link, "netns", str(self.holder.pid)], check=True)
        self.sysctl(f"net/ipv6/conf/{link}/accept_dad", 0)
        for addr in addrs:
            self.run("ip", "addr", "add", addr, "dev", link, *(["nodad"] * (":" in addr)))
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "set", link, "up")

    def end(self):
        self.holder.kill()
        self.holder.wait()


class End:
    """A program that prints "ready" (if it listens) and one line of JSON when it is done."""

    def __init__(self, argv, ready=False):
        argv = [str(a) for a in argv]
        self.name = os.path.basename(next(a for a in argv if a.startswith("/")))
        self.proc = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        if ready and self.proc.stdout.readline() != "ready\n":
            raise Trouble(f"{self.name} does not start: {argv}")

    def result(self, timeout=None):
        try:
            out, _ = self.proc.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Trouble(f"{self.name} did not end within {timeout} s") from None
        lines = out.splitlines()
        if not lines:
            raise Trouble(f"{self.name} ended with status {self.proc.returncode}, without a word")
        return json.loads(lines[-1])

    def stop(self, timeout=30):
        self.proc.send_signal(signal.SIGTERM)
        return self.result(timeout)

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()


class BadPath:
    """`up` and `down` say what happens to what is sent to the receiver and by it (path.h)."""

    def __init__(self, build, number=0, seed=1, up="", down=""):
        self.build, self.number, self.ends = os.path.abspath(build), number, []
        self.relay_args = ["--seed", seed, "--up", up, "--down", down]
        self.our_tap, self.left_tap, self.right_tap = (
            f"{name}{number}" for name in ("ours", "left", "right"))

    def __enter__(self):
        self.right, self.left = Namespace(), Namespace()
        subprocess.run(["ip", "tuntap", "add", "dev", self.our_tap, "mode", "tap", "multi_queue"],
                       check=True)
        with open(f"/proc/sys/net/ipv6/conf/{self.our_tap}/disable_ipv6", "w",
                  encoding="ascii") as f:
            f.write("1")  # its kernel side only carries frames
        subprocess.run(["ip", "link", "set", self.our_tap, "up"], check=True)
        self.relay = End([f"{self.build}/tests/relay/relay", "--left", f"packet:{self.our_tap}",
                          "--left", f"tap:{self.left_tap}", "--right", f"tap:{self.right_tap}",
                          *self.relay_args], ready=True)
        self.right.adopt(self.right_tap, f"{RIGHT4}/24", f"{RIGHT6}/64")
        self.left.adopt(self.left_tap, f"{LEFT4}/24", f"{LEFT6}/64")
        for ns in (self.right, self.left):
            ns.sysctl("net/core/somaxconn", 65535)
            ns.sysctl("net/ipv4/tcp_max_syn_backlog", 65535)
            ns.sysctl("net/ipv4/tcp_no_metrics_save", 1)
            ns.sysctl("net/ipv4/tcp_rmem", "4096 131072 33554432")
            ns.sysctl("net/ipv4/tcp_wmem", "4096 16384 8388608")
        return self

    def __exit__(self, *exc):
        for end in (*self.ends, self.relay):
            end.kill()
        for ns in (self.right, self.left):
            ns.end()
        subprocess.run(["ip", "link", "delete", self.our_tap], check=False)

    def _start(self, argv, ready=False):
        end = End(argv, ready)
        self.ends.append(end)
        return end

    def listen(self, **words):
        return self._start(self.right.inside(f"{self.build}/tests/linux/tcp_theirs", "listen",
                                             *spell(words)), ready=True)

    def ours(self, family=4, **words):
        """Our engine connects to the right."""
        return self._start([f"{self.build}/tests/linux/tcp_ours",
                            f"device=net_tap0,iface={self.our_tap}",
                            f"addr={OURS4}/24" if family == 4 else f"addr={OURS6}/64",
                            f"to={RIGHT4 if family == 4 else RIGHT6}", *spell(words)])

    def linux(self, family=4, **words):
        """Linux on the left does."""
        return self._start(self.left.inside(f"{self.build}/tests/linux/tcp_theirs", "connect",
                                            f"to={RIGHT4 if family == 4 else RIGHT6}",
                                            *spell(words)))

    def capture(self, file):
        """What passes the receiver, as the relay gave it."""
        return subprocess.Popen(self.right.inside("tcpdump", "-U", "-i", self.right_tap, "-w", file,
                                                  "-s", "128"), stderr=subprocess.DEVNULL)


def spell(words):
    return [f"{name}={value}" for name, value in words.items()]
