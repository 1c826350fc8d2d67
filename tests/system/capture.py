#!/usr/bin/python3
"""A capture of a run without loss: no bad checksum, no reset where connections end in order, next
to no retransmission, and each of those explained by a timer."""

import os
import signal
import subprocess
import time

import systest
import pcap_check
from testnet import conf, domains, net, recipients
from testnet.internet import Internet

N = 10000
SERVED = [domains.BY_NAME[n] for n in ("alpha.test", "twomx.test", "six.test")]
OURS = [domains.ENGINE4, domains.ENGINE6, domains.SOURCE4, domains.SOURCE6]
PROBE_MIN_S = 0.010  # the shortest timer that may send again


def capture(run):
    proc = subprocess.Popen(["tcpdump", "-i", net.TAP, "-Z", "root", "-s", "0", "-B", "65536", "-U",
                             "-w", str(run / "run.pcap"), "tcp"], stderr=subprocess.PIPE, text=True)
    line = proc.stderr.readline()
    while line and "listening on" not in line:
        line = proc.stderr.readline()
    systest.check(line, "tcpdump did not start")
    return proc


def send(run):
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    done = subprocess.run(
        [systest.engine(), "send", "-c", str(run / "conf"), "--name", "capture", "--template",
         str(systest.REPO / "scripts/quickstart.d/welcome"), "--recipients", str(run / "list.csv"),
         "--class", "transactional", "--from", "news@sender.test", "--until-attempts", "2", "--export",
         str(run / "export.csv")], env=env, capture_output=True, text=True, check=False,
        timeout=200)
    systest.equal(done.returncode, 0, f"send: {done.stdout[-500:]}{done.stderr[-1500:]}")


def a_run_without_loss_has_a_clean_capture():
    run = systest.run_dir()
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    conf.write(run / "conf", run / "state")
    recipients.write(run / "list.csv", N, SERVED, bad=False)
    with Internet(systest.BUILD, run / "mail", SERVED):
        dump = capture(run)
        send(run)
        time.sleep(0.5)  # what is in tcpdump's buffer
        dump.send_signal(signal.SIGINT)
        told = dump.communicate(timeout=20)[1]
    systest.check("0 packets dropped by kernel" in told, f"the capture is not whole: {told}")
    r = pcap_check.check(run / "run.pcap", OURS)
    systest.check(r.segments > N, f"only {r.segments} segments of ours in the capture")
    systest.equal(r.cut, 0, "frames that were not captured whole, so not judged")
    systest.equal(r.bad_checksums, 0, "bad checksums")
    systest.equal(r.rst_ours, 0, "resets sent by us")
    # The dead first MX of twomx.test refuses each SYN with a reset; nobody else resets.
    dead = domains.BY_NAME["twomx.test"].silent
    systest.equal([a for a in r.rst_theirs if a not in dead], [], "resets of receivers")
    allowed = max(1, r.segments // 10000)
    systest.check(len(r.retransmits) <= allowed,
                  f"{len(r.retransmits)} retransmissions in {r.segments} segments")
    for when, _flow, gap in r.retransmits:
        systest.check(gap >= PROBE_MIN_S, f"retransmitted after {gap * 1000:.1f} ms at {when}")


# tcpdump wants to change its groups, which a user namespace does not let it.
systest.main(a_run_without_loss_has_a_clean_capture, root=True)
