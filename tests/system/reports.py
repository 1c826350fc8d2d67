#!/usr/bin/python3
"""Reports on delivery (RFC 3461): what a campaign asks for reaches a real receiver. Postfix sends its
reports to the envelope sender, and they say which campaign and row they are about and for whom the
message was in the list's own spelling, RFC 6533 included; how much they return is as asked; the
defaults of class and tenant hold where a campaign says nothing, and not where it does. They outlive
a kill. `posthaste sink` shows the words themselves, and a host that does not offer DSN is told none of
them."""

import csv
import email
import email.policy
import re

import systest
from running import Running
from sink import Sink
from testnet import conf, domains
from testnet.internet import Internet

POSTFIX, SINK, OLD = "10.25.2.1", "10.25.2.2", "10.25.2.3"
IDN = "b\u00fccher.test"
IDN_ASCII = "xn--bcher-kva.test"
SERVED = [
    domains.Domain("home.test", 0, "", domains.mx(POSTFIX),
                   [domains.Receiver("home", "postfix", POSTFIX, [
                       f"virtual_mailbox_domains = home.test, {IDN_ASCII}, bounce.sender.test",
                       "smtputf8_enable = yes",
                       "virtual_alias_maps = inline:{{lost@home.test = lost@elsewhere.test}}"])]),
    domains.Domain(IDN_ASCII, 0, "", "@ MX 10 mx.home.test.\n"),
    domains.Domain("words.test", 0, "", domains.mx(SINK), silent=[SINK]),
    domains.Domain("old.test", 0, "", domains.mx(OLD), silent=[OLD]),
]
POSTFIX_ROWS = ["Anna+News=Old@Home.test", f"Info@{IDN}", "lost@home.test"]
FINE = ["rfc822;Anna+News=Old@Home.test", f"utf-8;Info@{IDN}"]
LOST = ["rfc822;lost@home.test"]  # an alias of nobody: accepted, expanded, and not delivered
BLOCKS = """
class "transactional" { dsn_notify = "success,failure,delay"; dsn_ret = full }
tenant "quiet" { dsn_notify = never }
"""


def start_sink(name, addr, *args):
    return Sink(name, "--kernel", "--listen", f"{addr}:25", *args, script="")


def send(engine, name, addresses, *more):
    """One campaign, until each of its recipients was tried; address -> row of the export."""
    template, path = systest.run_dir() / "template", systest.run_dir() / f"{name}.csv"
    template.mkdir(exist_ok=True)
    (template / "message.liquid").write_text("From: Systest <news@sender.test>\nSubject: hi\n")
    (template / "body.text.liquid").write_text("Hello\n")
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f, lineterminator="\n").writerows([("email",)] + [(a,) for a in addresses])
    engine.campaign(name, path, template, *more)

    def tried():
        rows = engine.rows(name)
        return rows if rows and all(row["state"] != "pending" for row in rows) else None
    rows = systest.wait_for(tried, 30, f"{name}: all are tried")
    systest.equal(len(rows), len(addresses), f"{name}: recipients")
    return {row["address"]: row for row in rows}


def begin(blocks):
    run = systest.run_dir()
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    conf.write(run / "conf", run / "state", retry="1s")
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.write(blocks)
    return Running(run)


def all_delivered(rows):
    for address, row in rows.items():
        systest.equal(row["state"], "delivered", f"{address}: {row['reply']}")


def take_reports(net):
    """Postfix's reports since the last time: (fields of the message, fields of the recipient, type of
    what it returned, envelope recipient)."""
    systest.check(net.servers.wait_delivered(), "Postfix has mail left in its queues")
    out = []
    for path in (systest.run_dir() / "mail/home/new").iterdir():
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        path.unlink()
        if message.get_content_type() != "multipart/report":
            continue
        _text, status, returned = message.get_payload()
        of_message, of_rcpt = status.get_payload()
        out.append((of_message, of_rcpt, returned.get_content_type(), message["Delivered-To"]))
    return out


