#!/usr/bin/python3
"""Every receiver that Debian offers takes what we send, byte for byte: over IPv4 and IPv6, in the clear and
under TLS 1.2 and 1.3, from one byte to 25 MB, with dots, blanks and line ends of every shape, with
text and addresses beyond ASCII; in the clear, bodies as 8-bit text; one, four and sixteen
transactions in flight. What arrives must carry our DKIM signature whole, and say what the row said.

interop.py [NAME...]: only those servers (see mtas.py). Each runs in a private root of its own, once
for each way of encrypting it knows.
"""

import csv
import email
import email.policy
import os
import subprocess
import sys

import dkim

import systest
import mtas
from signed import RSA, make_key
from testnet import conf, domains
from testnet.internet import Internet
from tls import certificate

ADDR4, ADDR6 = "10.25.3.1", "fd25::3:1"
BIG_BYTES = 18_300_000  # of an attachment: 25 MB in base64
HEAD = """From: Systest <news@sender.test>
Subject: Grüße, {{ shape }}
X-Recipient: {{ email }}
"""
SHAPES = {
    "one byte": "x",
    "a dot": ".",
    "dots": ".\n..\n...\n.a\n. \n a.\n",
    "ends in dots": "a\n.\n.\n",
    "line ends": "\n\na\n\n\n",
    "blanks": "a  \n\t\n b \n ",
    "998": "x" * 998 + "\n",
    "999": "y" * 999 + "\n.\n",
    "long": "0123456789 " * 6,
    "lines": ".a line of text\n",
    "bare CR": "a\rb\n.\rc\r\n",
    "beyond ASCII": "Grüße, 日本語, 🎉\n.Ω\n",
    "from": "From me\n>From you\nFrom: us\n",
    "boundary": "--\n--=\n--=_a\n----\n",
    "lone dots": ".\n",
    "a megabyte": ".2345678" * 124 + "\n",
}
TIMES = {"long": 500, "dots": 3, "lines": 5000, "lone dots": 3000, "a megabyte": 1050}  # so often is a row's body repeated
UTF8_LOCAL = "jörg"
WINDOWS = {"clear": 1, "1.2": 4, "1.3": 16}


def rows(server):
    for domain in (server.domain, f"six.{server.domain}"):
        for n, (shape, body) in enumerate(SHAPES.items()):
            yield f"r{n}@{domain}", shape, body, TIMES.get(shape, 1)
        yield f"{UTF8_LOCAL}@{domain}", "UTF-8 address", "to Jörg\n", 1


def write_list(path, wanted):
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n", quoting=csv.QUOTE_ALL)
        out.writerow(("email", "shape", "body", "times"))
        out.writerows(wanted)


def write_template(path, attachment):
    path.mkdir()
    (path / "message.liquid").write_text(HEAD)
    (path / "body.text.liquid").write_text("{% for i in (1..times) %}{{ body }}{% endfor %}")
    if attachment:
        (path / "attachments").mkdir()
        (path / "attachments/all.bin").write_bytes(attachment)


def write_conf(run, server, way):
    mta = server.mta
    conf.write(run / "conf", run / "state", rate=1000)
    record = make_key(str(run / "rsa.pem"), *RSA)
    policy = "none" if way == "clear" else "opportunistic" if not mta.tls_works else "encrypt"
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.write(f'dkim "d" {{ domain = sender.test; selector = s1; key = "{run}/rsa.pem"\n'
                f'\tcanonicalization = "relaxed/simple" }}\n'
                f'compose {{ message_max = 64MiB; slab = 256MiB }}\n')
        for six, host in (("", ADDR4), ("six.", f"[{ADDR6}]")):
            lmtp = f'protocol = lmtp; route = "{host}:24"; ' if mta.lmtp else ""
            f.write(f'site "{six}{server.domain}" {{ {lmtp}tls = {policy}; connections = 2; '
                    f'transactions_in_flight = {WINDOWS[way]} }}\n')
    return {b"s1._domainkey.sender.test.": f"v=DKIM1; k=rsa; p={record}".encode()}


def send(run, name, *more):
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    done = subprocess.run([systest.engine(), "send", "-c", str(run / "conf"), "--name", name, "--template",
                           str(run / name), "--recipients", str(run / f"{name}.csv"), "--class",
                           "transactional", "--from", "news@sender.test", "--until-attempts", "2", "--export",
                           str(run / f"{name}.out.csv"), *more], env=env, capture_output=True,
                          text=True, check=False, timeout=200)
    systest.equal(done.returncode, 0, f"send {name}: {done.stdout}{done.stderr}")
    with open(run / f"{name}.out.csv", newline="", encoding="utf-8") as f:
        return {row["address"]: row for row in csv.DictReader(f)}


