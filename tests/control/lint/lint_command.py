#!/usr/bin/python3
"""lint_command.py PROGRAM: `posthaste lint` over folders and lists as a user has them, its exit status,
text and JSON; with --dns against a name server on loopback that this test is."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

CONF = """
state_dir = "{dir}/state"
bounce_domain = bounce.shop.example
postal_address = "Shop Ltd, 1 High Street, Anytown"
port p0 {{ device = tap; address = [192.0.2.2/24] }}
source s1 {{ address = 192.0.2.1; helo = mta1.shop.example }}
source s2 {{ address = 192.0.2.66; helo = mta2.shop.example; pool = other }}
resolver {{ servers = ["127.0.0.1:{port}"]; timeout = 300ms; tries = 1 }}
unsubscribe {{ url = "https://u.shop.example/u/"; mailto = leave@shop.example }}
dkim main {{ domain = shop.example; selector = s1; key = "{dir}/key.pem" }}
lint {{ block_lists = "bl.test" }}
"""
HTML = ("<p>Hello {{ name }}</p><a href=\"{{ unsubscribe_url }}\">Leave</a>"
        "<p>{{ campaign.postal_address }}</p>\n")
GOOD = {
    "template/message.liquid": "From: The Shop <news@shop.example>\nSubject: News for {{ name }}\n",
    "template/body.html.liquid": HTML,
    "list.csv": "email,name\n" + "".join(f"r{i}@rcpt.test,Ann\n" for i in range(40)),
}
ZONE = {
    ("1.2.0.192.in-addr.arpa.", "PTR"): ["mta1.shop.example."],
    ("mta1.shop.example.", "A"): ["192.0.2.1"],
    ("shop.example.", "SOA"): ["ns.shop.example. root.shop.example. 1 2 3 4 5"],
    ("_dmarc.shop.example.", "TXT"): ['"v=DMARC1; p=none"'],
    ("bounce.shop.example.", "MX"): ["10 mta1.shop.example."],
    ("bounce.shop.example.", "TXT"): ['"v=spf1 include:_spf." "shop.example -all"'],
    ("_spf.shop.example.", "TXT"): ['"v=spf1 a:mta1.shop.example -all"'],
    ("rcpt.test.", "MX"): ["10 mx.rcpt.test."],
}


class Server(threading.Thread):
    """Answers from a zone; what is beneath none of its names gets NXDOMAIN with a SOA."""

    def __init__(self, zone):
        super().__init__(daemon=True)
        self.zone = zone
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.asked = set()
        self.start()

    def reply(self, query):
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.add((name, kind))
        out = dns.message.make_response(query)
        out.flags |= dns.flags.RA
        values = self.zone.get((name, kind))
        if values == "SERVFAIL":
            out.set_rcode(dns.rcode.SERVFAIL)
        elif values:
            out.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *values))
        else:
            if not any(n == name or n.endswith("." + name) for n, _ in self.zone):
                out.set_rcode(dns.rcode.NXDOMAIN)
            out.authority.append(dns.rrset.from_text(
                "shop.example.", 60, "IN", "SOA", "ns.shop.example. root.shop.example. 1 2 3 4 5"))
        return out

    def run(self):
        while True:
            query, peer = self.sock.recvfrom(4096)
            self.sock.sendto(self.reply(dns.message.from_wire(query)).to_wire(), peer)


class Place:
    def __init__(self, program, folder):
        self.program, self.dir = program, folder
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                        "-out", f"{folder}/key.pem"], check=True, capture_output=True)
        os.chmod(f"{folder}/key.pem", 0o600)
        os.mkdir(f"{folder}/template")
        self.server = Server(dict(ZONE))
        self.write("conf", CONF.format(dir=folder, port=self.server.port))
        for name, text in GOOD.items():
            self.write(name, text)
        key = subprocess.run([program, "check", "-c", f"{folder}/conf"], check=True,
                             capture_output=True, text=True).stdout
        record = key.split("_domainkey.shop.example TXT ", 1)[1].strip()
        self.server.zone["s1._domainkey.shop.example.", "TXT"] = [record]

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, *more, conf=True):
        argv = [self.program, "lint", "--template", f"{self.dir}/template", "--recipients",
                f"{self.dir}/list.csv", *(["-c", f"{self.dir}/conf"] if conf else []), *more]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60,
                              env={**os.environ, "TMPDIR": os.path.dirname(self.dir)})

    def lint(self, *more, status=0, conf=True):
        """Exit status as wanted; id -> (result, findings)."""
        done = self.run("--json", "--list-id", "News <news.shop.example>", *more, conf=conf)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        told = json.loads(done.stdout)
        out = {c["id"]: (c["result"], c["findings"]) for c in told["checks"]}
        assert told["errors"] == sum(f["severity"] == "error" for _, fs in out.values() for f in fs)
        return out


def a_sound_campaign_passes(p):
    told = p.lint()
    bad = {i: r for i, r in told.items() if r[0] == "found"}
    assert not bad, bad
    for check in ("one-click-url", "one-click-signed", "list-id", "unsubscribe-link", "postal-address",
                  "signed-rsa", "message-id", "dkim-key", "recipients"):
        assert told[check][0] == "passed", (check, told[check])
    for check in ("spf", "ptr", "one-click-answer", "tls"):
        assert told[check][0] == "not checked", (check, told[check])
    assert not os.path.exists(f"{p.dir}/state"), "the state directory is left alone"
    assert not os.path.exists(f"{p.dir}/list.rejected.csv"), "nothing is written beside the list"


def text_names_each_finding_with_what_to_do(p):
    p.write("template/body.html.liquid", "<p>Hello {{ name }} {{ campaign.name }}</p>\n")
    done = p.run()
    assert done.returncode == 1, done
    for line in ("error   10 list-id: row 1 (r0@rcpt.test): there is no List-Id; set --list-id",
                 "error   11 unsubscribe-link: row 1 (r0@rcpt.test): the HTML part has no such link; put",
                 "error   11 postal-address: row 1 (r0@rcpt.test): the HTML part does not show \"Shop Ltd",
                 "skipped  4 spf: DNS is asked with --dns"):
        assert f"\n{line}" in "\n" + done.stdout, (line, done.stdout)
    assert done.stdout.splitlines()[-1].startswith("lint: 3 errors, 0 warnings, 0 notes; "), done.stdout
    p.write("template/body.html.liquid", HTML)


def one_file_is_a_template_too(p):
    body = HTML.replace("<p>Hello", "<!doctype html>\n<p>Hello")
    for name, head, bad, place in (
            ("one.liquid", "Hi {{ name }}", "Hi {{ nmae }}", "one.liquid:2:16: unknown variable \"nmae\""),
            ("one.merge", "Hi [name]", "Hi [nmae]", "one.merge:2:")):
        text = body if name.endswith("liquid") else "Hello [name]\n"
        for subject, status in (head, 0), (bad, 1):
            p.write(name, f"From: news@shop.example\nSubject: {subject}\n\n{text}")
            done = p.run("--list-id", "News <news.shop.example>", "--template", f"{p.dir}/{name}",
                         *(("--class", "transactional") if text is not body else ()))
            assert done.returncode == status, done
            assert status == 0 or (place in done.stderr and done.stderr.count("\n") == 1), done


def the_class_and_the_rows_count(p):
    told = p.lint("--class", "transactional", "--unsubscribe-url", "https://u.shop.example/u/")
    assert told["list-id"][0] == told["signed"][0] == "exempt", told["list-id"]
    # More rows than are looked at closely: the last is found all the same.
    p.write("list.csv", "email,name\n" + "".join(f"r{i}@rcpt.test,Ann\n" for i in range(250)) +
            f"nobody,x\nr0@RCPT.test,x\nlong@rcpt.test,{'n' * 1500}\n")
    told = p.lint(status=1)
    assert told["recipients"][1][0]["what"] == "1 of 253 rows are rejected", told["recipients"]
    assert told["duplicates"][1][0]["severity"] == "note", told["duplicates"]
    assert [f["where"] for f in told["header-size"][1]] == ["row 251 (long@rcpt.test)"], told["header-size"]
    p.write("list.csv", GOOD["list.csv"])


def without_configuration_what_hangs_on_it_is_not_passed(p):
    told = p.lint("--unsubscribe-url", "https://u.shop.example/u/", "--postal-address",
                  "Shop Ltd, 1 High Street, Anytown", conf=False)
    for check in ("signed", "one-click-signed", "dkim-key", "spf"):
        assert told[check][0] == "not checked", (check, told[check])


def wrong_use_and_wrong_files_end_with_one_line(p):
    for words, status, says in ((("--no-such",), 2, "unknown option"),
                                (("--dkim", "none"), 1, "--dkim none"),
                                (("--limit", "0"), 2, "--limit 0")):
        done = p.run(*words)
        assert done.returncode == status and says in done.stderr and done.stderr.count("\n") == 1, done
    done = subprocess.run([p.program, "lint", "--template", p.dir], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "--recipients is missing" in done.stderr, done
    p.write("template/message.liquid", "Subject: {{ nmae }}\n")
    done = p.run()
    assert done.returncode == 1 and "message.liquid:1:" in done.stderr and "name" in done.stderr, done
    p.write("template/message.liquid", GOOD["template/message.liquid"])


def dns_is_asked_and_all_is_well(p):
    told = p.lint("--dns", "--pool", "default")
    bad = {i: r for i, r in told.items() if r[0] == "found"}
    assert not bad, bad
    for check in ("ptr", "ptr-forward", "helo", "helo-ptr", "block-list", "spf", "dkim-record", "dmarc",
                  "dmarc-align", "mail-from-host", "soa", "null-mx"):
        assert told[check][0] == "passed", (check, told[check])
    assert told["bounces"][0] == "not checked" and told["link-list"][0] == "not checked"
    assert ("1.2.0.192.bl.test.", "A") in p.server.asked, "the list is asked"


def dns_faults_are_found_and_trouble_is_told(p):
    told = p.lint("--dns", status=1)  # s2 has no PTR, no A, and SPF does not name it
    for check in ("ptr", "helo", "spf"):
        assert told[check][0] == "found" and "192.0.2.66" in told[check][1][0]["where"], told[check]
    zone = p.server.zone
    changes = (("s1._domainkey.shop.example.", "TXT", ['"v=DKIM1; p=AAAA"'], "dkim-record", "found"),
               ("_dmarc.shop.example.", "TXT", "SERVFAIL", "dmarc", "not checked"),
               ("rcpt.test.", "MX", ["0 ."], "null-mx", "found"),
               ("bounce.shop.example.", "MX", [], "mail-from-host", "found"))
    kept = {(n, k): zone[n, k] for n, k, *_ in changes}
    for name, kind, values, _, _ in changes:
        zone[name, kind] = values
    told = p.lint("--dns", "--pool", "default", status=1)
    for *_, check, result in changes:
        assert told[check][0] == result, (check, told[check])
    zone.update(kept)


def a_server_that_is_silent_makes_nothing_pass(p):
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    p.write("conf", CONF.format(dir=p.dir, port=silent.getsockname()[1]).replace("300ms", "50ms"))
    told = p.lint("--dns")
    for check in ("ptr", "helo", "spf", "dkim-record", "dmarc", "mail-from-host", "soa"):
        assert told[check][0] == "not checked", (check, told[check])


def main():
    # In memory where that can be had: what is synced to a disk waits for all who write to it.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="posthaste-lint-", dir=memory) as folder:
        p = Place(sys.argv[1], folder)
        for test in (a_sound_campaign_passes, text_names_each_finding_with_what_to_do,
                     one_file_is_a_template_too, the_class_and_the_rows_count, without_configuration_what_hangs_on_it_is_not_passed,
                     wrong_use_and_wrong_files_end_with_one_line, dns_is_asked_and_all_is_well,
                     dns_faults_are_found_and_trouble_is_told, a_server_that_is_silent_makes_nothing_pass):
            began = time.monotonic()
            test(p)
            print(f"ok: {time.monotonic() - began:.2f} s", test.__name__.replace("_", " "))


main()
