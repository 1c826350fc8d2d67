#!/usr/bin/python3
"""`posthaste sink`: our engine sends to it, over a tap to its kernel sockets and over memif to its own
stack, behind STARTTLS, in chunks and with DATA. What arrived is what the template says, byte for
byte, and each recipient meets the fate that its local part asked for. Its options are refused in
one line, and an old client (smtplib) gets on with it."""

import csv
import hashlib
import json
import os
import signal
import smtplib
import ssl
import subprocess

import systest
from testnet import conf, domains
from testnet.internet import Internet

N = 12
ADDR, RUDE_ADDR = "10.25.2.1", "10.25.2.2"
DOMAIN = domains.Domain("odd.test", 0, "", domains.mx(ADDR), silent=[ADDR])
RUDE = domains.Domain("rude.test", 0, "", domains.mx(RUDE_ADDR), silent=[RUDE_ADDR])
HEAD = "From: Systest <news@sender.test>\nSubject: {{ points }} points\nX-Recipient: {{ email }}\n"
BODY = "Hello,\n.\n..\n.leading dot, {{ points }} points\n\n...three\n" + "line\n" * 400 + ".\n"
# Local parts and the state after two attempts: 1 s lies between them.
FATES = [
    ("plain", "delivered"), ("450-1+again", "delivered"), ("451.data-1+again", "delivered"),
    ("452.message-1+again", "delivered"), ("550+gone", "bounced"), ("552.message+big", "bounced"),
    ("451+always", "deferred"), ("google_full-1+again", "delivered"), ("delay-20ms+x", "delivered"),
]
# These end sessions, which is a failure of the host: who waits with them, and for how long, is not
# for this test to say. Delivered once, or not at all.
RUDE_PARTS = ["close-1+a", "close.message-1+b", "reset.body-1+c", "reset.data-1+d", "421-1+e"]
SCRIPT = """# every banner drips, and each third MAIL takes its time
connect : drip 200us
mail every 3 : delay 1ms..5ms
"""


class Sink:
    def __init__(self, name, *args, script=SCRIPT):
        self.dir = systest.run_dir() / name
        self.dir.mkdir()
        (self.dir / "script").write_text(script)
        self.ca = self.dir / "ca.pem"
        self.err = open(self.dir / "err", "w+", encoding="utf-8")
        argv = [systest.engine(), "sink", "--host", f"mx.{DOMAIN.name}", "--store",
                str(self.dir / "store"), "--hash", str(self.dir / "hash"),
                *([] if "--cert" in args else ["--authority-out", str(self.ca)]),
                "--script", str(self.dir / "script"), *args]
        self.proc = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=self.err, text=True,
                                     preexec_fn=lambda: os.sched_setaffinity(
                                         0, sorted(os.sched_getaffinity(0))[:1]))
        systest.check(self.proc.stdout.readline().startswith("ready "),
                      f"{name} does not start: {(self.dir / 'err').read_text()}")

    def counts(self):
        """What it counted, asked while it runs."""
        self.proc.send_signal(signal.SIGUSR1)
        return self.read_counts(self.proc.stdout)

    @staticmethod
    def read_counts(lines):
        """The first that is JSON: a line for each address stands before it."""
        return json.loads(next(line for line in lines if line.startswith("{")))

    def stop(self):
        self.proc.terminate()
        out, _ = self.proc.communicate(timeout=20)
        systest.equal(self.proc.returncode, 0, f"exit status ({(self.dir / 'err').read_text()})")
        return self.read_counts(out.splitlines())

    def letters(self):
        """Recipient -> list of (TLS, message)."""
        out = {}
        for path in sorted((self.dir / "store").iterdir()):
            head, _, message = path.read_bytes().partition(b"\n\n")
            fields = [line.split(b" ", 1) for line in head.split(b"\n")]
            tls = next(v for k, v in fields if k == b"TLS") == b"yes"
            for key, value in fields:
                if key == b"RCPT":
                    rcpt = value.split(b"<")[1].split(b">")[0].decode()
                    out.setdefault(rcpt, []).append((tls, message))
        return out

    def envelopes(self):
        """Recipient -> (what stood behind MAIL, what stood behind RCPT)."""
        out = {}
        for path in (self.dir / "store").iterdir():
            lines = path.read_text(errors="replace").split("\n\n", 1)[0].split("\n")
            said = {key: [ln[5:] for ln in lines if ln.startswith(key)] for key in ("MAIL ", "RCPT ")}
            for rcpt in said["RCPT "]:
                out[rcpt.split("<")[1].split(">")[0]] = (said["MAIL "][0], rcpt)
        return out

    def hashes(self):
        """Recipient -> list of (sha256, octets)."""
        out = {}
        for line in (self.dir / "hash").read_text().splitlines():
            digest, octets, message_id, rcpt = line.split("\t")
            systest.check(message_id.startswith("<"), f"Message-ID: {line}")
            out.setdefault(rcpt, []).append((digest, int(octets)))
        return out


