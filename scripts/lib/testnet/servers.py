"""Starts the servers of the test internet inside the private root."""

import os
import resource
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from . import domains

HERE = Path(__file__).resolve().parent

# xfrdir is /tmp by default, in a folder by process number: several that are the 22nd process of their
# namespace would meet there.
NSD_CONF = """
server:
  ip-address: {addr}
  username: ""
  chroot: ""
  zonesdir: "{dir}"
  database: ""
  pidfile: ""
  xfrdfile: "{dir}/xfrd.state"
  zonelistfile: "{dir}/zone.list"
  xfrdir: "{dir}"
  server-count: 1
  hide-version: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
"""

# What is not Debian's default is here because of a reason that stands beside it.
MAIN_CF = """
compatibility_level = 3.6
queue_directory = /var/spool/{name}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = /var/lib/{name}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = {addr}
inet_protocols = ipv4
myhostname = mx.{domain}
mydestination =
smtputf8_enable = no
maillog_file = /mail/log/{name}.log
maillog_file_prefixes = /mail
# every address of the domain is delivered into one maildir; Delivered-To: tells them apart
virtual_mailbox_domains = {domain}
virtual_mailbox_base = /mail
virtual_mailbox_maps = static:{name}/
alias_maps =
local_recipient_maps =
virtual_minimum_uid = 100
virtual_uid_maps = static:59127
virtual_gid_maps = static:59127
# the namespace has no other resolver, and relaying is not wanted
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
default_transport = error:this server only receives
"""

POSTFIX_SERVICES = """
smtp      inet  n - n -   -  smtpd
cleanup   unix  n - n -   0  cleanup
qmgr      unix  n - n 300 1  qmgr
rewrite   unix  - - n -   -  trivial-rewrite
bounce    unix  - - n -   0  bounce
defer     unix  - - n -   0  bounce
trace     unix  - - n -   0  bounce
error     unix  - - n -   -  error
retry     unix  - - n -   -  error
virtual   unix  - n n -   -  virtual
anvil     unix  - - n -   1  anvil
scache    unix  - - n -   1  scache
proxymap  unix  - - n -   -  proxymap
showq     unix  n - n -   -  showq
pickup    unix  n - n 60  1  pickup
tlsmgr    unix  - - n 1000? 1  tlsmgr
postlog   unix-dgram n - n - 1 postlogd
"""


