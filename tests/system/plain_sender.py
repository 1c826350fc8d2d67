#!/usr/bin/python3
"""plain_sender.py send ...: a sender over kernel sockets with the command line of `posthaste send`.

A yardstick, not the engine: it proves the test internet and the checkers without our own stack,
and is what the checkers' own tests run against. It takes the fate of domains that have no receiver
from the table that the zone was made from.
"""

import argparse
import csv
import email.message
import email.policy
import email.utils
import os
import re
import smtplib
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/lib"))
from testnet import domains  # noqa: E402

GOOD = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{1,63}")


def accept(path):
    seen, rejected, duplicates, out = set(), 0, 0, []
    with open(path, newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            local, _, domain = row["email"].rpartition("@")
            row["email"] = f"{local}@{domain.lower()}"
            if not GOOD.fullmatch(row["email"]) or len(local) > 64:
                rejected += 1
            elif row["email"] in seen:
                duplicates += 1
            else:
                seen.add(row["email"])
                out.append(row)
    n = len(out) + rejected + duplicates
    print(f"rows={n} recipients={len(out)} rejected={rejected} duplicates={duplicates}")
    return out


def fill(path, row):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for key, value in row.items():
        text = text.replace("{{ %s }}" % key, value)
    return text


def render(template_dir, row):
    """Text part only: enough for the checkers."""
    msg = email.message.EmailMessage(email.policy.SMTP)
    for line in fill(os.path.join(template_dir, "message.liquid"), row).splitlines():
        name, _, value = line.partition(": ")
        msg[name] = value
    msg["To"] = row["email"]
    msg["Date"] = email.utils.formatdate()
    msg["Message-ID"] = email.utils.make_msgid(domain="sender.test")
    text = fill(os.path.join(template_dir, "body.text.liquid"), row)
    simple = text.isascii() and max(map(len, text.splitlines())) <= 998
    msg.set_content(text, cte="7bit" if simple else "quoted-printable")
    return msg.as_bytes()


def attempt(session, row, opt):
    """(state, code, reply) of one transaction."""
    code, reply = session.mail(opt.sender)
    if code == 250:
        code, reply = session.rcpt(row["email"])
    if code in (250, 251):
        code, reply = session.data(render(opt.template, row))
    else:
        session.rset()
    state = {2: "delivered", 4: "deferred"}.get(code // 100, "bounced")
    return state, code, reply.decode("utf-8", "replace")


def send_domain(domain, rows, opt, results):
    known = domains.BY_NAME[domain]
    if not known.receivers:
        for row in rows:
            results[row["email"]] = (known.fate, 0, "no host")
        return
    session = smtplib.SMTP(known.receivers[-1].addr, 25, "mta1.sender.test")
    session.ehlo()
    for row in rows:
        results[row["email"]] = attempt(session, row, opt)
    session.quit()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("command", choices=["send"])
    for name in ("-c", "--name", "--template", "--recipients", "--export"):
        p.add_argument(name, required=True)
    p.add_argument("--from", dest="sender", required=True)
    p.add_argument("--until-attempts", type=int, default=1)
    opt = p.parse_args()
    rows, results, attempts = accept(opt.recipients), {}, {}
    for turn in range(opt.until_attempts):
        by_domain = {}
        for row in rows:
            if results.get(row["email"], ("deferred",))[0] == "deferred":
                by_domain.setdefault(row["email"].rpartition("@")[2], []).append(row)
                attempts[row["email"]] = attempts.get(row["email"], 0) + 1
        if turn and by_domain:
            time.sleep(1)
        for domain, some in by_domain.items():
            send_domain(domain, some, opt, results)
    with open(opt.export, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f)
        out.writerow(("address", "state", "attempts", "code", "enhanced", "reply"))
        for row in rows:
            state, code, reply = results[row["email"]]
            out.writerow((row["email"], state, attempts[row["email"]], code, "", reply))


if __name__ == "__main__":
    main()
