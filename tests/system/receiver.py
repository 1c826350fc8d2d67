"""A receiver inside the test's own process: it takes mail and remembers when what came.

It writes what it accepts as testnet.smtpd does, so that scripts/receivers-join can read it."""

import asyncio
import os
import threading
import time
from types import SimpleNamespace

from testnet import domains, smtpd


def domain(name, addr):
    """A domain whose only host is `addr`; nobody listens there until a Receiver does."""
    return domains.Domain(name, 0, "delivered", domains.mx(addr), silent=[addr])


class Receiver:
    """`opens`: (time, +1 or -1, peer) of each connection; `mails`: times of MAIL; `per_conn`:
    messages of each connection and how it ended; `waiting`: messages whose last byte came and whose
    answer is held back while `hold_dot` is set; `hold_data` holds back the answer to DATA."""

    def __init__(self, addr, folder, dot_after_s=0.0):
        self.addr, self.folder, self.dot_after_s = addr, str(folder), dot_after_s
        self.opens, self.mails, self.per_conn, self.commands = [], [], [], []
        self.waiting, self.taken, self.hold_dot, self.hold_data = 0, 0, False, False
        self.ready = threading.Event()

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        self.ready.wait(10)
        return self

    def __exit__(self, *exc):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def serve(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(
            self.on_client, self.addr, 25, limit=smtpd.LINE_MAX, backlog=1024))
        self.ready.set()
        self.loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()

    async def on_client(self, reader, writer):
        peer = writer.get_extra_info("peername")[0]
        self.opens.append((time.monotonic(), 1, peer))
        session = Session(self, reader, writer)
        try:
            await session.run()
            session.ended = "quit"
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            session.ended = "eof"
        except ConnectionError:
            session.ended = "reset"
        finally:
            self.opens.append((time.monotonic(), -1, peer))
            self.per_conn.append((session.n_mails, session.ended))
            writer.close()

    def conns_most(self):
        """The most connections open at once from any one address."""
        most, now = 0, {}
        for _at, step, peer in sorted(self.opens, key=lambda o: (o[0], o[1])):
            now[peer] = now.get(peer, 0) + step
            most = max(most, now[peer])
        return most


class Session(smtpd.Session):
    def __init__(self, receiver, reader, writer):
        opt = SimpleNamespace(dir=receiver.folder, greylist=False, rcpt_reply=None, starttls=None, auth=None, lmtp=False)
        super().__init__(opt, set(), reader, writer)
        self.receiver, self.n_mails, self.ended = receiver, 0, "error"

    async def on_mail(self, line):
        self.n_mails += 1
        self.receiver.mails.append(time.monotonic())
        await super().on_mail(line)

    async def on_data(self, line):
        while self.receiver.hold_data:
            await asyncio.sleep(0.02)
        await super().on_data(line)

    async def body(self):
        lines = await super().body()
        self.receiver.waiting += 1
        try:
            if self.receiver.dot_after_s:
                await asyncio.sleep(self.receiver.dot_after_s)
            while self.receiver.hold_dot:
                await asyncio.sleep(0.02)
        finally:
            self.receiver.waiting -= 1
        self.receiver.taken += 1
        return lines


def most_in_a_second(times):
    """The most of `times` (rising) within any sliding second."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most