def check_reports(net, what, fine, lost, returned):
    """One of each recipient, by the address that the list has and the ENVID of its own sender. What
    fails comes back as RET says, what does not without its body (RFC 3461 4.3)."""
    got, ids = {"delivered": [], "expanded": [], "failed": []}, set()
    for of_message, of_rcpt, kind, to in take_reports(net):
        action = of_rcpt["Action"]
        systest.equal(kind, returned if action == "failed" else "text/rfc822-headers",
                      f"{what}: returned")
        systest.equal(f"b+{of_message['Original-Envelope-Id']}@bounce.sender.test", to,
                      f"{what}: ENVID and envelope sender")
        got[action].append(str(of_rcpt["Original-Recipient"]).replace(" ", ""))
        ids.add(to)
    systest.equal(sorted(got["delivered"]), sorted(fine), f"{what}: delivered")
    systest.equal(got["expanded"], LOST if fine else [], f"{what}: expanded")
    systest.equal(got["failed"], lost, f"{what}: failed")
    systest.equal(len(ids), len(POSTFIX_ROWS if fine else lost), f"{what}: ENVIDs differ")


def a_real_receiver_reports_as_the_campaign_asks():
    engine = begin(BLOCKS)
    with Internet(systest.BUILD, systest.run_dir() / "mail", SERVED) as net:
        engine.start()
        all_delivered(send(engine, "success", POSTFIX_ROWS, "--dsn-notify", "success", "--dsn-ret", "full"))
        check_reports(net, "success", FINE, [], "")
        all_delivered(send(engine, "failure", POSTFIX_ROWS, "--dsn-notify", "failure", "--dsn-ret", "hdrs"))
        check_reports(net, "failure", [], LOST, "text/rfc822-headers")
        all_delivered(send(engine, "by-class", POSTFIX_ROWS))
        check_reports(net, "by class", FINE, LOST, "message/rfc822")
        all_delivered(send(engine, "by-tenant", POSTFIX_ROWS, "--tenant", "quiet"))
        systest.equal(take_reports(net), [], "reports to a tenant that wants none")
        all_delivered(send(engine, "none", POSTFIX_ROWS, "--dsn-notify", "none", "--dsn-ret", "none"))
        reports = take_reports(net)  # of what failed, by default (RFC 3461 4.1)
        systest.equal([(r[1]["Action"], r[0]["Original-Envelope-Id"]) for r in reports],
                      [("failed", None)], "reports that nobody asked for")
        sinks = [start_sink("words", SINK), start_sink("old", OLD, "--without", "DSN")]
        rows = [f"{part}@{name}.test" for name in ("words", "old") for part in ("A+b", "c")]
        all_delivered(send(engine, "words", rows, "--dsn-notify", "failure,delay", "--dsn-ret", "full"))
        all_delivered(send(engine, "unasked", ["d@words.test"], "--dsn-notify", "none", "--dsn-ret", "none"))
        again = "451-1+later@words.test"
        first = send(engine, "again", [again], "--dsn-notify", "delay")
        systest.equal(first[again]["state"], "deferred", "before the kill")
        engine.kill()
        engine.start()
        systest.wait_for(lambda: engine.is_settled("again", 1), 30, "it is delivered by another life")
        engine.stop()
        for sink in sinks:
            sink.stop()
    check_words(sinks)


def check_words(sinks):
    words, old = (sink.envelopes() for sink in sinks)
    later = words.pop("451-1+later@words.test")
    systest.check(" NOTIFY=DELAY ORCPT=rfc822;451-1+2Blater@words.test" in later[1], later[1])
    systest.check(" ENVID=" in later[0], f"MAIL {later[0]}")
    systest.equal(sorted(words), ["A+b@words.test", "c@words.test", "d@words.test"], "recipients")
    for local, xtext in (("A+b", "A+2Bb"), ("c", "c")):
        mail, rcpt = words[f"{local}@words.test"]
        envid = re.search(r"<b\+([^@]+)@", mail).group(1)
        systest.check(re.search(rf" RET=FULL ENVID={re.escape(envid)}$", mail), f"MAIL {mail}")
        systest.check(rcpt.endswith(f"> NOTIFY=FAILURE,DELAY ORCPT=rfc822;{xtext}@words.test"), rcpt)
    said = [*words["d@words.test"], *(text for pair in old.values() for text in pair)]
    for text in said:
        systest.check(not re.search("RET=|ENVID=|NOTIFY=|ORCPT=", text), f"a word of DSN: {text}")
    systest.equal(len(old), 2, "recipients of a host without DSN")


if __name__ == "__main__":
    systest.main(a_real_receiver_reports_as_the_campaign_asks, root=True)
