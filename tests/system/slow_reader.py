#!/usr/bin/python3
"""A server that reads slowly, or not at all: over kernel sockets and on the sink's own stack the window closes, a
large message takes as long as it reads, and one that is not read at all is given up by the body's timer."""

import json
import os
import subprocess
import time

import systest
from sink import Sink
from testnet import conf, domains
from testnet.internet import Internet

ADDR = "10.25.2.1"
DOMAIN = domains.Domain("odd.test", 0, "", domains.mx(ADDR), silent=[ADDR])
RATE = 300000
FILE_BYTES = 1 << 20  # attached: four thirds of it as base64
WINDOW_BYTES = 1 << 17  # what was offered before it was slow
SCRIPT = f"""rcpt to slow@* : slow {RATE}
rcpt to never@* : slow 0
"""


def make_conf(run, device):
    conf.write(run / "conf", run / "state", retry="1h", connections=5)
    text = (run / "conf").read_text() + "smtp {\n\tbody_timeout = 2s;\n}\n"
    if device:
        text = text.replace('device = "net_tap0,iface=ph0"', f'device = "{device}"')
    (run / "conf").write_text(text)


def start(name, to, device):
    """An engine that sends one message with a large file."""
    run = systest.run_dir() / f"send-{name}-{to}"
    (run / "state").mkdir(mode=0o700, parents=True)
    make_conf(run, device)
    (run / "template/attachments").mkdir(parents=True)
    (run / "template/message.liquid").write_text("Subject: large\n")
    (run / "template/body.text.liquid").write_text("with a file\n")
    (run / "template/attachments/file.bin").write_bytes(os.urandom(FILE_BYTES))
    (run / "list.csv").write_text(f"email\n{to}@{DOMAIN.name}\n")
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    return run, subprocess.Popen(
        [systest.engine(), "send", "-c", str(run / "conf"), "--name", "large", "--template", str(run / "template"),
         "--recipients", str(run / "list.csv"), "--class", "transactional", "--from", "news@sender.test"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_delivered(name, to, device):
    """How long it took."""
    began = time.monotonic()
    _, engine = start(name, to, device)
    out, _ = engine.communicate(timeout=60)
    systest.equal(engine.returncode, 0, f"send {name} {to}: {out}")
    systest.check("delivered=1" in out, f"send {name} {to}: {out}")
    return time.monotonic() - began


def is_given_up(name, to, device):
    """It never ends: an answer that never came is no attempt."""
    run, engine = start(name, to, device)

    def reason():
        done = subprocess.run([systest.engine(), "ctl", "-c", str(run / "conf"), "--json", "show", "campaign", "large"],
                              capture_output=True, text=True, check=False, timeout=20)
        told = json.loads(done.stdout) if done.returncode == 0 else None
        return told and told["states"]["deferred"] == 1 and told["domains"][0]["first_reason"]

    systest.equal(systest.wait_for(reason, 20, f"{name}: {to} is deferred"), "no answer in time", f"{name}: {to}")
    engine.kill()
    engine.communicate(timeout=60)


def run_pair(name, listen, device):
    sink = Sink(name, *listen, script=SCRIPT)
    took, least = is_delivered(name, "slow", device), (FILE_BYTES * 4 / 3 - WINDOW_BYTES) / RATE
    systest.check(least <= took < 3 * least + 5, f"{name}: it took {took:.2f} s, and reading takes {least:.2f} s")
    systest.equal(len(sink.letters()[f"slow@{DOMAIN.name}"]), 1, f"{name}: copies")
    is_given_up(name, "never", device)
    counts = sink.stop()
    systest.equal(counts["messages"], 1, f"{name}: messages")


def what_is_read_slowly_is_sent_slowly():
    run = systest.run_dir()
    (run / "mail").mkdir()
    with Internet(systest.BUILD, run / "mail", [DOMAIN]):
        run_pair("kernel", ("--kernel", "--listen", f"{ADDR}:25"), None)
        subprocess.run(["ip", "address", "del", f"{ADDR}/32", "dev", "ph0"], check=True)
        way = f"socket={run}/slow.sock,socket-abstract=no"
        run_pair("stack", ("--device", f"net_memif0,role=server,{way}", "--address", f"{ADDR}/16"),
                 f"net_memif0,role=client,{way}")


systest.main(what_is_read_slowly_is_sent_slowly)
