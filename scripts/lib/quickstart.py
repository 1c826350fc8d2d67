"""quickstart.py PROGRAM BUILD RECIPIENTS: steps 3 and 4 of scripts/quickstart, inside lib/enter."""

import array
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from testnet import conf, domains, net, recipients, rundir
from testnet.internet import Internet, on_signal

HERE = Path(__file__).resolve().parent
SIGNALLED = (128 + signal.SIGINT, 128 + signal.SIGTERM)
SO_ATTACH_FILTER, ETH_P_ALL = 26, 3  # linux/socket.h, linux/if_ether.h
TEMPLATE = HERE.parent / "quickstart.d" / "newsletter"


def describe(served):
    hows = [r.how for d in served for r in d.receivers]
    return (f"dns, {hows.count('postfix')} x postfix, {hows.count('sink')} x smtp-sink, "
            f"{hows.count('smtpd')} x greylisting, in namespaces of their own; sandbox mode")


class Replies(threading.Thread):
    """Sees from outside when the first SYN left and the last reply to a session came. The closing
    221 does not count: it comes when connections have been idle, with nothing left to say. IPv4
    only, as libpcap does not look into TCP behind IPv6."""

    FILTER = ("tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn or "
              "(src port 25 and tcp[((tcp[12] & 0xf0) >> 2):4] != 0x32323120)")

    def __init__(self, device):
        super().__init__(daemon=True)
        self.first = self.last = None
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        out = subprocess.run(["tcpdump", "-ddd", "-i", device, self.FILTER], check=True,
                             capture_output=True, text=True).stdout.split()
        code = [int(word) for word in out[1:]]
        self.program = array.array("B")
        for i in range(0, len(code), 4):
            self.program.frombytes(struct.pack("HBBI", *code[i:i + 4]))
        at, _n = self.program.buffer_info()
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                             struct.pack("HL", len(code) // 4, at))
        self.sock.bind((device, ETH_P_ALL))
        self.start()

    def run(self):
        cell = bytearray(64)
        try:
            while self.sock.recv_into(cell) > 0:
                self.last = time.monotonic()
                self.first = self.first or self.last
        except OSError:  # the tap went with the engine
            pass

    def seconds(self):
        return self.last - self.first if self.first else 0.0


def send(program, run):
    """The campaign; the engine's own progress and table go to the console."""
    print("[4/4] ", end="", flush=True)
    os.environ["RUNTIME_DIRECTORY"] = str(run / "state")
    argv = [program, "send", "-c", str(run / "posthaste.conf"), "--name", "welcome",
            "--template", str(TEMPLATE), "--recipients", str(run / "welcome.csv"),
            "--rejected", str(run / "welcome.rejected.csv"), "--from", "news@sender.test",
            "--list-id", conf.LIST_ID, "--until-attempts", "2", "--export", str(run / "export.csv")]
    engine = subprocess.Popen(argv)
    try:
        return engine.wait()
    except SystemExit:  # a signal: the engine ends orderly, within its own bound
        engine.send_signal(signal.SIGTERM)
        try:
            engine.wait(10)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()
        raise


def campaign(program, build, run, total):
    """Steps 3 and 4; the exit status."""
    served = domains.DOMAINS
    (run / "state").mkdir(mode=0o700)
    mail = run / "mail"
    mail.mkdir()
    good = recipients.write(run / "welcome.csv", total, served)
    (run / "accepted.csv").write_text("email\n" + "".join(a + "\n" for a in good))
    conf.write(run / "posthaste.conf", run / "state")
    conf.add_bulk(run / "posthaste.conf", run / "dkim.pem")
    began = time.monotonic()
    print("[3/4] test internet ", end="", flush=True)
    with Internet(build, mail, served) as inet:
        print(f"{describe(served)} ... ok ({time.monotonic() - began:.0f} s)", flush=True)
        replies = Replies(net.TAP)
        status = send(program, run)
        inet.servers.wait_delivered()
    shown = rundir.publish(build, run, "quickstart")
    sample = next((mail / "anna").glob("new/*"), None)
    if sample is not None:
        print(f"read one: less {shown}/{sample.relative_to(run)}    your own campaign: README.md")
    print(f"first SYN to last reply: {replies.seconds():.1f} s", flush=True)
    if status != 0:
        return status
    folders = [str(mail / r.name) for d in served for r in d.receivers]
    return subprocess.call([str(HERE.parent / "receivers-join"), "--export",
                            str(run / "export.csv"), "--list", str(run / "accepted.csv"),
                            *folders])


def main():
    program, build, total = sys.argv[1], sys.argv[2], int(sys.argv[3])
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    run = rundir.make(build, "quickstart")
    try:
        status = campaign(program, build, run, total)
    except SystemExit as e:
        if e.code in SIGNALLED:  # what ended for another reason stays, to be looked at
            rundir.discard(run)
            print("quickstart: broken off; nothing is left behind")
        raise
    sys.exit(status)


if __name__ == "__main__":
    main()
