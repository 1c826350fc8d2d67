#!/usr/bin/python3
"""linux_agent.py: kernel sockets do what they are told on standard input and tell what they
were told; the language is that of tests/linux/tcp_agent.c, whose comparison this is."""

import errno
import os
import select
import socket
import struct

SOCKETS = {}  # by key
KEYS = {}  # by descriptor
POLL = select.epoll()


def say(key, *words):
    print(key, *words, flush=True)


def connect(key, remote, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    s.setblocking(False)
    s.connect_ex((remote, int(port)))
    SOCKETS[key], KEYS[s.fileno()] = s, key
    POLL.register(s, select.EPOLLIN | select.EPOLLOUT)


def forget(key, *words):
    s = SOCKETS.pop(key)
    del KEYS[s.fileno()]
    s.close()
    say(key, *words)


def obey(verb, key, *rest):
    s = SOCKETS.get(key)
    try:
        if verb == "connect":
            connect(key, *rest)
        elif s is None:
            pass  # it is over already, which was told
        elif verb == "send":
            s.sendall(bytes(int(rest[0])))
        elif verb == "shut":
            s.shutdown(socket.SHUT_WR)
        elif verb == "abort":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            forget(key, "error", "ECONNABORTED")  # as our engine says
    except OSError as e:
        forget(key, "error", errno.errorcode[e.errno])


def serve(key, events):
    s = SOCKETS[key]
    code = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        forget(key, "error", errno.errorcode[code])
        return
    if events & select.EPOLLOUT:
        say(key, "opened")
        POLL.modify(s, select.EPOLLIN)
    if events & select.EPOLLIN:
        try:
            data = s.recv(65536)
        except BlockingIOError:
            return
        except OSError as e:
            forget(key, "error", errno.errorcode[e.errno])
            return
        say(key, *(("got", len(data)) if data else ("fin",)))
        if not data:
            POLL.modify(s, 0)  # errors are told all the same
    elif events & select.EPOLLHUP:
        POLL.unregister(s)  # both have closed


def main():
    pending = b""
    os.set_blocking(0, False)
    POLL.register(0, select.EPOLLIN)
    print("ready", flush=True)
    while True:
        for fd, events in POLL.poll():
            if fd != 0:
                serve(KEYS[fd], events)
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                obey(*line.decode().split())


main()
