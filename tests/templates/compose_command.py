#!/usr/bin/python3
"""compose_command.py POSTHASTE: `posthaste compose` and `token verify` refuse wrong input in one line, and
compose prints the same bytes every time."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

EXE = sys.argv[1]


def run(*words):
    return subprocess.run([EXE, *words], capture_output=True, check=False)


class Compose(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.dir = self.folder.name
        self.write("tpl/message.liquid", "Subject: {{ n }} {{ age }} {{ vip }}{{ none }}\n")
        self.write("tpl/body.text.liquid", "to {{ email }}\n.\n")
        self.row({"n": "Jörg", "age": 7, "vip": True, "none": None})
        subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", self.path("k.pem")],
                       check=True, capture_output=True)
        os.chmod(self.path("k.pem"), 0o600)

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def row(self, data):
        self.write("row.json", json.dumps(data))

    def words(self, *more, leave_out=()):
        words = {"--template": self.path("tpl"), "--row": self.path("row.json"),
                 "--from": "News <news@shop.example>", "--to": "a@b.test"}
        return ["compose"] + [w for k, v in words.items() if k not in leave_out
                              for w in (k, v)] + list(more)

    def refused(self, words, *says, status=1):
        done = run(*words)
        self.assertEqual((done.returncode, done.stdout), (status, b""), done.stderr)
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        for what in says:
            self.assertIn(what, done.stderr.decode())

    def test_a_message_is_printed_as_it_leaves(self):
        dkim = ("--dkim", f"shop.example:s1:{self.path('k.pem')}", "--time", "1795315000")
        done = run(*self.words(*dkim))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"Subject: =?UTF-8?Q?J=C3=B6rg_7_true?=\r\n", done.stdout)
        self.assertIn(b"From: News <news@shop.example>\r\n", done.stdout)
        self.assertTrue(done.stdout.endswith(b"\r\n\r\nto a@b.test\r\n.\r\n"), done.stdout[-80:])
        self.assertNotIn(b"\n", done.stdout.replace(b"\r\n", b""))
        self.assertIn(b"t=1795315000;", done.stdout)
        self.assertEqual(run(*self.words(*dkim)).stdout, done.stdout)
        self.assertNotEqual(run(*self.words(*dkim, "--number", "2")).stdout, done.stdout)

    def test_wrong_words_are_told(self):
        for name in ("--template", "--row", "--from", "--to"):
            self.refused(self.words(leave_out=[name]), f"{name} is missing", status=2)
        self.refused(self.words("--dkim", "shop.example"), "DOMAIN:SELECTOR:KEYFILE", status=2)
        self.refused(self.words("--dkim", "shop example:s:" + self.path("k.pem")), "DNS name", status=2)
        self.refused(self.words("--dkim", "shop.example:s:/nonexistent"), "No such file")
        self.refused(self.words("--canonicalization", "nofws"), "relaxed/relaxed", status=2)
        self.refused(self.words("--time", "x"), "no number", status=2)
        self.refused(self.words("--frob"), "unknown option", status=2)
        self.refused(self.words("more"), "unexpected word", status=2)
        os.chmod(self.path("k.pem"), 0o644)
        self.refused(self.words("--dkim", f"shop.example:s:{self.path('k.pem')}"), "others may read")

    def test_a_wrong_row_is_told(self):
        self.row([1])
        self.refused(self.words(), "no object")
        self.row({"n": "a\nBcc: x@y.test", "age": 1, "vip": 1, "none": 1})
        self.refused(self.words(), "message.liquid:1:13: ", "line end")
        self.row({"n": "a"})
        self.refused(self.words(), "unknown variable \"age\"")
        self.row({"cart": {"items": [0, json.loads("[" * 70 + "]" * 70)]}})
        self.refused(self.words(), "row.json: cart.items[1][0][0]", "over 64 deep")
        for text in ("{", '{"n": 1, "n": 2}', '{"n": 99999999999999999999}'):
            self.write("row.json", text)
            self.refused(self.words(), "row.json:1:")

    def test_values_of_a_row_keep_their_types(self):
        self.write("tpl/body.text.liquid",
                   "{% for i in cart.items %}{{ i.name }} {{ i.price | times: 2 }};{% endfor %}"
                   "{% if n > 2 %} more{% endif %}{% if vip %} vip{% endif %}{{ none.x }} {{ cart.size }}\n")
        self.row({"n": 3, "age": 1.5, "vip": False, "none": None,
                  "cart": {"items": [{"name": "Tea", "price": 4}, {"name": "Jörg's", "price": 2.5}]}})
        done = run(*self.words())
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn("\r\n\r\nTea 8;J=C3=B6rg's 5.0; more 1\r\n", done.stdout.decode())
        self.row({"n": "text", "age": 1, "vip": 1, "none": 1, "cart": 1})
        self.refused(self.words(), "unknown variable \"cart.items\"")

    def test_all_of_a_template_may_be_one_file(self):
        self.write("one/receipt.liquid", "Subject: {{ n }}\nReply-To: x@y.test\n\n<!DOCTYPE html>\n<p>{{ n }}</p>\n")
        self.row({"n": "a & b"})
        for path in ("one/receipt.liquid", "one"):
            done = run(*self.words("--template", self.path(path), leave_out=["--template"]))
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(b"\r\n\r\n<!DOCTYPE html>\r\n<p>a &amp; b</p>\r\n", done.stdout)
        for text, where, what in (("Subject: x\n\n\nhi {{ nn }}\n", ":4:7: ", "did you mean n?"),
                                  ("Subject: x\nTo: y\n\nhi\n", ":2:1: ", "may not write To"),
                                  ("\nhi\n", "receipt.liquid: ", "no Subject"),
                                  ("Subject: {{ n }}\n", "receipt.liquid: ", "no empty line")):
            self.write("one/receipt.liquid", text)
            self.refused(self.words("--template", self.path("one/receipt.liquid"), leave_out=["--template"]),
                         "one/receipt.liquid" + where if where[0] == ":" else where, what)
        self.write("one/receipt.merge", "Subject: [n]\r\n\r\n[n] {{ n }}\r\n")
        done = run(*self.words("--template", self.path("one/receipt.merge"), leave_out=["--template"]))
        self.assertTrue(done.stdout.endswith(b"\r\n\r\na & b {{ n }}\r\n"), done.stdout[-80:])
        self.refused(self.words("--template", self.path("one"), leave_out=["--template"]), "message.liquid")

    def test_a_token_that_is_none_is_told(self):
        self.write("conf", 'bounce_domain = b.test\nport p { device = x; address = 10.9.0.2/24 }\n'
                   'source s { address = 10.9.0.10; helo = a.b }\nresolver.servers = 127.0.0.1\n'
                   f'state_dir = "{self.dir}/state"\n')
        self.refused(["token", "verify", "-c", self.path("conf"), "AQAB"], "no token of ours")
        done = run("token", "verify", "-c", self.path("conf"), "--json", "AQAB")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout), {"valid": False, "reason": "no token of ours"})
        self.assertFalse(os.path.exists(self.path("state")), "looking changes nothing")
        self.refused(["token", "verify", "AQAB"], "-c FILE is missing", status=2)
        self.refused(["token", "frob", "x"], "token verify", status=2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
