"""A TCP peer that plays written dialogues with whoever connects, by raw frames, and notes what it is
answered: the same for Linux and for our engine, so that they can be compared.

A dialogue is a list of steps:
    app connect | app send BYTES | app shut | app abort     what the subject's user does
    < FLAGS [seq=] [ack=] [len=] [win=] [sack=A-B,C-D] [ts=] [opt=HEX]   a segment of the player
    << ...                                                  the same, the next step follows at once
    icmp TYPE CODE [mtu=]                                   an error about the subject's last segment
    wait MS

Numbers are relative: of the player's own sequence, and of the subject's, whose SYN is 0. Without
seq= and ack= the player goes on where it stands. It answers nothing by itself. Each dialogue has an address of the player to itself: what the subject
learns of one path is nothing to the others.

What is noted, in order: "S seq=0 ... mss=1460 sackok ts ws", "A seq=1 ack=1 len=500", and "app:
opened". PSH is left out, and of the window only that it is closed ("win=0").
"""

import errno
import os
import re
import socket
import struct
import time

ISN = 0x7FFFFF00  # of the player; wraps a signed comparison early
MAC = bytes.fromhex("022500000001")
NET = socket.inet_aton("10.66.1.0")[:3]  # of the player, behind itself as the gateway
GATEWAY = "10.66.0.1"
FLAGS = "FSRPAUEC"
SETTLE_S = 0.08  # what an answer has before the next step
QUICK_S = 0.008


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def ip_packet(source, dest, proto, payload):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, proto, 0,
                       source, dest)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


class Conn:
    """One dialogue under way: where both sequences stand, and what was noted."""

    def __init__(self, player, key, port, steps):
        self.player, self.key, self.port, self.steps = player, key, port, list(steps)
        self.address, self.done = f"10.66.1.{key}", False
        self.seq, self.isn, self.peer_port, self.peer_seq = 0, None, None, 0
        self.ts_out, self.ts_in, self.has_ts = 1000, 0, False
        self.notes, self.due, self.last_ip = [], 0.0, b""
        self.at_step, self.step_time = -1, 0.0

    def note(self, text, now):
        if not self.done:
            self.notes.append((self.at_step, text, now - self.step_time))

    def play(self, now):
        """Runs the steps that are due. False when all are done."""
        while now >= self.due:
            if self.at_step + 1 == len(self.steps):
                self.done = True
                return False
            self.at_step += 1
            self.step_time = now
            verb, *words = self.steps[self.at_step].split()
            self.due = now + (QUICK_S if verb == "<<" else SETTLE_S)
            if verb == "wait":
                self.due = now + int(words[0]) / 1000
            elif verb == "app":
                rest = [self.address, str(self.port)] if words[0] == "connect" else words[1:]
                self.player.tell(" ".join([words[0], str(self.key), *rest]))
            elif verb == "icmp":
                self.icmp(words)
            else:
                self.send(words)
        return True

    def options(self, flags, given):
        opts = b""
        if "S" in flags:
            if "mss" in given:
                opts += struct.pack(">BBH", 2, 4, int(given["mss"]))
            if "sackok" in given:
                opts += b"\4\2"
            if "ws" in given:
                opts += struct.pack(">BBB", 3, 3, int(given["ws"]))
            self.has_ts = "ts" in given
        if self.has_ts and "R" not in flags:
            if given.get("ts", "") not in ("", "none"):
                val = int(given["ts"])
            else:
                self.ts_out += 1
                val = self.ts_out
            if given.get("ts") != "none":
                opts += b"\1\1" + struct.pack(">BBII", 8, 10, val, self.ts_in)
        if "sack" in given:
            blocks = [b.split("-") for b in given["sack"].split(",")]
            opts += b"\1\1" + struct.pack(">BB", 5, 2 + 8 * len(blocks))
            for a, b in blocks:
                opts += struct.pack(">II", (self.isn + int(a)) % 2**32, (self.isn + int(b)) % 2**32)
        opts += bytes.fromhex(given.get("opt", ""))
        return opts + b"\0" * (-len(opts) % 4)

    def send(self, words):
        flags, *rest = words
        given = dict((w.split("=") + [""])[:2] for w in rest)
        length = int(given.get("len", 0))
        seq = int(given["seq"]) if "seq" in given else self.seq
        ack = int(given["ack"]) if "ack" in given else self.peer_seq
        if "seq" not in given:
            self.seq += length + ("S" in flags) + ("F" in flags)
        bits = sum(1 << FLAGS.index(f) for f in flags.replace("-", ""))
        opts = self.options(flags, given)
        head = struct.pack(">HHIIBBHHH", self.port, self.peer_port, (ISN + seq) % 2**32,
                           (self.isn + ack) % 2**32 if "A" in flags else 0,
                           (20 + len(opts)) << 2, bits, int(given.get("win", 65535)), 0, 0)
        self.player.send_tcp(self.address, head + opts + bytes(length))

    def icmp(self, words):
        kind, code, *rest = words
        given = dict(w.split("=") for w in rest)
        quoted = self.last_ip[:28]
        if "seq" in given:
            quoted = quoted[:24] + struct.pack(">I", (self.isn + int(given["seq"])) % 2**32)
        body = struct.pack(">BBHHH", int(kind), int(code), 0, 0, int(given.get("mtu", 0))) + quoted
        body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
        self.player.send_ip(self.address, 1, body)

    def take(self, now, packet, tcp):
        """A segment of the subject."""
        sport, _, seq, ack, off, bits, win = struct.unpack(">HHIIBBH", tcp[:16])
        flags = "".join(f for i, f in enumerate(FLAGS) if bits >> i & 1 and f != "P")
        head = (off >> 4) * 4
        length = len(tcp) - head
        if "S" in flags:
            self.isn, self.peer_port = seq, sport
        self.last_ip = packet
        rel = (seq - self.isn) % 2**32
        words = [flags or "-", f"seq={rel - 2**32 if rel > 2**31 else rel}"]
        if "A" in flags:
            rel_ack = (ack - ISN) % 2**32
            words.append(f"ack={rel_ack - 2**32 if rel_ack > 2**31 else rel_ack}")
        if length:
            words.append(f"len={length}")
        words += self.read_options(tcp[20:head])
        if win == 0 and "R" not in flags:
            words.append("win=0")
        self.note(" ".join(words), now)
        if rel < 2**31 and "R" not in flags:
            self.peer_seq = max(self.peer_seq, rel + length + ("S" in flags) + ("F" in flags))

    def read_options(self, opts):
        words = []
        while opts and opts[0]:
            if opts[0] == 1:
                opts = opts[1:]
                continue
            kind, n = opts[0], opts[1]
            body, opts = opts[2:n], opts[n:]
            if kind == 2:
                words.append(f"mss={struct.unpack('>H', body)[0]}")
            elif kind == 3:
                words.append("ws")
            elif kind == 4:
                words.append("sackok")
            elif kind == 5:
                edges = struct.unpack(f">{len(body) // 4}I", body)
                words.append("sack=" + ",".join(
                    f"{(a - ISN) % 2**32}-{(b - ISN) % 2**32}"
                    for a, b in zip(edges[::2], edges[1::2])))
            elif kind == 8:
                val, ecr = struct.unpack(">II", body)
                self.ts_in = val
                words.append(f"ts ecr={ecr}" if ecr else "ts")
            else:
                words.append(f"option{kind}")
        return words


