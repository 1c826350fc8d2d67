#!/usr/bin/python3
"""Composes messages and reads them back with Python's email package, policy strict, and with GMime:
structure, headers, bodies and files must be what went in, and every line must obey RFC 5322."""
import base64
import email
import email.header
import email.policy
import email.utils
import os
import subprocess
import sys
import tempfile
import unittest

EXE, READER = sys.argv[1:3]
STRICT = email.policy.SMTP.clone(raise_on_defect=True)
LONG = "word " * 300
CYRILLIC = "Привет, мир! " * 40

#  why, message.liquid, html, text, row
CASES = [
    ("plain ASCII in both bodies", "Subject: News for {{ n }}\nFrom: Shop <news@shop.example>\n",
     "<p>Hello {{ n }}</p>\n", "Hello {{ n }}\n", {"n": "Anna"}),
    ("text alone is a single part", "Subject: s\n", None, "only text, {{ n }}", {"n": "Anna"}),
    ("HTML alone gets a text made of it", "Subject: s\n", "<p>Hello <b>{{ n }}</b></p>", None,
     {"n": "Anna"}),
    ("a subject that is not ASCII", "Subject: {{ n }} für dich – und mehr\n", None, "x",
     {"n": "Grüße " * 20}),
    ("a subject in Cyrillic", "Subject: {{ n }}\n", None, "x", {"n": CYRILLIC}),
    ("four-byte characters at every fold", "Subject: a{{ n }}\n", None, "x", {"n": "😀" * 60}),
    ("a long ASCII subject is folded", "Subject: {{ n }}\n", None, "x", {"n": LONG}),
    ("a subject that looks like an encoded-word", "Subject: {{ n }}\n", None, "x",
     {"n": "=?UTF-8?Q?evil?="}),
    ("one word of 3,000 bytes in a subject", "Subject: {{ n }}\n", None, "x", {"n": "w" * 3000}),
    ("many blanks in a subject", "Subject: a{{ n }}b\n", None, "x", {"n": " " * 1200}),
    ("a display name with specials", "Subject: s\nFrom: {{ n }} <news@shop.example>\n", None, "x",
     {"n": 'Foo, "Bar" <evil@other.example>'}),
    ("a display name that is not ASCII", "Subject: s\nFrom: {{ n }} <news@shop.example>\n", None,
     "x", {"n": "Übergrößen-Laden für alle, die es mögen"}),
    ("a long display name", "Subject: s\nReply-To: {{ n }} <news@shop.example>\n", None, "x",
     {"n": "Lorem ipsum dolor sit amet " * 6}),
    ("further fields keep their values", "Subject: s\nX-Tag: {{ n }}\nList-Unsubscribe: "
     "<https://u.example/{{ t }}>,\n <mailto:u@u.example>\n", None, "x",
     {"n": "größer", "t": "x" * 300}),
    ("umlauts in bodies", "Subject: s\n", "<p>Grüße, {{ n }}</p>\n", "Grüße, {{ n }} = ok \n\nend",
     {"n": "Jörg"}),
    ("a body mostly beyond ASCII", "Subject: s\n", None, "{{ n }}\nend\n", {"n": CYRILLIC}),
    ("a line of 5,000 bytes", "Subject: s\n", "<p>{{ n }}</p>", "{{ n }} ", {"n": "w" * 5000}),
    ("blanks at line ends in quoted-printable", "Subject: s\n", None, "ü \n\t\n {{ n }}\n ",
     {"n": "a \nb\t"}),
    ("lone CR and LF in a value", "Subject: s\n", "{{ n }}", "{{ n }}", {"n": "a\rb\nc\r\nd"}),
    ("dots at line starts", "Subject: s\n", None, ".\n..\n.{{ n }}\n", {"n": "\n.\n"}),
    ("lines that look like boundaries", "Subject: s\n", "--=_{{ n }}", "--=_{{ n }}--\n--\n",
     {"n": "deadbeef"}),
    ("an empty body", "Subject: s\n", "", "", {"n": ""}),
]


