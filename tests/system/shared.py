#!/usr/bin/python3
"""One message for many recipients at real Postfixes: one queue file holds as many as a transaction
carried, each recipient has its own verdict (250, 450, 550), who was too many for a host comes in the
next one, and a kill -9 loses nobody."""

import re
import time
from collections import Counter

import systest
from running import Running
from testnet import conf, domains, recipients
from testnet.internet import Internet

N = 300
RCPTS_MAX = 50
FEW = 20  # what the second host takes in a transaction; it says so by 452 alone
WINDOW = 256
MISSING, GREY = re.compile(r"r\d*5@w1"), re.compile(r"r\d*0@w1")
CHECK = ["smtpd_recipient_restrictions = check_recipient_access regexp:/mail/verdicts, "
         "reject_unauth_destination"]
VERDICTS = "/^r[0-9]*5@w1/ 550 5.1.1 not here\n/^r[0-9]*0@w1/ 450 4.2.1 not now\n"
SERVED = [domains.Domain("w1.test", 500, "delivered", domains.mx("10.25.2.1"),
                         [domains.Receiver("w1", "postfix", "10.25.2.1", CHECK)]),
          domains.Domain("w2.test", 500, "delivered", domains.mx("10.25.2.2"),
                         [domains.Receiver("w2", "postfix", "10.25.2.2",
                                           [f"smtpd_recipient_limit = {FEW}"])])]
SHARED = ["--shared-copy", "Our members <members@sender.test>", "--return-path",
          "returns@sender.test"]


def prepare(run):
    for name in ("mail", "template"):
        (run / name).mkdir()
    (run / "state").mkdir(mode=0o700)
    (run / "mail/verdicts").write_text(VERDICTS)
    (run / "template/message.liquid").write_text("Subject: New terms, {{ campaign.name }}\n")
    (run / "template/body.text.liquid").write_text(".\nThey hold for all of you, äöü.\n")


def write_conf(run, rate):
    conf.write(run / "conf", run / "state", retry="2s", connections=2, rate=rate)
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.write(f"smtp.rcpts_max = {RCPTS_MAX}\nworker {{ window = {WINDOW} }}\n")


def messages(run):
    """Address and message, without what the receiver wrote above, of each file in the mailboxes."""
    out = []
    for path in sorted((run / "mail").rglob("*")):
        if path.is_file() and path.parent.name == "new":
            text = path.read_bytes()
            to = re.search(rb"^(?:X-Original-To|Delivered-To): (\S+)", text, re.M).group(1)
            out.append((to.decode(), text[text.index(b"\nDate: ") + 1:]))
    return out


def queue_files(run, name):
    """How many recipients each queue file had that came from the campaign."""
    log = (run / f"mail/log/{name}.log").read_text(errors="replace")
    return [int(n) for n in re.findall(r"from=<returns@sender\.test>, size=\d+, nrcpt=(\d+)", log)]


def each_has_its_own_verdict(run, engine):
    write_conf(run, 10000)
    good = recipients.write(run / "list.csv", N, SERVED, bad=False)
    missing, grey = ({a for a in good if what.match(a)} for what in (MISSING, GREY))
    engine.start()
    engine.campaign("terms", run / "list.csv", run / "template", *SHARED)

    def all_but_the_grey_are_final():
        states = engine.states("terms") or {}
        return sum(s in ("delivered", "bounced") for s in states.values()) >= N - len(grey)
    systest.wait_for(all_but_the_grey_are_final, 60, "all that can be are final")
    time.sleep(3)  # the next attempt of those that were deferred
    states, stats = engine.states("terms"), engine.stats()
    engine.stop()
    wanted = dict.fromkeys(good, "delivered") | dict.fromkeys(missing, "bounced") | \
        dict.fromkeys(grey, "deferred")
    systest.equal(states, wanted, "states")
    systest.equal(stats["smtp_protocol_errors"], 0, "sessions out of step")
    return [a for a, state in states.items() if state == "delivered"]


def they_got_one_message(run, delivered):
    got = messages(run)
    systest.equal(sorted(a for a, _ in got), sorted(delivered), "who has it, once each")
    systest.equal(len({text for _, text in got}), 1, "different messages")
    text = got[0][1]
    systest.check(b"\nTo: Our members <members@sender.test>\n" in text, f"To: {text!r}")


def they_shared_transactions(run, delivered):
    """A queue file is a transaction; some are small, since whoever is ready goes."""
    first, second = queue_files(run, "w1"), queue_files(run, "w2")
    print(f"recipients of a queue file: {first} and {second}")
    n = sum(a.endswith("w1.test") for a in delivered)
    systest.equal((sum(first), sum(second)), (n, len(delivered) - n), "in queue files")
    systest.check(max(first) > FEW and len(first) <= 12, "recipients share transactions")
    systest.check(max(second) == FEW and len(second) <= 24, f"the second host takes {FEW}")


def kills_lose_nobody(run, engine, net):
    write_conf(run, 60)
    good = [f"k{n}@w{n % 2 + 1}.test" for n in range(2 * N)]
    (run / "more.csv").write_text("email\n" + "".join(a + "\n" for a in good))
    engine.start()
    engine.campaign("again", run / "more.csv", run / "template", *SHARED)
    for part in (3, 2):
        systest.wait_for(lambda n=len(good) // part: sum(
            s == "delivered" for s in (engine.states("again") or {}).values()) >= n, 60,
                         "it goes on")
        engine.kill()
        engine.start()
    systest.wait_for(lambda: engine.is_settled("again", len(good)), 60, "all are final")
    systest.equal(set(engine.states("again").values()), {"delivered"}, "states")
    engine.stop()
    systest.check(net.servers.wait_delivered(), "Postfix has mail left in its queues")
    copies = Counter(a for a, _ in messages(run))
    again = sum(copies[a] - 1 for a in good)
    print(f"two kills repeated {again}, window {WINDOW}")
    systest.equal([a for a in good if copies[a] < 1], [], "lost")
    systest.check(again <= 2 * WINDOW, "no more than the window comes again")
    systest.equal(len({text for a, text in messages(run) if a.startswith("k")}), 1, "messages")


def recipients_share_a_message_and_nothing_else():
    run = systest.run_dir()
    prepare(run)
    engine = Running(run)
    with Internet(systest.BUILD, run / "mail", SERVED) as net:
        delivered = each_has_its_own_verdict(run, engine)
        systest.check(net.servers.wait_delivered(), "Postfix has mail left in its queues")
        they_got_one_message(run, delivered)
        they_shared_transactions(run, delivered)
        kills_lose_nobody(run, engine, net)


systest.main(recipients_share_a_message_and_nothing_else, root=True)
