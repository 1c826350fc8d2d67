#!/usr/bin/python3
"""What a receiver gets is, byte for byte, what the template and the row say: lines that begin with
dots, lines longer than 998 octets, characters outside ASCII. A capturing server stores the raw
bytes between 354 and the final dot."""

import csv
import email
import email.policy
import email.utils
import os
import subprocess
from pathlib import Path

import systest
from testnet import conf, domains, recipients
from testnet.internet import Internet

N = 150
HEAD = """From: Systest <news@sender.test>
Subject: {{ points }} points
X-Recipient: {{ email }}
"""
PLAIN = """Hello {{ city }},
.
..
.leading dot, {{ points }} points
 a line that begins with a blank and ends with one dot.

...three
"""
LONG = ("short line\n" + "0123456789 " * 300 + "end of the long line\n.dot after it\n"
        "name: {{ name }}, city: {{ city }}\n" + "x" * 998 + "\n" + "y" * 999 + "\n")
CASES = {"plain": PLAIN, "long": LONG}


def fill(text, row):
    for key, value in zip(("email", "name", "city", "points"), row):
        text = text.replace("{{ %s }}" % key, value)
    return text


def rows(case):
    for n in range(N):
        row = recipients.row(n, f"{case}{n:04d}@capture.test")
        # The plain case is ASCII throughout, so that 7-bit lines must arrive as they are.
        yield row if case == "long" else (row[0], "Ann", "Oslo", row[3])


def send(engine, case, run):
    template = run / case
    template.mkdir()
    (template / "message.liquid").write_text(HEAD)
    (template / "body.text.liquid").write_text(CASES[case])
    with open(run / f"{case}.csv", "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(("email", "name", "city", "points"))
        out.writerows(rows(case))
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    done = subprocess.run([engine, "send", "-c", str(run / "conf"), "--name", case, "--template",
                           str(template), "--recipients", str(run / f"{case}.csv"), "--class",
                           "transactional", "--from", "news@sender.test", "--until-attempts", "2", "--export",
                           str(run / f"{case}-export.csv")], env=env, capture_output=True,
                          text=True, check=False, timeout=120)
    systest.equal(done.returncode, 0, f"send {case}: {done.stdout}{done.stderr}")


def captured(folder):
    """recipient -> raw bytes as they came between 354 and the final dot."""
    out = {}
    for path in Path(folder).iterdir():
        data = path.read_bytes()
        rcpt = None
        while data.startswith((b"X-Client-Addr: ", b"X-Helo-Args: ", b"X-Mail-Args: ",
                               b"X-Rcpt-Args: ")):
            line, _, data = data.partition(b"\n")
            if line.startswith(b"X-Rcpt-Args: "):
                rcpt = line.split(b"<")[1].split(b">")[0].decode()
        systest.check(rcpt not in out, f"{rcpt} was received twice")
        out[rcpt] = data
    return out


def check_wire(rcpt, raw):
    """RFC 5321 2.3.8, 4.5.2 and 4.5.3.1.6: lines end in CRLF, dots are doubled, 1,000 octets."""
    systest.check(raw.endswith(b"\r\n"), f"{rcpt}: the last line does not end in CRLF")
    lines = raw.split(b"\r\n")[:-1]
    for line in lines:
        systest.check(b"\r" not in line and b"\n" not in line, f"{rcpt}: bare CR or LF: {line!r}")
        # The doubled dot is not counted (4.5.3.1.6).
        bare = line[1:] if line.startswith(b".") else line
        systest.check(len(bare) <= 998, f"{rcpt}: a line of {len(bare)} octets")
        systest.check(not line.startswith(b".") or line.startswith(b".."),
                      f"{rcpt}: a dot was not doubled: {line[:60]!r}")
    return b"".join((ln[1:] if ln.startswith(b".") else ln) + b"\r\n" for ln in lines)


def check_message(case, row, raw, ids):
    rcpt = row[0]
    whole = check_wire(rcpt, raw)
    msg = email.message_from_bytes(whole, policy=email.policy.default)
    systest.equal(msg.defects, [], f"{rcpt}: defects")
    systest.equal(msg["X-Recipient"], rcpt, f"{rcpt}: X-Recipient")
    systest.equal(msg["Subject"], f"{row[3]} points", f"{rcpt}: Subject")
    systest.equal(email.utils.parseaddr(str(msg["From"])), ("Systest", "news@sender.test"),
                  f"{rcpt}: From")
    for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
        systest.equal(len(msg.get_all(name, [])), 1, f"{rcpt}: number of {name}")
    systest.check(email.utils.parsedate_to_datetime(str(msg["Date"])) is not None, "Date")
    systest.check(msg["Message-ID"] not in ids, f"{rcpt}: Message-ID is not its own")
    ids.add(msg["Message-ID"])
    want = fill(CASES[case], row)
    got = msg.get_body(("plain",)).get_content()
    systest.equal(got.replace("\r\n", "\n"), want, f"{rcpt}: text")
    if case == "plain" and not msg.is_multipart():
        body = raw.partition(b"\r\n\r\n")[2]
        doubled = "".join(("." if ln.startswith(".") else "") + ln + "\r\n"
                          for ln in want.split("\n")[:-1])
        systest.equal(body, doubled.encode(), f"{rcpt}: bytes of the body on the wire")


def every_message_arrives_byte_for_byte():
    engine, run = systest.engine(), systest.run_dir()
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    conf.write(run / "conf", run / "state")
    with Internet(systest.BUILD, run / "mail", [domains.CAPTURE]):
        for case in CASES:
            send(engine, case, run)
    got, ids = captured(run / "mail/capture"), set()
    systest.equal(len(got), N * len(CASES), "messages received")
    for case in CASES:
        for row in rows(case):
            check_message(case, row, got[row[0]], ids)


systest.main(every_message_arrives_byte_for_byte)