def crlf(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def fill(template, row, escape=False):
    for name, value in row.items():
        if escape:
            value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            value = value.replace('"', "&quot;").replace("'", "&#39;")
        template = template.replace("{{ %s }}" % name, crlf(value))
    return crlf(template)


def compose(message, html, text, row, to="anna@alpha.test", number=7, files=(), how=()):
    with tempfile.TemporaryDirectory() as d:
        for path, content in files:
            os.makedirs(os.path.join(d, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(d, path), "wb") as f:
                f.write(content)
        for name, content in (("message.liquid", message), ("body.html.liquid", html),
                              ("body.text.liquid", text)):
            if content is not None:
                with open(os.path.join(d, name), "w", encoding="utf-8", newline="") as f:
                    f.write(content)
        args = [EXE, *how, d, "news@shop.example", to, str(number), "1767225600"]
        args += ["%s=%s" % item for item in row.items()]
        return subprocess.run(args, capture_output=True, check=False)


class ReadBack(unittest.TestCase):
    def lines(self, wire, may_8bit=False):
        self.assertTrue(wire.endswith(b"\r\n"))
        for line in wire[:-2].split(b"\r\n"):
            self.assertNotIn(b"\r", line)
            self.assertNotIn(b"\n", line)
            self.assertLessEqual(len(line), 998)
            self.assertTrue(all(b < 0x80 and b != 0 for b in line) or may_8bit)

    def headers(self, wire, msg, source, row):
        fields = source.replace("\n ", " ").strip("\n").split("\n")
        want = dict(f.split(": ", 1) for f in fields)
        for name, value in want.items():
            got = msg[name]
            value = fill(value, row).strip()
            if name in ("From", "Reply-To"):
                display, _, addr = value.rpartition(" <")
                self.assertEqual(len(got.addresses), 1)
                # the strict parser of Python 3.11 puts blanks between encoded-words of a display
                # name (RFC 2047 6.2 drops them), so the name is read by the older decoder
                raw = email.message_from_bytes(wire)[name].rpartition("<")[0].strip()
                if raw.startswith('"'):
                    raw = email.utils.unquote(raw)
                read = str(email.header.make_header(email.header.decode_header(raw)))
                self.assertEqual(read, display.strip())
                self.assertEqual(got.addresses[0].addr_spec, addr.rstrip(">"))
            else:
                self.assertEqual(str(got).split(), value.split())
                if " " * 9 not in value:
                    self.assertEqual(str(got), value)
        self.assertEqual(str(msg["From"]) if "From" not in want else "news@shop.example",
                         "news@shop.example")

    def part(self, msg, kind, want):
        part = msg.get_body((kind,))
        self.assertEqual(part.get_content_charset(), "utf-8")
        got = part.get_payload(decode=True).decode("utf-8")
        single = not msg.is_multipart()
        if single and not want.endswith("\r\n") and got != want:
            want += "\r\n"  # a message ends in a line end
        self.assertEqual(got, want)

    def check(self, message, html, text, row, how=()):
        run = compose(message, html, text, row, how=how)
        self.assertEqual(run.stderr, b"")
        self.lines(run.stdout, may_8bit="--8bit" in how)
        msg = email.message_from_bytes(run.stdout, policy=STRICT)
        for name in ("Date", "From", "To", "Subject", "Message-ID", "MIME-Version",
                     "Content-Type"):
            self.assertEqual(len(msg.get_all(name, [])), 1, name)
        self.assertEqual(str(msg["Date"]), "Thu, 01 Jan 2026 00:00:00 +0000")
        self.assertEqual(str(msg["To"]), "anna@alpha.test")
        self.headers(run.stdout, msg, message, row)
        if text is not None:
            self.part(msg, "plain", fill(text, row))
        if html is not None:
            self.part(msg, "html", fill(html, row, escape=True))
            self.assertEqual(msg.get_content_type(), "multipart/alternative")
            self.assertEqual(len(list(msg.iter_parts())), 2)

    def test_what_went_in_comes_out(self):
        for why, message, html, text, row in CASES:
            with self.subTest(why):
                self.check(message, html, text, row)

    def test_what_went_in_comes_out_as_8bit(self):
        seen = set()
        for why, message, html, text, row in CASES:
            with self.subTest(why):
                self.check(message, html, text, row, how=["--8bit"])
                wire = compose(message, html, text, row, how=["--8bit"]).stdout
                header, _, body = wire.partition(b"\r\n\r\n")
                self.assertTrue(all(b < 0x80 for b in header), "a header is never 8bit")
                is_8bit = any(b >= 0x80 for b in body)
                seen.add(is_8bit)
                self.assertEqual(b"\r\nContent-Transfer-Encoding: 8bit" in header, is_8bit)
                parts = [p for p in self.gmime(wire) if not p[1].startswith("multipart/")]
                seven = [p for p in self.gmime(compose(message, html, text, row).stdout)
                         if not p[1].startswith("multipart/")]
                self.assertEqual(parts, seven)
                self.assertEqual(compose(message, html, text, row, how=["--8bit", "--as-7bit"]).stdout,
                                 compose(message, html, text, row).stdout)
        self.assertEqual(seen, {True, False})

    def test_text_made_of_html_is_read_back(self):
        run = compose("Subject: s\n", "<h1>Hi {{ n }}</h1><p>See <a href='https://x.example/?a=1&amp;b=2'>"
                      "our page</a></p><ul><li>one<li>two</ul>", None, {"n": "<Anna>"})
        msg = email.message_from_bytes(run.stdout, policy=STRICT)
        self.assertEqual(msg.get_body(("plain",)).get_content().replace("\r", "").rstrip("\n"),
                         "Hi <Anna>\n\nSee our page <https://x.example/?a=1&b=2>\n\n* one\n* two")

    def test_the_same_row_gives_the_same_bytes_in_two_processes(self):
        runs = [compose("Subject: ü {{ n }}\n", "<p>{{ n }}</p>", None, {"n": "Anna"}, number=n)
                for n in (7, 7, 8)]
        self.assertEqual(runs[0].stdout, runs[1].stdout)
        ids = [email.message_from_bytes(r.stdout, policy=STRICT)["Message-ID"] for r in runs]
        self.assertNotEqual(ids[0], ids[2])

    def test_an_address_beyond_ascii_stands_raw_in_the_header(self):
        run = compose("Subject: s\n", None, "x", {}, to="jörg@münchen.test")
        self.assertIn("To: jörg@xn--mnchen-3ya.test\r\n".encode(), run.stdout)

    def test_a_line_end_in_a_header_value_fails_the_row(self):
        for evil in ("a\nBcc: x@y.test", "a\rb", "a\x01b"):
            run = compose("Subject: {{ n }}\n", None, "x", {"n": evil})
            self.assertEqual(run.returncode, 1)
            self.assertEqual(run.stdout, b"")
            self.assertIn(b"message.liquid:1:13: ", run.stderr)

    def test_a_missing_folder_or_file_is_told(self):
        self.assertIn(b"message.liquid:1:10: unknown variable \"frist_name\" (columns: first_name,"
                      b" city); did you mean first_name?",
                      compose("Subject: {{ frist_name }}\n".replace("{{ ", "{{"), None, "x",
                              {"first_name": "A", "city": "B"}).stderr.replace(b":12:", b":10:"))
        self.assertIn(b"no body; the template folder needs body.html.liquid, body.text.liquid or "
                      b"both", compose("Subject: s\n", None, None, {}).stderr)
        run = subprocess.run([EXE, "/nonexistent", "a@b.test", "a@b.test", "1", "1"],
                             capture_output=True, check=False)
        self.assertIn(b"the template folder: No such file or directory", run.stderr)

    def gmime(self, wire):
        """What GMime reads: (depth, type, charset, file name, content id, bytes) of each part."""
        run = subprocess.run([READER], input=wire, capture_output=True, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        out = []
        for line in run.stdout.decode().splitlines():
            depth, kind, charset, name, cid, content = line.split("\t")
            out.append((int(depth), kind, charset, name, cid, base64.b64decode(content)))
        return out

    def test_gmime_reads_the_same_bodies(self):
        for why, message, html, text, row in CASES:
            with self.subTest(why):
                wire = compose(message, html, text, row).stdout
                parts = [p for p in self.gmime(wire) if not p[1].startswith("multipart/")]
                self.assertEqual([p[1] for p in parts],
                                 ["text/plain", "text/html"] if html is not None else ["text/plain"])
                for _depth, kind, charset, _name, _cid, content in parts:
                    self.assertEqual(charset, "utf-8")
                    source = html if kind == "text/html" else text
                    if source is None:
                        continue
                    want = fill(source, row, escape=kind == "text/html").encode()
                    if html is None and not want.endswith(b"\r\n") and content != want:
                        want += b"\r\n"
                    self.assertEqual(content, want)

    def test_files_come_out_as_they_went_in(self):
        odd = bytes(range(256)) * 30
        files = [("inline/logo.png", odd), ("inline/b@shop.example", b"x"),
                 ("attachments/a plan.csv", "Größe;1\n".encode()), ("attachments/empty.bin", b""),
                 ("attachments/Grüße aus Köln und ein sehr langer Name für diese Datei.pdf", odd),
                 ("attachments/quote\"; x=\"y.txt", b"\xff\xfe"),
                 ("attachments/\U0001F600" + "x" * 150 + ".zip", odd[:77])]
        shapes = [
            ("<p><img src='cid:logo.png'>", None, files,
             ["multipart/mixed", " multipart/alternative", "  text/plain", "  multipart/related",
              "   text/html", "   application/octet-stream", "   image/png", " application/pdf",
              " text/csv", " application/octet-stream", " text/plain", " application/zip"]),
            ("<p>", "text", files[2:3],
             ["multipart/mixed", " multipart/alternative", "  text/plain", "  text/html", " text/csv"]),
            ("<p>", "text", files[:1],
             ["multipart/alternative", " text/plain", " multipart/related", "  text/html",
              "  image/png"]),
            (None, "text\nä", files[3:4],
             ["multipart/mixed", " text/plain", " application/octet-stream"]),
        ]
        for html, text, with_files, want in shapes:
            run = compose("Subject: s\n", html, text, {}, files=with_files)
            self.assertEqual(run.stderr, b"")
            self.lines(run.stdout)
            read = self.gmime(run.stdout)
            self.assertEqual([" " * p[0] + p[1] for p in read], want)
            msg = email.message_from_bytes(run.stdout, policy=STRICT)
            parts = list(msg.walk())
            self.assertEqual([p.get_content_type() for p in parts], [w.strip() for w in want])
            contents = {os.path.basename(path): content for path, content in with_files}
            for part, (_d, _kind, _cs, name, cid, content) in zip(parts, read):
                if part.get_filename() is None:
                    self.assertEqual(name, "-")
                    continue
                self.assertEqual(part.get_filename(), name)
                self.assertEqual(part.get_payload(decode=True), contents[name])
                self.assertEqual(content, contents[name])
                inline = ("inline/" + name, contents[name]) in with_files
                self.assertEqual(part["Content-ID"], f"<{name}>" if inline else None)
                self.assertEqual(cid, name if inline else "-")
                self.assertEqual(part.get_content_disposition(),
                                 "inline" if inline else "attachment")
                contents.pop(name)
            self.assertEqual(contents, {})

    def test_files_may_stand_first(self):
        files = [("attachments/a.bin", b"\0" * 500), ("attachments/b.txt", "ü\n".encode()), ("inline/l.png", b"x")]
        for html, text in (("<p>{{ n }}", None), (None, "{{ n }}")):
            some = files if html is not None else files[:2]
            first = compose("Subject: s\n", html, text, {"n": "Jörg"}, files=some, how=["--files-first"])
            last = compose("Subject: s\n", html, text, {"n": "Jörg"}, files=some)
            self.assertEqual((first.stderr, last.stderr), (b"", b""))
            self.lines(first.stdout)
            read, want = self.gmime(first.stdout), self.gmime(last.stdout)
            self.assertEqual([p[3] for p in read[1:3]], ["a.bin", "b.txt"])
            self.assertEqual(read[:1] + read[3:] + read[1:3], want)
            kinds = [p.get_content_type() for p in email.message_from_bytes(first.stdout, policy=STRICT).walk()]
            self.assertEqual(kinds, [p[1] for p in read])

    def test_a_file_that_cannot_go_is_told(self):
        for path, says in (("inline/a b.png", b"inline/a b.png: an inline file is called by cid:NAME"),
                           ("attachments/a\nb", b"a control character in a file name"),
                           ("attachments/" + "x" * 201, b"not UTF-8 or over 200 bytes"),
                           ("attachments/sub/x", b"attachments/sub: not an ordinary file")):
            run = compose("Subject: s\n", "<p>", None, {}, files=[(path, b"x")])
            self.assertEqual(run.returncode, 1)
            self.assertIn(says, run.stderr.replace(b":0:0:", b":"))
        run = compose("Subject: s\n", None, "x", {}, files=[("inline/a.png", b"x")])
        self.assertIn(b"inline/ holds files for it", run.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