def recipients():
    for local, state in FATES:
        for n in range(N):
            yield f"{local}{n}@{DOMAIN.name}", state
    for local in RUDE_PARTS:
        yield f"{local}@{RUDE.name}", None


def send(name, device):
    """One campaign; address -> state."""
    run = systest.run_dir() / f"send-{name}"
    run.mkdir()
    (run / "state").mkdir(mode=0o700)
    conf.write(run / "conf", run / "state", retry="1s", connections=5)
    if device:
        text = (run / "conf").read_text()
        (run / "conf").write_text(text.replace('device = "net_tap0,iface=ph0"',
                                               f'device = "{device}"'))
    template = run / "template"
    template.mkdir()
    (template / "message.liquid").write_text(HEAD)
    (template / "body.text.liquid").write_text(BODY)
    with open(run / "list.csv", "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(("email", "points"))
        out.writerows((address, n) for n, (address, _) in enumerate(recipients()))
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    done = subprocess.run([systest.engine(), "send", "-c", str(run / "conf"), "--name", "sink",
                           "--template", str(template), "--recipients", str(run / "list.csv"),
                           "--class", "transactional", "--from", "news@sender.test",
                           "--until-attempts", "2", "--export", str(run / "export.csv")], env=env, capture_output=True, text=True,
                          check=False, timeout=120)
    systest.equal(done.returncode, 0, f"send {name}: {done.stdout}{done.stderr}")
    with open(run / "export.csv", newline="", encoding="utf-8") as f:
        return {row["address"]: (row["state"], row["reply"]) for row in csv.DictReader(f)}


def want_body(points):
    return BODY.replace("{{ points }}", str(points)).replace("\n", "\r\n").encode()


def check(name, sink, states):
    letters, hashes = sink.letters(), sink.hashes()
    for n, (address, state) in enumerate(recipients()):
        got = states[address]
        if state is None:
            state = got[0]
        systest.equal(got[0], state, f"{name}: {address}: state ({got[1]})")
        mine = letters.get(address, [])
        systest.equal(len(mine), 1 if state == "delivered" else 0, f"{name}: {address}: copies")
        if not mine:
            continue
        tls, message = mine[0]
        head, _, body = message.partition(b"\r\n\r\n")
        systest.check(tls, f"{name}: {address}: in the clear")
        systest.check(b"\r\nX-Recipient: " + address.encode() in b"\r\n" + head,
                      f"{name}: {address}: another recipient's message")
        systest.equal(body, want_body(n), f"{name}: {address}: body")
        systest.equal(hashes[address], [(hashlib.sha256(message).hexdigest(), len(message))],
                      f"{name}: {address}: hash")


def run_pair(name, listen, device, *args):
    sink = Sink(name, *listen, *args)
    states = send(name, device)
    during = sink.counts()
    after = sink.stop()
    check(name, sink, states)
    delivered = sum(state == "delivered" for state, _ in states.values())
    systest.equal(after["messages"], delivered, f"{name}: messages")
    systest.equal(during["messages"], delivered, f"{name}: messages by SIGUSR1")
    for what in ("client_errors", "pipelining_errors", "no_room"):
        systest.equal(after[what], 0, f"{name}: {what}")
    systest.check((after["chunks"] > 0) != ("CHUNKING" in " ".join(args)), f"{name}: chunks")
    systest.equal(after["connections_now"], 0, f"{name}: open at its end")


def our_engine_and_the_sink_agree_on_every_octet():
    run = systest.run_dir()
    (run / "mail").mkdir()
    with Internet(systest.BUILD, run / "mail", [DOMAIN, RUDE]):
        kernel = ("--kernel", "--listen", f"{ADDR}:25", "--listen", f"{RUDE_ADDR}:25")
        run_pair("kernel", kernel, None)
        run_pair("kernel-data", kernel, None, "--without", "CHUNKING,BINARYMIME")
        for addr in (ADDR, RUDE_ADDR):
            subprocess.run(["ip", "address", "del", f"{addr}/32", "dev", "ph0"], check=True)
        for name, args in (("stack", ()), ("stack-data", ("--without", "CHUNKING,BINARYMIME"))):
            way = f"socket={run}/{name}.sock,socket-abstract=no"
            run_pair(name, ("--device", f"net_memif0,role=server,{way}", "--address",
                            f"{ADDR}/16", "--hosts", "2"), f"net_memif0,role=client,{way}", *args)


def another_client_gets_on_with_it():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sink = Sink("smtplib", "--kernel", "--listen", "127.0.0.1:2525", "--rcpts-max", "2")
    client = smtplib.SMTP("127.0.0.1", 2525)
    client._host = f"mx.{DOMAIN.name}"  # whose name the certificate has
    client.starttls(context=ssl.create_default_context(cafile=sink.ca))
    refused = client.sendmail("a@b.test", ["c@d.test", "550+e@d.test", "f@d.test", "g@d.test"],
                              "Message-ID: <1@b>\r\n\r\n.\r\nx\r\n")
    systest.equal(sorted(refused), ["550+e@d.test", "g@d.test"], "refused")
    client.quit()
    sink.stop()
    systest.equal(sink.letters()["c@d.test"][0][1], b"Message-ID: <1@b>\r\n\r\n.\r\nx\r\n", "message")
    systest.check("f@d.test" in sink.letters(), "the second recipient")


def what_is_full_refuses_for_now():
    sink = Sink("full", "--kernel", "--listen", "127.0.0.1:2525", "--store-max", "100")
    client = smtplib.SMTP("127.0.0.1", 2525)
    client.sendmail("a@b.test", "c@d.test", "x\r\n" * 50)
    try:
        client.sendmail("a@b.test", "c@d.test", "x\r\n")
    except smtplib.SMTPSenderRefused as e:
        systest.equal(e.smtp_code, 452, "reply when full")
    else:
        raise systest.Failed("a full store takes more")
    client.close()
    systest.equal(sink.stop()["no_room"], 1, "no_room")


WRONG = [
    ("", 2, "it takes --kernel, or --device and --address"),
    ("--kernel --device x", 2, "not both"),
    ("--device x --address 10.0.0.1/24 --listen 1.2.3.4:5", 2, "--listen is for --kernel"),
    ("--kernel --frobnicate", 2, "--frobnicate"),
    ("--kernel --listen here", 2, "ADDRESS:PORT"),
    ("--kernel --conns-max 0", 2, "from 1 to"),
    ("--kernel --without SMTP", 2, "keywords of EHLO"),
    ("--kernel --script /nowhere", 2, "No such file"),
    ("--kernel --cert /nowhere", 1, "/nowhere"),
    ("--kernel --hash /nowhere/x", 1, "/nowhere/x"),
    ("--kernel --listen 127.0.0.1:2525 --listen 127.0.0.1:2525", 1, "127.0.0.1 port 2525"),
    ("--device net_nothing0 --address 10.0.0.1/24", 1, "net_nothing0"),
]


def wrong_words_are_refused_in_one_line():
    for words, status, want in WRONG:
        done = subprocess.run([systest.engine(), "sink", *words.split()], capture_output=True,
                              text=True, check=False, timeout=20)
        systest.equal(done.returncode, status, f"sink {words}: {done.stderr}")
        systest.check(want in done.stderr and done.stderr.count("\n") == 1,
                      f"sink {words}: {done.stderr}")


if __name__ == "__main__":
    systest.main(wrong_words_are_refused_in_one_line, another_client_gets_on_with_it,
                 what_is_full_refuses_for_now, our_engine_and_the_sink_agree_on_every_octet)
