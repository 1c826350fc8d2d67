#!/usr/bin/python3
"""scan_command.py POSTHASTE: `posthaste scan` names each rule with line and column of the file, whatever the
part was encoded in; its exit status is what its help says."""

import base64
import json
import os
import quopri
import subprocess
import sys
import tempfile
import unittest

EXE = sys.argv[1]
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" b"ANTIVIRUS-TEST-FILE!$H+H*"  # this file is none
LONG = "x" * 60 + "\n"


def scan(*words, stdin=None):
    return subprocess.run([EXE, "scan", *words], input=stdin, capture_output=True, check=False, timeout=60)


def lines_of(data):
    return base64.encodebytes(data).decode()


class Scan(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return path

    def places(self, path, *words):
        """(line, column, part, rule) of each hit; the exit status."""
        done = scan("--json", *words, path)
        return [(h["line"], h["column"], h["part"], h["rule"]) for h in json.loads(done.stdout)["hits"]], done.returncode

    def test_a_text_is_told_by_line_and_column(self):
        path = self.write("a.txt", "one\nDear {{ a }} and {{ b }}\n\n  {{ c }}\nhttp://192.0.2.1/\n4111 1111 1111 1111\n")
        done = scan(path)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.decode().replace(path, "F").splitlines(), [
            "F:2:6: text: placeholder.curly stop reject: unresolved {{placeholder}}",
            "F:4:3: text: placeholder.curly stop reject: unresolved {{placeholder}}",
            "F:5:8: text: note.bare-ip note pass: a link to an address instead of a name",
            "F:6:1: text: note.card note pass: looks like the number of a payment card",
            "F: would be rejected"])

    def test_parts_of_a_mail_are_told_by_their_line_in_the_file(self):
        qp = quopri.encodestring(("schön " * 20 + "\nHallo {{ vorname }}\n").encode("latin-1")).decode()
        html = lines_of(("<p>ü</p>\n" + LONG * 20 + "{{ name }}\n" + LONG * 3).encode())
        text = ("From: a@b.test\r\nSubject: Hi {{ s }}\r\nX-A: b\r\n c {{ folded }}\r\nMIME-Version: 1.0\r\n"
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                + qp + "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                + html + "--b\r\nContent-Type: application/octet-stream\r\n"
                "Content-Disposition: attachment; filename=\"a{{ n }}.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                + lines_of(bytes(1000) + EICAR) + "--b--\r\n")
        text = text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        raw = text.split(b"\n")

        def line(part):
            return next(i for i, at in enumerate(raw, 1) if part in at)

        def begins(of, what):
            """The line in `of`'s base64 that holds the first byte of `what`."""
            return base64.b64decode(of).index(what) // 57

        self.assertEqual(self.places(self.write("a.eml", text)), ([
            (2, 13, "subject", "placeholder.curly"), (4, 4, "header", "placeholder.curly"),
            (line(b"vorname"), 7, "text", "placeholder.curly"),
            (line(html.split("\n")[begins(html, b"{{")].encode()), self.column(html, b"{{"), "html", "placeholder.curly"),
            (line(b"filename"), raw[line(b"filename") - 1].index(b"a{{ n") + 2, "attachment", "placeholder.curly"),
            (line(b"filename") + 3 + begins(lines_of(bytes(1000) + EICAR), b"X5O"),
             self.column(lines_of(bytes(1000) + EICAR), b"X5O"), "file", "test.eicar")], 1))

    @staticmethod
    def column(of, what):
        """The base64 letter that completes the first byte of `what`, as decoders see it: four at a time."""
        return base64.b64decode(of).index(what) % 57 // 3 * 4 + 4

    def test_what_a_template_gives_is_scanned(self):
        folder = os.path.join(self.folder.name, "tpl")
        os.makedirs(os.path.join(folder, "attachments"))
        self.write("tpl/message.liquid", "Subject: {{ n }}\n")
        self.write("tpl/body.text.liquid", "Dear {% raw %}{{ name }}{% endraw %},\n")
        self.write("tpl/attachments/key.pem", "-----BEGIN PRIVATE KEY-----\nMII\n")
        row = self.write("row.json", json.dumps({"n": "Jo"}))
        mail = subprocess.run([EXE, "compose", "--template", folder, "--row", row, "--from", "a@b.test", "--to", "c@d.test"],
                              capture_output=True, check=True).stdout
        done = scan("--json", "-", stdin=mail)
        found = [(h["part"], h["rule"]) for h in json.loads(done.stdout)["hits"]]
        self.assertEqual((found, done.returncode),
                         ([("text", "placeholder.curly"), ("file", "secret.private-key")], 1))

    def test_the_status_says_what_would_become_of_it(self):
        rules = self.write("rules", "a note text tag /tagme/ t\nb note text hold /holdme/ h\nc note text pass /noteme/ n\n")
        for text, status, says in (("fine", 0, "would be sent"), ("noteme", 0, "would be sent"),
                                   ("tagme", 0, "would be sent with a tag"), ("holdme", 1, "would be held")):
            done = scan("--rules", rules, self.write("f", text))
            self.assertEqual((done.returncode, done.stdout.decode().splitlines()[-1].split(": ")[1]), (status, says))
        for words in (["/no/such/file"], [self.folder.name], ["--rules", self.write("bad", "x\n"), rules], []):
            done = scan(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertTrue(done.stderr)

    def test_places_beyond_the_bound_are_counted(self):
        path, rules = self.write("many", "{{ a }}\n" * 1500), self.write("rules", "a stop text reject /\\{\\{/ x\n")
        told = json.loads(scan("--json", "--rules", rules, path).stdout)
        self.assertEqual((len(told["hits"]), told["places_not_told"]), (1000, 500))
        self.assertEqual([h["line"] for h in told["hits"]], list(range(1, 1001)))


unittest.main(argv=[sys.argv[0]])
