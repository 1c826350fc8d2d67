#!/usr/bin/python3
"""The quickstart on a terminal: nothing unexpected is shown, and Ctrl-C at any moment leaves
nothing behind: no process, no mount, no device, no folder."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import systest
from testnet import rundir

N = 2000
INTERRUPTED_S = 12
NUMBER = r"[\d,]+"
DURATION = r"\d+ \w( \d+ \w)?"
# Every line that a run may show, in this order; * may come any number of times.
EXPECTED = [
    r"\[3/4\] test internet dns, 2 x postfix, \d x smtp-sink, 1 x greylisting, .*; sandbox mode "
    r"\.\.\. ok \(\d+ s\)",
    r'\[4/4\] campaign "welcome": 2,012 rows, 2,000 recipients, 9 rejected '
    r"\(welcome\.rejected\.csv\), 3 duplicates",
    rf"* (sending|retrying)  [#-]{{8,32}}  +\d+ %  {NUMBER}/2,000   {NUMBER} msg/s"
    rf"(   eta {DURATION})?",
    r"domain +recipients delivered deferred bounced  first reason",
    rf"* [a-z]+\.test +{NUMBER} +{NUMBER} +{NUMBER} +{NUMBER}(  \S.*)?",
    r"recipients=2000 delivered=1650 bounced=150 deferred=200 unconfirmed=0 failed=0 suppressed=0",
    r"read one: less build/quickstart/mail/anna/new/\S+    your own campaign: README\.md",
    r"first SYN to last reply: \d+\.\d s",
    r"receivers: distinct=1650 duplicates=0",
    r"recipients=2000 delivered=1650 bounced=150 deferred=200 unconfirmed=0 failed=0 suppressed=0 "
    r"lost=0 duplicates=0",
]


class Terminal:
    """The quickstart as somebody types it, in namespaces of its own below ours."""

    def __init__(self):
        argv = [str(systest.REPO / "scripts/lib/enter"), "/usr/bin/python3",
                str(systest.REPO / "scripts/lib/quickstart.py"), systest.engine(), systest.BUILD,
                str(N)]
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(argv[0], argv)

    def read(self, seconds):
        """Reads what comes within the time; False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            got = os.read(self.fd, 65536)
        except OSError:  # the last holder of the terminal is gone
            return False
        self.text += got.decode("utf-8", "replace")
        return got != b""

    def read_until(self, pattern, seconds):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            systest.check(self.read(0.1) and time.monotonic() < end,
                          f"{pattern!r} is not shown within {seconds} s: {self.text[-1500:]}")

    def end(self, seconds):
        """Reads to the end; exit status, or None when it is still alive after that time."""
        end = time.monotonic() + seconds
        while self.read(0.1) and time.monotonic() < end:
            pass
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        os.kill(self.pid, signal.SIGKILL)
        return None


def lines_of(text):
    return [line.removesuffix("\x1b[K") for line in re.split(r"[\r\n]+", text)
            if line.removesuffix("\x1b[K")]


def only_what_is_expected_is_shown():
    term = Terminal()
    status = term.end(120)
    row, seen = 0, 0
    for line in lines_of(term.text):
        while not re.fullmatch(EXPECTED[row].removeprefix("* "), line):
            systest.check(seen > 0 and row + 1 < len(EXPECTED),
                          f"got {line!r}, want {EXPECTED[row]!r}; all: {term.text}")
            row, seen = row + 1, 0
        seen += 1
        systest.check(seen == 1 or EXPECTED[row].startswith("* "), f"twice: {line!r}")
    systest.equal((row, status), (len(EXPECTED) - 1, 0), f"last line, status; all: {term.text}")
    systest.check(" eta " in term.text, f"no eta: {term.text}")
    systest.check("2,000/2,000   0 msg/s" not in term.text, f"a rate of 0: {term.text}")


def left_behind():
    """What a run could leave: processes of this namespace, mounts, devices, folders."""
    mine = {str(os.getpid())}
    procs = {p for p in os.listdir("/proc") if p.isdigit()} - mine
    names = set()
    for p in procs:
        try:
            names.add(Path(f"/proc/{p}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            pass
    shown = os.path.realpath(Path(systest.BUILD, "quickstart"))
    runs = {str(p) for p in Path(systest.BUILD, "run").glob("quickstart-*")
            if str(p) != shown and not rundir.is_alive(p)}  # others may be at it
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    return {"processes": names, "mounts": Path("/proc/self/mounts").read_text().splitlines(),
            "devices": [line.split(":")[1] for line in links.splitlines()],
            "files in /run": set(os.listdir("/run")), "folders": runs}


def interrupted(when, more_s=0.0):
    before = left_behind()
    term = Terminal()
    term.read_until(when, 60)
    time.sleep(more_s)
    began = time.monotonic()
    os.write(term.fd, b"\x03")
    status = term.end(INTERRUPTED_S)
    systest.equal(status, 130, f"exit status after Ctrl-C at {when!r}: {term.text}")
    systest.check("Traceback" not in term.text and "lost=" not in term.text,
                  f"Ctrl-C at {when!r}: {term.text}")
    print(f"Ctrl-C at {when!r}: {time.monotonic() - began:.1f} s")
    after = left_behind()
    systest.equal(after.pop("folders") - before.pop("folders"), set(), f"folders of {when!r}")
    for what, now in after.items():
        systest.equal(now, before[what], f"{what} after Ctrl-C at {when!r}")


def ctrl_c_leaves_nothing_while_servers_start():
    interrupted(r"\[3/4\]")
    interrupted(r"\[3/4\]", 0.5)


def ctrl_c_leaves_nothing_while_sending():
    interrupted(r"\[4/4\]")
    interrupted(r" msg/s   eta ")


def ctrl_c_leaves_nothing_while_waiting_for_retries():
    interrupted(r"2,000/2,000", 1)


systest.main(only_what_is_expected_is_shown, ctrl_c_leaves_nothing_while_servers_start,
             ctrl_c_leaves_nothing_while_sending, ctrl_c_leaves_nothing_while_waiting_for_retries,
             root=True)
