#!/usr/bin/python3
"""A campaign leaves signed and says how to leave it: what the receiver holds verifies with dkimpy, its
unsubscribe tokens name their recipients, and a key changed by a reload signs from then on."""

import base64
import email
import json
import os
import re
import subprocess

import dkim

import systest
from receiver import Receiver, domain
from running import Running
from testnet import conf
from testnet.internet import Internet

HOST, ADDR = "ops.test", "10.25.2.1"
URL = "https://u.sender.test/u/"


def make_key(path, *args):
    """Makes a private key; returns the p= of its record."""
    subprocess.run(["openssl", "genpkey", *args, "-out", path], check=True, capture_output=True)
    os.chmod(path, 0o600)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
                            check=True, capture_output=True).stdout
    return base64.b64encode(public[-32:] if "ED25519" in args else public).decode()


RSA = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def messages(receiver):
    """Each message the receiver holds: it writes lines of its own above and leaves dots doubled."""
    out = []
    for name in sorted(os.listdir(receiver.folder)):
        with open(os.path.join(receiver.folder, name), "rb") as f:
            held = f.read()
        message = held[held.index(b"DKIM-Signature:"):]
        out.append(message.replace(b"\r\n..", b"\r\n."))  # RFC 5321 4.5.2
    return out


def verdicts(message, records):
    d = dkim.DKIM(message)
    n = message.split(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    def find(name, timeout=5):
        return records[name.decode().rstrip(".")].encode()
    return [d.verify(idx=i, dnsfunc=find) for i in range(n)]


class Signed(Running):
    def __init__(self, run, receiver):
        super().__init__(run)
        self.receiver, self.records = receiver, {}
        conf.write(self.conf, run / "state", rate=1000)
        (run / "state").mkdir(mode=0o700)
        (run / "template").mkdir()
        (run / "template/message.liquid").write_text("Subject: für {{ name }}\n")
        (run / "template/body.html.liquid").write_text(
            "<p>.\n.. {{ name }} <a href='{{ unsubscribe_url }}'>leave</a>"
            "<br>{{ campaign.postal_address }}</p>\n\n\n")
        (run / "template/attachments").mkdir()
        (run / "template/attachments/plan.csv").write_text("a;b\n" * 5000)
        (run / "list.csv").write_text("email,name\n" + "".join(
            f"r{n}@{HOST},Jörg\n" for n in range(20)))
        rsa = make_key(str(run / "rsa.pem"), *RSA)
        ed = make_key(str(run / "ed.pem"), "-algorithm", "ED25519")
        self.records["s1._domainkey.sender.test"] = f"v=DKIM1; k=rsa; p={rsa}"
        self.records["s2._domainkey.sender.test"] = f"v=DKIM1; k=ed25519; p={ed}"
        with open(self.conf, "a", encoding="utf-8") as f:
            f.write(f'dkim "rsa" {{ domain = sender.test; selector = s1; key = "{run}/rsa.pem" }}\n'
                    f'dkim "ed" {{ domain = sender.test; selector = s2; key = "{run}/ed.pem" }}\n'
                    f'dkim "other" {{ domain = other.test; selector = s3; key = "{run}/ed.pem" }}\n'
                    f'unsubscribe {{ url = "{URL}"; mailto = "leave@sender.test" }}\n'
                    'postal_address = "Sender Ltd, 1 Example Street, Anytown"\n'
                    'lint { dns = warn }\n')

    def say(self, *words):
        return subprocess.run([systest.engine(), *words], capture_output=True, text=True,
                              check=False, timeout=60, stdin=subprocess.DEVNULL)

    def send(self, name, *more):
        for old in os.listdir(self.receiver.folder):
            os.unlink(os.path.join(self.receiver.folder, old))
        done = self.say("campaign", "start", "-c", self.conf, "--name", name, "--template",
                        str(self.dir / "template"), "--recipients", str(self.dir / "list.csv"),
                        "--from", "news@sender.test", "--list-id", "News <news.sender.test>", *more)
        systest.equal(done.returncode, 0, f"campaign start: {done.stderr}")
        systest.wait_for(lambda: self.is_settled(name, 20), 30, f"{name} is settled")
        got = messages(self.receiver)
        systest.equal(len(got), 20, "messages received")
        return got


def check_tells_the_records(s):
    done = s.say("check", "-c", s.conf)
    systest.equal(done.returncode, 0, done.stderr)
    for name, record in s.records.items():
        strings = " ".join(f'"{record[i:i + 255]}"' for i in range(0, len(record), 255))
        systest.check(f"{name} TXT {strings}\n" in done.stdout, f"{name}: {done.stdout}")


def keys_that_the_dns_does_not_hold_are_told_when_they_are_loaded(s):
    del s
    for key in "s1._domainkey.sender.test", "s2._domainkey.sender.test", "s3._domainkey.other.test":
        systest.wait_for(lambda k=key: f"dkim: {k}: there is no key record" in systest.engine_log(),
                         10, f"{key} is told")


def what_arrives_verifies_and_says_how_to_leave(s):
    seen = set()
    for m in s.send("first", "--tenant", "acme"):
        systest.equal(verdicts(m, s.records), [True, True], "dkimpy")
        msg = email.message_from_bytes(m)
        systest.equal(msg["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click", "one-click")
        systest.equal(msg["Feedback-ID"], "first:bulk:acme:posthaste", "Feedback-ID")
        systest.equal((msg["Precedence"], msg["List-Id"]), ("bulk", "News <news.sender.test>"), "bulk")
        found = re.fullmatch(rf"<{URL}([\w-]+)>,\s+<mailto:leave@sender.test\?subject=([\w-]+)>",
                             msg["List-Unsubscribe"])
        systest.check(found and found[1] == found[2], f"List-Unsubscribe: {msg['List-Unsubscribe']}")
        html = next(p for p in msg.walk() if p.get_content_type() == "text/html")
        systest.check(URL + found[1] in html.get_payload(decode=True).decode(), "the same in the body")
        done = s.say("token", "verify", "-c", s.conf, "--json", found[1])
        systest.equal(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        systest.equal((told["tenant"], told["stream"], told["campaign"], told["key"]),
                      ("acme", "bulk", 1, 1), "the token")
        seen.add(told["row"])
    systest.equal(seen, set(range(20)), "rows that tokens name")


def what_receivers_refuse_does_not_start(s):
    def refused(says, *more, template="template"):
        for way in ((), ("--dry-run",)):
            done = s.say("campaign", "start", "-c", s.conf, "--name", "refused", "--template",
                         str(s.dir / template), "--recipients", str(s.dir / "list.csv"),
                         "--from", "news@sender.test", *more, *way)
            systest.check(done.returncode == 1 and f"lint: {says}" in done.stderr and
                          done.stderr.count("\n") == 1, f"{more} {way}: {done.stderr}")
    list_id = ("--list-id", "News <news.sender.test>")
    refused("list-id")
    refused("one-click-signed", *list_id, "--dkim", "ed")
    bare = s.dir / "bare"
    bare.mkdir()
    (bare / "message.liquid").write_text("Subject: x\n")
    (bare / "body.text.liquid").write_text("{{ campaign.postal_address }}\n")
    refused("unsubscribe-link", *list_id, template="bare")
    (bare / "body.text.liquid").write_text("{{ unsubscribe_url }}\n")
    refused("postal-address", *list_id, template="bare")
    (bare / "message.liquid").write_text("Subject: {{ name }} {% raw %}{{ x }}{% endraw %}\n")
    refused("merge-tags", "--class", "transactional", "--unsubscribe-url", URL, template="bare")
    done = s.say("ctl", "-c", s.conf, "show", "campaigns")
    systest.check("refused" not in done.stdout, f"nothing is kept: {done.stdout}")


def a_campaign_names_its_signers(s):
    done = s.say("campaign", "start", "-c", s.conf, "--name", "none", "--template",
                 str(s.dir / "template"), "--recipients", str(s.dir / "list.csv"),
                 "--from", "news@sender.test", "--dkim", "rsa,nobody")
    systest.check(done.returncode == 1 and 'no dkim block is named "nobody"' in done.stderr,
                  done.stderr)
    for m in s.send("named", "--dkim", "ed", "--class", "transactional",
                    "--unsubscribe-url", URL):
        systest.equal(verdicts(m, s.records), [True], "dkimpy")
        systest.check(b"s=s2;" in m and b"Auto-Submitted: auto-generated\r\n" in m, "s2 signs")


def a_key_changed_by_a_reload_signs_from_then_on(s):
    path = str(s.dir / "rsa.pem")
    with open(path, "w", encoding="utf-8") as f:
        f.write("no key\n")
    done = s.ctl("reload")
    systest.check(done.returncode == 1 and "no private key in PEM form" in done.stderr, done.stderr)
    systest.equal(verdicts(s.send("old")[0], s.records), [True, True], "the old key goes on")
    s.records["s1._domainkey.sender.test"] = "v=DKIM1; k=rsa; p=" + make_key(path, *RSA)
    os.chmod(path, 0o644)
    done = s.ctl("reload")
    systest.check("others may read" in done.stderr, done.stderr)
    os.chmod(path, 0o600)
    systest.equal(s.ctl("reload").returncode, 0, "reload")
    for m in s.send("new"):
        systest.equal(verdicts(m, s.records), [True, True], "the new key signs")


def no_log_and_no_file_of_ours_tells_a_key(s):
    for name in ("rsa.pem", "ed.pem"):
        inner = "".join((s.dir / name).read_text().split("\n")[1:-2])
        for root, _dirs, files in os.walk(s.dir):
            for f in files:
                if f.endswith(".pem") or not os.path.isfile(os.path.join(root, f)):
                    continue
                with open(os.path.join(root, f), "rb") as held:
                    systest.check(inner[-40:].encode() not in held.read(), f"{f} holds {name}")


def signed():
    run = systest.run_dir()
    (run / "mail").mkdir()
    with Internet(systest.BUILD, run / "mail", [domain(HOST, ADDR)]):
        with Receiver(ADDR, run / "mail" / "ops") as receiver:
            s = Signed(run, receiver)
            s.start()
            for test in (check_tells_the_records,
                         keys_that_the_dns_does_not_hold_are_told_when_they_are_loaded,
                         what_arrives_verifies_and_says_how_to_leave,
                         a_campaign_names_its_signers, what_receivers_refuse_does_not_start,
                         a_key_changed_by_a_reload_signs_from_then_on,
                         no_log_and_no_file_of_ours_tells_a_key):
                test(s)
                print("ok: " + test.__name__.replace("_", " "))
            systest.equal(s.stop(), 0, "exit status")


if __name__ == "__main__":
    systest.main(signed)
