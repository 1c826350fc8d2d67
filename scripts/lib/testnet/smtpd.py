"""smtpd.py --listen ADDR --dir DIR [--port N] [--greylist]
[--rcpt-reply REPLY] [--starttls HOW --cert FILE] [--auth USER:SECRET] [--lmtp]: a receiver with
habits.

Stores every accepted message as a file in the form of smtp-sink's dumps: pseudo headers of the
envelope, then exactly the bytes that came between 354 and the final dot (dots still doubled).
--greylist refuses each recipient once with 450 4.7.1. --starttls offers TLS: "good" means it, with
the key and certificate in FILE; "stall" says 220 and nothing more, "garbage" says 220 and answers
the handshake with noise, "inject" says more than 220 at once. --auth takes mail from who says so
by PLAIN under TLS only; SECRET may be @FILE, read at each AUTH. --lmtp speaks RFC 2033: a last word
for each recipient, 452 for those whose local part begins with "full". Not an SMTP server to learn from: it is a
measuring instrument of tests.
"""

import argparse
import asyncio
import base64
import itertools
import os
import socket
import ssl

LINE_MAX = 1 << 20


class Session:
    counter = itertools.count(1)

    def __init__(self, opt, seen, reader, writer):
        self.opt, self.seen = opt, seen
        self.reader, self.writer = reader, writer
        self.helo, self.mail, self.rcpts = b"", None, []
        self.known = not opt.auth

    def say(self, line):
        self.writer.write(line.encode() + b"\r\n")

    async def run(self):
        self.say("220 capture.test ESMTP")
        while True:
            # Replies to pipelined commands leave together (RFC 2920 3.2).
            if not self.reader._buffer:
                await self.writer.drain()
            line = await self.reader.readuntil(b"\r\n")
            verb = line[:4].upper()
            if line[:-2].upper() == b"STARTTLS":
                verb = b"STARTTLS"
            on = getattr(self, "on_" + verb.decode("ascii", "replace").strip().lower(), None)
            if on is None:
                self.say("502 5.5.2 not known here")
            elif await on(line[:-2]) is False:
                await self.writer.drain()
                return

    async def on_lhlo(self, line):
        if not self.opt.lmtp:
            self.say("502 5.5.2 not known here")
            return
        await self.greet(line)

    async def on_ehlo(self, line):
        if self.opt.lmtp:
            self.say("500 5.5.1 say LHLO")
            return
        await self.greet(line)

    def secret(self):
        user, _, secret = self.opt.auth.partition(":")
        if secret.startswith("@"):
            with open(secret[1:], encoding="ascii") as f:
                secret = f.read().strip()
        return base64.b64encode(f"\0{user}\0{secret}".encode())

    async def on_auth(self, line):
        words = line.split(b" ")
        self.known = bool(self.opt.auth and self.tls() and words[1:] == [b"PLAIN", self.secret()])
        self.say("235 2.7.0 welcome" if self.known else "535 5.7.8 who?")

    async def greet(self, line):
        self.helo = line[5:]
        self.say("250-capture.test")
        if self.opt.starttls and not self.tls():
            self.say("250-STARTTLS")
        if self.opt.auth and self.tls():
            self.say("250-AUTH PLAIN")
        for text in ("250-PIPELINING", "250-SIZE 104857600", "250-8BITMIME",
                     "250 ENHANCEDSTATUSCODES"):
            self.say(text)

    def tls(self):
        return self.writer.get_extra_info("ssl_object")

    async def on_starttls(self, _line):
        how = self.opt.starttls
        if how == "inject":
            self.say("220 go ahead\r\n250 mx.evil.test")
            return
        self.say("220 go ahead")
        await self.writer.drain()
        if how == "stall":
            await self.reader.read()
        if how in ("stall", "garbage"):
            self.writer.write(b"this is no TLS\r\n")
            await self.writer.drain()
            await self.reader.read()
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.opt.cert)
        await self.writer.start_tls(context)
        self.mail = None

    async def on_helo(self, line):
        self.helo = line[5:]
        self.say("250 capture.test")

    async def on_mail(self, line):
        if self.mail is not None:
            self.say("503 5.5.1 nested MAIL")
            return
        if not self.known:
            self.say("530 5.7.0 authenticate first")
            return
        self.mail, self.rcpts = line[len(b"MAIL FROM:"):], []
        self.say("250 2.1.0 ok")

    async def on_rcpt(self, line):
        arg = line[len(b"RCPT TO:"):]
        if self.mail is None:
            self.say("503 5.5.1 MAIL first")
        elif self.opt.greylist and arg not in self.seen:
            self.seen.add(arg)
            self.say("450 4.7.1 greylisted, come back")
        elif self.opt.rcpt_reply:
            self.say(self.opt.rcpt_reply)
        else:
            self.rcpts.append(arg)
            self.say("250 2.1.5 ok")

    async def on_data(self, _line):
        if not self.rcpts:
            self.say("554 5.5.1 no valid recipients" if self.mail else "503 5.5.1 MAIL first")
            return
        self.say("354 go on")
        await self.writer.drain()
        body = await self.body()
        self.store(body)
        for rcpt in self.rcpts if self.opt.lmtp else [b""]:
            self.say("452 4.2.2 mailbox full" if rcpt.startswith(b"<full") else "250 2.0.0 taken")
        self.mail, self.rcpts = None, []

    async def body(self):
        """The bytes up to the lone dot (RFC 5321 4.1.1.4), as they came."""
        lines = []
        while True:
            line = await self.reader.readuntil(b"\r\n")
            if line == b".\r\n" and (not lines or lines[-1].endswith(b"\r\n")):
                return b"".join(lines)
            lines.append(line)

    def store(self, body):
        peer = self.writer.get_extra_info("peername")[0]
        head = [b"X-Client-Addr: " + peer.encode(), b"X-Helo-Args: " + self.helo,
                b"X-Mail-Args: " + self.mail]
        head += [b"X-Rcpt-Args: " + r for r in self.rcpts]
        if self.tls():
            head.append(b"X-Tls: " + self.tls().version().encode())
        name = os.path.join(self.opt.dir, f"{os.getpid()}.{next(self.counter)}")
        with open(name + ".part", "wb") as f:
            f.write(b"\n".join(head) + b"\n" + body)
        os.rename(name + ".part", name)

    async def on_rset(self, _line):
        self.mail, self.rcpts = None, []
        self.say("250 2.0.0 ok")

    async def on_noop(self, _line):
        self.say("250 2.0.0 ok")

    async def on_quit(self, _line):
        self.say("221 2.0.0 bye")
        return False


async def serve(opt):
    seen = set()

    async def on_client(reader, writer):
        try:
            await Session(opt, seen, reader, writer).run()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError,
                ssl.SSLError):
            pass
        finally:
            writer.close()

    family = socket.AF_INET6 if ":" in opt.listen else socket.AF_INET
    server = await asyncio.start_server(on_client, opt.listen, opt.port, family=family,
                                        limit=LINE_MAX, backlog=1024)
    await server.serve_forever()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--listen", required=True)
    p.add_argument("--port", type=int, default=25)
    p.add_argument("--dir", required=True)
    p.add_argument("--greylist", action="store_true")
    p.add_argument("--starttls", choices=["good", "stall", "garbage", "inject"])
    p.add_argument("--cert", help="PEM file with key and certificate")
    p.add_argument("--rcpt-reply", help="refuse every recipient so")
    p.add_argument("--auth", help="USER:SECRET or USER:@FILE")
    p.add_argument("--lmtp", action="store_true")
    asyncio.run(serve(p.parse_args()))


if __name__ == "__main__":
    main()