class Player:
    """`port` is a packet socket or a tap of the link; `agent` the subject's process."""

    def __init__(self, fd, agent):
        self.fd, self.agent = fd, agent
        self.subject = self.subject_mac = None
        self.conns = {}
        os.set_blocking(fd, False)
        os.set_blocking(agent.stdout.fileno(), False)
        self.pending = ""

    def tell(self, line):
        self.agent.stdin.write(line + "\n")
        self.agent.stdin.flush()

    def send_ip(self, address, proto, payload):
        frame = self.subject_mac + MAC + b"\x08\0" + ip_packet(
            socket.inet_aton(address), self.subject, proto, payload)
        os.write(self.fd, frame + bytes(max(0, 60 - len(frame))))

    def send_tcp(self, address, segment):
        pseudo = socket.inet_aton(address) + self.subject + struct.pack(">HH", 6, len(segment))
        total = checksum(pseudo + segment)
        self.send_ip(address, 6, segment[:16] + struct.pack(">H", total) + segment[18:])

    def read_frames(self):
        while True:
            try:
                frame = os.read(self.fd, 65536)
            except OSError as e:
                if e.errno not in (errno.EAGAIN, errno.ENETDOWN):
                    raise
                return
            now = time.monotonic()
            if frame[:6] == MAC or frame[0] & 1:
                self.take(now, frame)

    def take(self, now, frame):
        kind = frame[12:14]
        if kind == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == socket.inet_aton(GATEWAY):
            answer = (frame[6:12] + MAC + frame[12:20] + b"\0\2" + MAC + frame[38:42] +
                      frame[22:32])
            os.write(self.fd, answer + bytes(60 - len(answer)))
        elif kind == b"\x08\0" and frame[23] == 6 and frame[30:33] == NET:
            self.subject_mac, self.subject = frame[6:12], frame[26:30]
            packet = frame[14:14 + struct.unpack(">H", frame[16:18])[0]]
            tcp = packet[(packet[0] & 15) * 4:]
            conn = self.conns.get(struct.unpack(">H", tcp[2:4])[0])
            if conn:
                conn.take(now, packet, tcp)

    def read_agent(self):
        try:
            text = os.read(self.agent.stdout.fileno(), 65536).decode()
        except BlockingIOError:
            return
        *lines, self.pending = (self.pending + text).split("\n")
        now = time.monotonic()
        for line in lines:
            m = re.match(r"(\d+) (.*)", line)
            if m and int(m[1]) in self.by_key:
                self.by_key[int(m[1])].note("app: " + m[2], now)

    def play(self, dialogues):
        """Plays them all side by side; notes by name. The way to the gateway is found before, so
        that no SYN waits for an address."""
        self.play_all({"": ["app connect", "< RA seq=0 ack=1"]}, 0)
        return self.play_all(dialogues, 1)

    def play_all(self, dialogues, first):
        conns = [Conn(self, key, 10000 + key, steps)
                 for key, steps in enumerate(dialogues.values(), first)]
        self.by_key = {c.key: c for c in conns}
        self.conns = {c.port: c for c in conns}
        now = time.monotonic()
        for i, c in enumerate(conns):
            c.due = now + 0.02 * i
        left = list(conns)
        while left:
            self.read_frames()
            self.read_agent()
            now = time.monotonic()
            left = [c for c in left if c.play(now)]
            time.sleep(0.001)
        return {name: c.notes for name, c in zip(dialogues, conns)}
