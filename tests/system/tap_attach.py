#!/usr/bin/python3
"""net_tap attaches to a tap that was made before, again after an orderly end and after kill -9, and
the kernel's addresses on it survive."""

import os
import signal
import subprocess

import systest
from testnet import domains, net


def addresses():
    out = subprocess.run(["ip", "-o", "address", "show", "dev", net.TAP], check=True,
                         capture_output=True, text=True).stdout
    return sorted(line.split()[3] for line in out.splitlines()
                  if not line.split()[3].startswith("fe80:"))


def attach(end_by):
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    probe = subprocess.Popen([systest.built("tests/system/tap_probe"), net.TAP, domains.ENGINE4,
                              domains.KERNEL4], stdout=subprocess.PIPE, text=True, env=env,
                             stderr=open(os.path.join(systest.folder("dpdk"), "log"), "ab"))
    line = probe.stdout.readline()
    probe.send_signal(end_by)
    status = probe.wait(10)
    return line, status


def a_tap_made_before_serves_one_engine_after_another():
    net.up(["10.25.1.1", "fd25::1:5"])
    want = addresses()
    systest.equal(len(want), 4, "addresses on the fresh tap")
    for end_by, status in ((signal.SIGTERM, 0), (signal.SIGKILL, -9), (signal.SIGKILL, -9),
                           (signal.SIGTERM, 0)):
        line, got = attach(end_by)
        systest.check(line.startswith("answer from "), f"before {end_by.name}: said {line!r}")
        systest.equal(got, status, f"exit status after {end_by.name}")
        systest.equal(addresses(), want, f"addresses after {end_by.name}")


systest.main(a_tap_made_before_serves_one_engine_after_another, root=False)
