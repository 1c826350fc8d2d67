#!/usr/bin/python3
"""dkim_verify.py [--messages N] [--node FOLDER] DKIM_FILES POSTHASTE: what we sign, others accept.

Signs thousands of odd messages (8-bit, long lines, leading dots, empty bodies, blanks at line ends,
folded and repeated fields) in all four canonicalisations with an RSA and an Ed25519 key, and has
others verify them: dkimpy both signatures and Perl's Mail::DKIM the RSA one; with --node mailauth
both, from what scripts/setup --node has put there (exit status 77: nothing is there). Then damages
some and expects a refusal.
"""
import argparse
import base64
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import dkim

SEED = int(os.environ.get("SEED", "20261122"))
DOMAIN = "shop.example"
HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["Subject", "To", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "X-Tag",
         "MIME-Version", "Content-Type", "Comments", "Feedback-ID"]
CANONS = ["simple/simple", "relaxed/simple", "simple/relaxed", "relaxed/relaxed"]


def make_key(path, *args):
    subprocess.run(["openssl", "genpkey", *args, "-out", path], check=True, capture_output=True)
    os.chmod(path, 0o600)
    return subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
                          check=True, capture_output=True).stdout


def make_records(folder):
    rsa = make_key(folder + "/rsa.pem", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    ed = make_key(folder + "/ed.pem", "-algorithm", "ED25519")
    return {f"rsa._domainkey.{DOMAIN}": "v=DKIM1; k=rsa; p=" + base64.b64encode(rsa).decode(),
            f"ed._domainkey.{DOMAIN}": "v=DKIM1; k=ed25519; p=" +
                                       base64.b64encode(ed[-32:]).decode()}


# ---- odd messages ----

def words(rng, n):
    return [rng.choice(["a", "news", "x" * rng.randint(1, 40), "1,2;3", "=?UTF-8?Q?=C3=BC?=", "<b@c.d>"])
            for _ in range(n)]


def field(rng, name):
    text = rng.choice(["", " ", "  ", "\t", " \t"])
    for word in words(rng, rng.randint(0, 12)):
        text += word + rng.choice([" ", "  ", "\t", " \t ", "\r\n ", "\r\n\t", " \r\n  "])
    text = rng.choice([str.upper, str.lower, str])(name) + ":" + text
    if rng.random() < 0.3:
        text += rng.choice([" ", "\t", "  \t"])
    # a line of blanks alone would be a fold into nothing, which RFC 5322 3.2.2 forbids to make
    lines = [line for i, line in enumerate(text.split("\r\n")) if i == 0 or line.strip()]
    return "\r\n".join(lines) + "\r\n"


def header(rng):
    fields = ["From: Shop <news@%s>\r\n" % DOMAIN, field(rng, "Date"), field(rng, "Message-ID")]
    fields += [field(rng, n) for n in NAMES for _ in range(rng.choice([0, 1, 1, 1, 2, 3]))]
    rng.shuffle(fields)
    return "".join(fields).encode()


def line(rng):
    kind = rng.randint(0, 8)
    if kind == 0:
        return b""
    if kind == 1:
        return rng.choice([b" ", b"\t", b"  \t ", b" \t"])
    if kind == 2:
        return rng.choice([b".", b"..", b".hidden", b". "])
    if kind == 3:
        return b"w" * rng.randint(900, 998)
    if kind == 4:
        return "Grüße aus Köln \U0001F600 ".encode() * rng.randint(1, 5)
    if kind == 5:
        return bytes(rng.choice([b for b in range(1, 256) if b not in (10, 13)])
                     for _ in range(rng.randint(1, 60)))
    text = " ".join(words(rng, rng.randint(1, 8)))
    return (rng.choice(["", " ", "\t"]) + text + rng.choice(["", "", " ", "  ", "\t"])).encode()


def body(rng):
    kind = rng.randint(0, 9)
    if kind == 0:
        return rng.choice([b"", b"\r\n", b"\r\n" * rng.randint(2, 9), b" \r\n", b" \r\n\t\r\n"])
    text = b"\r\n".join(line(rng) for _ in range(rng.randint(1, 12)))
    return text + rng.choice([b"\r\n", b"\r\n", b"\r\n\r\n", b"\r\n \r\n\r\n", b" \r\n"])


def make_messages(n):
    rng = random.Random(SEED)
    return [(i % 4, rng.randint(0, 60), header(rng) + b"\r\n" + body(rng)) for i in range(n)]


def frames(data):
    at = 0
    while at < len(data):
        (n,) = struct.unpack_from(">I", data, at)
        yield data[at + 4:at + 4 + n]
        at += 4 + n


def frame(messages):
    return b"".join(struct.pack(">I", len(m)) + m for m in messages)


# ---- who verifies ----

def by_dkimpy(message, records):
    """One verdict a signature."""
    def find(name, timeout=5):
        return records[name.decode().rstrip(".")].encode()
    d = dkim.DKIM(message)
    out = []
    for i in range(2):
        try:
            out.append(d.verify(idx=i, dnsfunc=find))
        except dkim.DKIMException:
            out.append(False)
    return out


def by_program(argv, messages):
    run = subprocess.run(argv, input=frame(messages), capture_output=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{argv[0]}: {run.stderr.decode()[-2000:]}")
    return [l.split() for l in run.stdout.decode().splitlines()]


def damage(rng, message):
    """One byte of the body changed to another that no canonicalisation takes away."""
    at = message.index(b"\r\n\r\n") + 4
    places = [i for i in range(at, len(message)) if message[i] not in b" \t\r\n"]
    if not places:
        return None
    i = rng.choice(places)
    return message[:i] + (b"!" if message[i:i + 1] != b"!" else b"?") + message[i + 1:]


class Signed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.records = make_records(cls.folder.name)
        cls.raw = make_messages(ARGS.messages)
        data = b"".join(struct.pack(">BBI", c, p, len(m)) + m for c, p, m in cls.raw)
        run = subprocess.run([ARGS.dkim_files, str(int(time.time()) - 10),
                              f"{DOMAIN}:rsa:{cls.folder.name}/rsa.pem",
                              f"{DOMAIN}:ed:{cls.folder.name}/ed.pem"],
                             input=data, capture_output=True, check=False)
        assert run.returncode == 0, run.stderr
        cls.signed = list(frames(run.stdout))
        assert len(cls.signed) == len(cls.raw)
        with open(cls.folder.name + "/records.json", "w", encoding="utf-8") as f:
            json.dump(cls.records, f)
        rng = random.Random(SEED + 1)
        cls.damaged = [m for m in (damage(rng, s) for s in cls.signed[:len(cls.signed) // 10]) if m]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def all_pass(self, verdicts, signatures, who):
        self.assertEqual(len(verdicts), len(self.signed))
        for i, got in enumerate(verdicts):
            if got != [True] * signatures and got != ["pass"] * signatures:
                self.fail(f"{who} refuses message {i} (seed {SEED}, {CANONS[self.raw[i][0]]}): "
                          f"{got}\n{self.signed[i]!r}")


class Mailauth(Signed):
    def test_mailauth_accepts_both_signatures(self):
        argv = ["node", HERE + "/dkim_verify.js", self.folder.name + "/records.json", ARGS.node]
        self.all_pass(by_program(argv, self.signed), 2, "mailauth")
        # of a body that was changed it says "neutral"
        self.assertLessEqual({v for line in by_program(argv, self.damaged) for v in line},
                             {"fail", "neutral"})


class Others(Signed):
    def test_dkimpy_accepts_both_signatures(self):
        self.all_pass([by_dkimpy(m, self.records) for m in self.signed], 2, "dkimpy")

    def test_dkimpy_refuses_what_was_damaged(self):
        for m in self.damaged:
            self.assertEqual(by_dkimpy(m, self.records), [False, False])

    def test_mail_dkim_accepts_rsa(self):
        argv = ["perl", HERE + "/dkim_verify.pl", self.folder.name + "/records.json"]
        self.all_pass(by_program(argv, self.signed), 1, "Mail::DKIM")
        self.assertEqual(set(map(tuple, by_program(argv, self.damaged))), {("fail",)})

    def test_one_click_fields_are_covered_and_no_field_can_be_added(self):
        for m in self.signed:
            for signature in m.split(b"\r\nDKIM-Signature:")[:2]:
                flat = signature.replace(b"\r\n", b"").replace(b"\t", b"").replace(b" ", b"")
                names = flat.split(b";h=")[1].split(b";")[0].lower().split(b":")
                self.assertNotIn(b";l=", flat)
                lines = [l.split(b":")[0].lower() for l in m.split(b"\r\n\r\n")[0].split(b"\r\n")
                         if l[:1] not in b" \t"]
                for name in (b"from", b"subject", b"list-unsubscribe", b"list-unsubscribe-post"):
                    self.assertEqual(names.count(name), lines.count(name) + 1)

    def test_what_compose_prints_is_accepted(self):
        with tempfile.TemporaryDirectory() as d:
            for name, text in (("message.liquid", "Subject: {{ n }} für dich\nX-A: b\n"
                                "List-Unsubscribe: <https://u.example/{{ n | url_encode }}>\n"
                                "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"),
                               ("body.html.liquid", "<p>Hallo  {{ n }} \n\n.\n</p>\n\n\n")):
                with open(f"{d}/{name}", "w", encoding="utf-8") as f:
                    f.write(text)
            with open(d + "/row.json", "w", encoding="utf-8") as f:
                json.dump({"n": "Jörg", "age": 7}, f)
            for canon in CANONS:
                run = subprocess.run(
                    [ARGS.posthaste, "compose", "--template", d, "--row", d + "/row.json",
                     "--from", "news@" + DOMAIN, "--to", "a@b.test", "--canonicalization", canon,
                     "--dkim", f"{DOMAIN}:rsa:{self.folder.name}/rsa.pem",
                     "--dkim", f"{DOMAIN}:ed:{self.folder.name}/ed.pem"],
                    capture_output=True, check=False)
                self.assertEqual(run.stderr, b"")
                self.assertIn(b"; c=" + canon.encode() + b"; ", run.stdout)
                self.assertEqual(by_dkimpy(run.stdout, self.records), [True, True])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("dkim_files")
    parser.add_argument("posthaste")
    parser.add_argument("--node")
    ARGS = parser.parse_args()
    if ARGS.node and not os.path.isdir(ARGS.node + "/node_modules/mailauth"):
        print("mailauth is not installed; scripts/setup --node does it")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], defaultTest="Mailauth" if ARGS.node else "Others")
