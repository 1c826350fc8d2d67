#!/usr/bin/python3
"""A DNS server for test_mx.c: a fixed zone on a random loopback port, UDP and TCP, that also errs
as servers err. Prints the port, then serves until its standard input ends."""
import socket
import struct
import sys
import threading

A, CNAME, SOA, MX, AAAA = 1, 5, 6, 15, 28
NXDOMAIN, SERVFAIL, REFUSED = 3, 2, 5

ZONE = {
    ("alpha.test", MX): [(300, MX, (20, "mx2.alpha.test")), (300, MX, (5, "mx1.alpha.test"))],
    ("beta.test", MX): [(300, MX, (1, "mx1.alpha.test")), (300, MX, (2, "MX2.Alpha.Test"))],
    ("mx1.alpha.test", A): [(300, A, "192.0.2.1"), (300, A, "192.0.2.2")],
    ("mx1.alpha.test", AAAA): [(300, AAAA, "2001:db8::1")],
    ("mx2.alpha.test", A): [(300, A, "192.0.2.3")],
    ("null.test", MX): [(300, MX, (0, "."))],
    ("mixednull.test", MX): [(300, MX, (0, ".")), (300, MX, (1, "mx2.alpha.test"))],
    ("implicit.test", A): [(300, A, "192.0.2.4")],
    ("cname.test", MX): [(300, CNAME, "alpha.test"), (300, MX, (5, "mx1.alpha.test"), "alpha.test")],
    ("far.test", MX): [(300, CNAME, "alpha.test")],
    ("loop.test", MX): [(300, CNAME, "loop2.test")],
    ("loop2.test", MX): [(300, CNAME, "loop.test")],
    ("mxcname.test", MX): [(300, MX, (5, "alias.test"))],
    ("alias.test", A): [(300, CNAME, "mx1.alpha.test")],
    ("alias.test", AAAA): [(300, CNAME, "mx1.alpha.test")],
    ("deadmx.test", MX): [(300, MX, (5, "gone.nodomain.test")), (300, MX, (6, "empty.test"))],
    ("tempmx.test", MX): [(300, MX, (5, "mx.servfail.test"))],
    ("partmx.test", MX): [(300, MX, (5, "mx.servfail.test")), (300, MX, (6, "mx2.alpha.test"))],
    ("six.test", MX): [(300, MX, (5, "mx.six.test"))],
    ("mx.six.test", AAAA): [(300, AAAA, "2001:db8::6")],
    ("short.test", MX): [(1, MX, (5, "mx2.alpha.test"))],
    ("big.test", MX): [(300, MX, (30 - i, "mx%d.big-name-of-a-host.test" % i)) for i in range(20)],
}
for n in range(20):
    ZONE["mx%d.big-name-of-a-host.test" % n, A] = [(300, A, "192.0.2.%d" % (100 + n))]
for n in range(40):
    ZONE["many%d.test" % n, MX] = [(300, MX, (5, "mx2.alpha.test"))]


def wire_name(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"


def rdata(kind, value):
    if kind == A:
        return socket.inet_aton(value)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == MX:
        return struct.pack("!H", value[0]) + wire_name(value[1])
    return wire_name(value)


def record(owner, kind, ttl, data):
    return wire_name(owner) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def exists(name):
    return name in ("empty.test", "nohosts.test") or any(n == name for n, _ in ZONE)


def answer(query, tcp):
    ident, = struct.unpack_from("!H", query)
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    kind, = struct.unpack_from("!H", query, at + 1)
    name, question = ".".join(labels), query[12:at + 5]
    if name.endswith("silent.test"):
        return None
    rcode = 0 if exists(name) else NXDOMAIN
    rcode = SERVFAIL if name.endswith("servfail.test") else rcode
    rcode = REFUSED if name.endswith("refused.test") else rcode
    if name == "broken.test":
        return struct.pack("!HHHHHH", ident, 0x8180, 1, 1, 0, 0) + question + b"\xc0\xff\0\x0f"
    records = [record(r[3] if len(r) > 3 else name, r[1], r[0], rdata(r[1], r[2]))
               for r in ZONE.get((name, kind), [])]
    flags, authority = 0x8180 | rcode, b""
    if name == "big.test" and not tcp:
        flags, records = flags | 0x0200, []
    elif not records and rcode in (0, NXDOMAIN):
        soa = wire_name("ns.test") + wire_name("root.test") + struct.pack("!IIIII", 1, 2, 3, 4, 60)
        authority = record("test", SOA, 900, soa)
    return (struct.pack("!HHHHHH", ident, flags, 1, len(records), 1 if authority else 0, 0) +
            question + b"".join(records) + authority)


def serve_udp(sock):
    while True:
        query, peer = sock.recvfrom(4096)
        reply = answer(query, False)
        if reply:
            sock.sendto(reply, peer)


def serve_tcp(sock):
    while True:
        conn, _ = sock.accept()
        with conn:
            head = conn.recv(2, socket.MSG_WAITALL)
            while len(head) == 2:
                query = conn.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                reply = answer(query, True)
                conn.sendall(struct.pack("!H", len(reply)) + reply)
                head = conn.recv(2, socket.MSG_WAITALL)


def sockets():
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp.bind(("127.0.0.1", 0))
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            continue
        tcp.listen()
        return udp, tcp


UDP, TCP = sockets()
threading.Thread(target=serve_udp, args=(UDP,), daemon=True).start()
threading.Thread(target=serve_tcp, args=(TCP,), daemon=True).start()
print(UDP.getsockname()[1], flush=True)
sys.stdin.read()