class Servers:
    """Everything started; stop() ends it. All of it dies with the namespace anyway."""

    def __init__(self, root, share, nsd_root=None):
        self.nsd_root = nsd_root or root.mailroot
        self.root, self.share = root, Path(share)
        self.procs, self.postfixes, self.served = [], [], []
        self.log_dir = self.share / "log"
        self.log_dir.mkdir(exist_ok=True)

    def spawn(self, name, argv, inside=True, env=None):
        log = open(self.log_dir / f"{name}.out", "ab")
        raise_files()
        if inside:
            proc = self.root.popen(argv, stdout=log, stderr=log)
        else:
            proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env=env)
        self.procs.append((name, proc))
        return proc

    def start_dns(self, served):
        """nsd needs no user and no root of its own: it runs where it was unpacked."""
        etc = self.share / "dns"
        etc.mkdir()
        self.served = served
        text = NSD_CONF.format(addr=domains.DNS_ADDR, dir=etc)
        for zone in [domains.ZONE] + domains.BROKEN_ZONES:
            text += f'zone:\n  name: "{zone}"\n  zonefile: "{zone}.zone"\n'
        (etc / f"{domains.ZONE}.zone").write_text(domains.zone_text(served))
        (etc / "nsd.conf").write_text(text)
        usr = Path(self.nsd_root) / "root/usr"
        self.spawn("nsd", [str(usr / "sbin/nsd"), "-d", "-c", str(etc / "nsd.conf")], inside=False,
                   env=dict(os.environ, LD_LIBRARY_PATH=str(usr / "lib/x86_64-linux-gnu")))

    def start_sink(self, r):
        if self.root.root is None:  # smtp-sink insists on another user than root
            reply = ["--rcpt-reply", r.args[-1]] if r.args else []
            self.start_smtpd(replace(r, args=reply))
            return
        (self.share / r.name).mkdir()
        os.chown(self.share / r.name, 59127, 59127)
        host = f"[{r.addr}]" if ":" in r.addr else r.addr
        self.spawn(r.name, ["/usr/sbin/smtp-sink", "-u", "mailbox", "-m", "1024", "-h", f"{r.name}.test", *r.args,
                            "-d", f"/mail/{r.name}/m.", f"inet:{host}:25", "1024"])

    def start_blackhole(self, r):
        """A sink that keeps nothing, for benchmarks."""
        if self.root.root is None:
            raise SystemExit("smtp-sink needs a user of its own: run as root")
        self.spawn(r.name, ["/usr/sbin/smtp-sink", "-u", "mailbox", "-m", "4096",
                            f"inet:{r.addr}:25", "4096"])

    def start_smtpd(self, r):
        (self.share / r.name).mkdir()
        self.spawn(r.name, [sys.executable, str(HERE / "smtpd.py"), "--listen", r.addr, "--dir",
                            str(self.share / r.name), *r.args], inside=False)

    def start_postfix(self, r):
        domain = next(d.name for d in self.served if r.name in [own.name for own in d.receivers])
        etc, spool, data = (self.root.path(p + r.name)
                            for p in ("/etc/", "/var/spool/", "/var/lib/"))
        for d in (etc, spool, data, self.share / r.name):
            d.mkdir(parents=True)
        os.chown(data, 59125, 59125)
        os.chown(self.share / r.name, 59127, 59127)
        text = MAIN_CF.format(name=r.name, addr=r.addr, domain=domain)
        (etc / "main.cf").write_text("".join(line + "\n" for line in settled(text, r.args)))
        (etc / "master.cf").write_text(POSTFIX_SERVICES)
        for f in ("postfix-files", "post-install", "postfix-script"):
            for src in (self.root.path("/usr/share/postfix") / f,
                        self.root.path("/etc/postfix") / f,
                        self.root.path("/usr/lib/postfix/sbin") / f):
                if src.exists() and not (etc / f).exists():
                    (etc / f).write_bytes(src.read_bytes())
                    (etc / f).chmod(0o755)
        self.spawn(r.name, ["/usr/sbin/postfix", "-c", f"/etc/{r.name}", "start-fg"])
        self.postfixes.append(r.name)

    def wait_ready(self, receivers, seconds=20):
        """Every receiver says 220; DNS answers. Names the one that does not."""
        end = time.monotonic() + seconds
        for r in receivers:
            while not greets(r):
                self.check_alive()
                if time.monotonic() > end:
                    raise SystemExit(f"receiver {r.name} does not answer; see {self.log_dir}")
                time.sleep(0.05)
        while not dns_answers():
            self.check_alive()
            if time.monotonic() > end:
                raise SystemExit(f"the DNS server does not answer; see {self.log_dir}/nsd.out")
            time.sleep(0.05)

    def wait_delivered(self, seconds=60):
        """Postfix answers 250 when a message is in its queue; this waits until the queues are
        empty. Returns whether they are."""
        spools = [self.root.path("/var/spool/" + name) for name in self.postfixes]
        queues = [s / q for s in spools for q in ("incoming", "active", "deferred")]
        end = time.monotonic() + seconds
        while any(files for q in queues for _base, _dirs, files in os.walk(q)):
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def check_alive(self):
        for name, proc in self.procs:
            if proc.poll() is not None:
                tail = (self.log_dir / f"{name}.out").read_text(errors="replace")[-800:]
                raise SystemExit(f"{name} ended with status {proc.returncode}: {tail}")

    def stop(self):
        for name in self.postfixes:
            self.root.run(["/usr/sbin/postfix", "-c", f"/etc/{name}", "stop"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _name, proc in self.procs:
            proc.terminate()
        for _name, proc in self.procs:
            try:
                proc.wait(5)
            except subprocess.TimeoutExpired:
                proc.kill()


STARTERS = {"sink": Servers.start_sink, "blackhole": Servers.start_blackhole,
            "smtpd": Servers.start_smtpd, "postfix": Servers.start_postfix}


def settled(text, more):
    """Lines of a main.cf in which `more` overrides `text`. A parameter that stands twice is warned of,
    by postlogd too, through its own socket: when that is full it waits for itself."""
    names = {line.split("=")[0].strip() for line in more}
    return [line for line in text.splitlines() if line.split("=")[0].strip() not in names] + more


def raise_files():
    """smtp-sink keeps a socket and a file per session; the soft limit may be 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 8192:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))


def greets(r):
    port = int(r.args[r.args.index("--port") + 1]) if "--port" in r.args else r.port
    try:
        with socket.create_connection((r.addr, port), timeout=2) as s:
            s.settimeout(2)
            ok = s.recv(512).startswith(b"220")
            s.sendall(b"QUIT\r\n")
            return ok
    except OSError:
        return False


def dns_answers():
    """Asks for the SOA of the zone; a reply with our id and no error will do."""
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x06\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        try:
            s.sendto(query, (domains.DNS_ADDR, 53))
            answer = s.recv(512)
        except OSError:
            return False
    return answer[:2] == b"\x12\x34" and answer[3] & 15 == 0
