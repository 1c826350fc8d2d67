#!/usr/bin/python3
"""rude.py --listen ADDR --dir DIR [--habits NAME,...]: a receiver that behaves badly, each
connection in another way, until its list of habits is used up; then it is polite.

HABIT is POINT-fin or POINT-rst: it ends the connection at that point with FIN or RST. POINT is
connect, banner, ehlo, mail, rcpt, data (354 is out), body (in the midst of it), dot (all is read,
no answer), taken (behind the 250). Or `stall`: it takes 4 KB of window and reads nothing for 2 s in
the midst of the body. A message is stored, as smtpd.py does it, before its 250 is said.
"""

import argparse
import os
import socket
import struct
import threading
import time

POINTS = ("connect", "banner", "ehlo", "mail", "rcpt", "data", "body", "dot", "taken")
HABITS = [f"{p}-{how}" for p in POINTS for how in ("fin", "rst")]
STALL_S = 2


class Rude(Exception):
    pass


class Session:
    def __init__(self, conn, habit, number, folder):
        self.conn, self.habit, self.number, self.folder = conn, habit, number, folder
        self.file, self.rcpt = conn.makefile("rb"), b""
        self.stored = 0

    def at(self, point):
        if self.habit in (point + "-fin", point + "-rst"):
            raise Rude

    def say(self, line):
        self.conn.sendall(line + b"\r\n")

    def run(self):
        try:
            self.at("connect")
            self.say(b"220 rude.test ESMTP")
            self.at("banner")
            while self.command(self.file.readline()):
                pass
        except (Rude, OSError):
            pass
        if self.habit.endswith("-rst"):
            self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self.habit:
            self.conn.shutdown(socket.SHUT_WR)
            time.sleep(0.2)  # what still comes must not make a RST of the FIN
            self.conn.setblocking(False)
            try:
                while self.conn.recv(65536):
                    pass
            except OSError:
                pass
        self.file.close()
        self.conn.close()

    def command(self, line):
        verb = line[:4].upper()
        if verb == b"EHLO":
            self.at("ehlo")
            self.say(b"250-rude.test\r\n250-PIPELINING\r\n250 SIZE 104857600")
        elif verb == b"MAIL":
            self.at("mail")
            self.say(b"250 ok")
        elif verb == b"RCPT":
            self.at("rcpt")
            self.rcpt = line[len(b"RCPT TO:"):].strip()
            self.say(b"250 ok")
        elif verb == b"DATA":
            self.say(b"354 go on")
            self.at("data")
            self.body()
            self.say(b"250 taken")
            self.at("taken")
        elif verb == b"QUIT":
            self.say(b"221 bye")
            return False
        elif line:
            self.say(b"250 ok")
        return bool(line)

    def body(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                raise Rude
            if line == b".\r\n":
                break
            lines.append(line)
            if len(lines) == 5:
                self.at("body")
                if self.habit == "stall":
                    time.sleep(STALL_S)
        self.at("dot")
        self.stored += 1
        name = os.path.join(self.folder, f"{self.number}.{self.stored}")
        with open(name + ".part", "wb") as f:
            f.write(b"X-Rcpt-Args: " + self.rcpt + b"\n" + b"".join(lines))
        os.rename(name + ".part", name)


def serve(listen, folder, habits):
    listener = socket.create_server((listen, 25), family=socket.AF_INET6 if ":" in listen
                                    else socket.AF_INET, backlog=1024)
    if "stall" in habits:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    number = 0
    while True:
        conn, _ = listener.accept()
        habit = habits[number] if number < len(habits) else ""
        number += 1
        threading.Thread(target=Session(conn, habit, number, folder).run, daemon=True).start()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--listen", required=True)
    p.add_argument("--dir", required=True)
    p.add_argument("--habits", default="")
    opt = p.parse_args()
    serve(opt.listen, opt.dir, [h for h in opt.habits.split(",") if h])


if __name__ == "__main__":
    main()
