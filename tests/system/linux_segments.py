#!/usr/bin/python3
"""The same dialogues are played with Linux and with our engine. Where they answer alike there is
nothing to say; every difference stands in linux_differences.txt with its reason, and what stands
there is seen. A time differs when it is neither within a quarter nor within 80 ms of the other's.

linux_segments.py --table prints what both answered."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import systest
from dialogues import DIALOGUES
from player import GATEWAY, Player
from testnet.badpath import LEFT4, Namespace, OURS4

LIST = Path(__file__).with_name("linux_differences.txt")
TRIES = 3  # a busy machine may be late once
WAITS_MS = 100  # only in waits of so long are times compared


def tap(name):
    import fcntl
    import struct
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))
    return fd


def agent(argv):
    proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    systest.equal(proc.stdout.readline(), "ready\n", f"{argv[0]} starts")
    return proc


def end(proc):
    proc.stdin.close()
    proc.wait(20)


def played_with_linux(dialogues):
    ns = Namespace()
    fd = tap("theirs0")
    try:
        ns.adopt("theirs0", f"{LEFT4}/24")
        ns.run("ip", "route", "add", "default", "via", GATEWAY)
        proc = agent(ns.inside(sys.executable, str(Path(__file__).with_name("linux_agent.py"))))
        notes = Player(fd, proc).play(dialogues)
        end(proc)
    finally:
        ns.end()
        os.close(fd)
    return notes


def played_with_us(dialogues):
    subprocess.run(["ip", "tuntap", "add", "dev", "ours9", "mode", "tap", "multi_queue"],
                   check=True)
    Path("/proc/sys/net/ipv6/conf/ours9/disable_ipv6").write_text("1", encoding="ascii")
    subprocess.run(["ip", "link", "set", "ours9", "up"], check=True)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING
    s.bind(("ours9", 0))
    try:
        proc = agent([systest.built("tests/linux/tcp_agent"), "net_tap0,iface=ours9",
                      f"{OURS4}/24", GATEWAY])
        notes = Player(s.fileno(), proc).play(dialogues)
        end(proc)
    finally:
        s.close()
        subprocess.run(["ip", "link", "delete", "ours9"], check=False)
    return notes


def answers(notes, n_steps):
    """What followed each step: texts, and times in ms. Segments stand before what the user was told,
    and all bytes that he was given in one sum."""
    out = [[] for _ in range(n_steps)]
    for step, text, after in notes:
        if step >= 0:
            out[step].append((text, round(after * 1000)))
    return [[a for a in step if not a[0].startswith("app:")] + told(step) for step in out]


def told(step):
    rest = [a for a in step if a[0].startswith("app:") and not a[0].startswith("app: got")]
    got = sum(int(text.split()[2]) for text, _ in step if text.startswith("app: got"))
    return ([(f"app: got {got}", 0)] if got else []) + rest


def is_timed(step):
    return step.startswith("wait") and int(step.split()[1]) >= WAITS_MS


def alike(step, a, b):
    if [t for t, _ in a] != [t for t, _ in b]:
        return False
    if not is_timed(step):
        return True
    return all(abs(x - y) <= max(80, max(x, y) / 4) for (_, x), (_, y) in zip(a, b))


def spelled(step, answer):
    """A line's text; times, rounded for people, only where they count."""
    return "; ".join(f"{t} @{ms}" if is_timed(step) else t for t, ms in answer) or "nothing"


def differences(theirs, ours, name):
    steps = DIALOGUES[name]
    a, b = (answers(n, len(steps)) for n in (theirs, ours))
    return [(name, f"{i + 1} {step}", a[i], b[i]) for i, step in enumerate(steps)
            if not alike(step, a[i], b[i])]


def listed():
    """The list: blocks of "dialogue: ...", "step: ...", "linux: ...", "ours: ...", "why: ...".
    Times in it are not compared: a difference of times is one however long they were."""
    blocks = {}
    for block in LIST.read_text(encoding="utf-8").split("\n\n"):
        rows = dict(line.split(": ", 1) for line in block.splitlines()
                    if line and not line.startswith("#"))
        if rows:
            systest.equal(sorted(rows), ["dialogue", "linux", "ours", "step", "why"],
                          f"the words of a block of {LIST.name}")
            blocks[rows["dialogue"], rows["step"]] = rows
    return blocks


def untimed(text):
    return "; ".join(part.split(" @")[0] for part in text.split("; "))


def judge(found, known):
    """What is wrong: differences that are not listed, and listed ones that are none."""
    wrong, seen = [], set()
    for name, step, a, b in found:
        row = known.get((name, step))
        a, b = spelled(step.split(" ", 1)[1], a), spelled(step.split(" ", 1)[1], b)
        if row and untimed(row["linux"]) == untimed(a) and untimed(row["ours"]) == untimed(b):
            seen.add((name, step))
        else:
            wrong.append(f"dialogue: {name}\nstep: {step}\nlinux: {a}\nours: {b}\nwhy: ?\n")
    wrong += [f"listed and not seen: {key}" for key in known
              if key not in seen and not any(key == (n, s) for n, s, _, _ in found)]
    return wrong


def what_we_answer_is_what_linux_answers_or_is_explained():
    known = listed()
    wrong, todo = [], dict(DIALOGUES)
    for _ in range(TRIES):
        theirs, ours = played_with_linux(todo), played_with_us(todo)
        wrong = []
        for name in list(todo):
            rest = {k: v for k, v in known.items() if k[0] == name}
            bad = judge(differences(theirs[name], ours[name], name), rest)
            if bad:
                wrong += bad
            else:
                todo.pop(name)
        if not todo:
            break
        time.sleep(1)
    strange = {n for n, _ in known} - set(DIALOGUES)
    systest.check(not strange, f"in the list and in no dialogue: {strange}")
    systest.check(not wrong, "\n" + "\n".join(wrong))
    print(f"{len(DIALOGUES)} dialogues, {len(known)} differences, all explained")


def table():
    theirs, ours = played_with_linux(DIALOGUES), played_with_us(DIALOGUES)
    for name, steps in DIALOGUES.items():
        a, b = (answers(n[name], len(steps)) for n in (theirs, ours))
        print(f"\n{name}")
        for i, step in enumerate(steps):
            same = alike(step, a[i], b[i])
            print(f"  {step}\n      {'both ' if same else 'linux'}: {spelled(step, a[i])}")
            if not same:
                print(f"      ours : {spelled(step, b[i])}")


if __name__ == "__main__":
    systest.main(table if "--table" in sys.argv
                 else what_we_answer_is_what_linux_answers_or_is_explained)