def check_fates(server, got):
    for address, row in got.items():
        utf8 = address.startswith(UTF8_LOCAL) and not server.mta.utf8
        want = ("bounced", "does not offer SMTPUTF8") if utf8 else ("delivered", "")
        systest.check(row["state"] == want[0] and want[1] in row["reply"], f"{address}: {row}")


def lines(text):
    """A CR that stands alone is made a line end before it is signed: no line may hold one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


def check_message(data, wanted, records, attachment, is_signed, encoding):
    at = data.index(b"DKIM-Signature:")
    msg = email.message_from_bytes(data[at:], policy=email.policy.default)
    address = str(msg["X-Recipient"])
    systest.check(address in wanted, f"{address} arrived twice, or was not sent to")
    _, shape, body, times = wanted.pop(address)
    name = f"{address}, {shape}"
    systest.check(not is_signed or dkim.verify(data[at:], dnsfunc=lambda n, timeout=5: records[n]),
                  f"{name}: the signature does not verify")
    systest.equal(str(msg["Subject"]), f"Grüße, {shape}", f"{name}: Subject")
    text = msg.get_body(("plain",)).get_payload(decode=True).decode()
    systest.equal(lines(text), lines(body * times), f"{name}: text")
    if encoding and shape == "beyond ASCII":
        systest.equal(msg["Content-Transfer-Encoding"], encoding, f"{name}: encoding")
    if attachment:
        files = [p.get_payload(decode=True) for p in msg.iter_attachments()]
        systest.check(files == [attachment], f"{name}: the attachment is not what was sent")


def check_kept(run, server, wanted, records, encoding="", attachment=b""):
    left = {row[0]: row for row in wanted if server.mta.utf8 or not row[0].startswith(UTF8_LOCAL)}
    kept = systest.wait_for(lambda: enough(run, server, len(left)), 60,
                            f"{server.name}: {len(left)} messages are kept")
    for data in kept:
        check_message(data, left, records, attachment, server.mta.keeps_multipart or not attachment, encoding)
    for path in (run / "mail" / server.name).rglob("*"):
        if path.is_file():
            path.unlink()


def enough(run, server, n):
    kept = mtas.read(run / "mail", server.name)
    return kept if len(kept) >= n else None


def one(name, way):
    run, mta = systest.run_dir(), mtas.MTAS[name]
    (run / "mail/certs").mkdir(parents=True)
    (run / "state").mkdir(mode=0o700)
    for d in (run, run / "mail", run / "mail/certs"):
        d.chmod(0o755)
    server = mtas.Server(mta, f"at-{name}", f"{name}.test", ADDR4, ADDR6, "1.3" if way == "clear" else way)
    certificate(run / "mail/certs", server.name, server.host, 30, None)
    for path in (run / "mail/certs").iterdir():
        path.chmod(0o600 if path.suffix == ".key" else 0o644)
    port = 24 if mta.lmtp else 25
    served = [domains.Domain(f"{six}{name}.test", 0, "", domains.mx(addr),
                             [domains.Receiver(server.name, "", addr, port=port)])
              for six, addr in (("", ADDR4), ("six.", ADDR6))]
    records = write_conf(run, server, way)
    unpacked = "mailroot" if mta.group == "mailroot" else f"receivers/{mta.group}"
    with Internet(systest.BUILD, run / "mail", served, unpacked=unpacked,
                  start=lambda servers: mta.start(servers, server)):
        wanted = list(rows(server))
        write_template(run / "small", b"")
        write_list(run / "small.csv", wanted)
        check_fates(server, send(run, "small", "--encoding", "8bit" if way == "clear" else "7bit"))
        check_kept(run, server, wanted, records, "8bit" if way == "clear" else "")
        if way != "1.2":
            six = "" if way == "clear" else "six."
            wanted = [(f"big@{six}{server.domain}", "25 MB", "attached\n", 1)]
            attachment = os.urandom(BIG_BYTES)
            write_template(run / "big", attachment)
            write_list(run / "big.csv", wanted)
            check_fates(server, send(run, "big"))
            check_kept(run, server, wanted, records, attachment=attachment)


def runs(names):
    for name in names:
        mta = mtas.MTAS[name]
        yield from ((name, way) for way in ("clear", *mta.versions))


def each_receiver_keeps_what_was_sent():
    """Each run in namespaces of its own."""
    failed = []
    for name, way in runs(sys.argv[1:] or mtas.MTAS):
        done = subprocess.run([sys.executable, __file__, "--one", name, way], check=False,
                              capture_output=True, text=True, timeout=280)
        print(f"  {name}, {way}: {'ok' if done.returncode == 0 else 'FAILED'}")
        if done.returncode != 0:
            failed.append(f"{name}, {way}:\n{done.stdout}{done.stderr}")
    systest.check(not failed, "\n".join(failed))


def what_was_sent_is_kept():
    one(*sys.argv[2:])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        systest.main(what_was_sent_is_kept, root=True)
    else:
        systest.main(each_receiver_keeps_what_was_sent, root=True, enter=False)
