#!/usr/bin/python3
"""pcap_check.py FILE OURS...: judges what the hosts OURS sent in a capture (pcap, Ethernet).

Counts segments, bad IPv4 and TCP checksums, RSTs of either side, and retransmissions with the gap
since the same bytes last left. Prints one line of name=value, and a line for each retransmission.
"""

import ipaddress
import struct
import sys
from dataclasses import dataclass, field

MAGICS = {b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
          b"\xa1\xb2\xc3\xd4": (">", 1e-6), b"\xa1\xb2\x3c\x4d": (">", 1e-9)}
FIN, SYN, RST = 1, 2, 4


@dataclass
class Flow:
    """One direction of a connection: the next sequence number never sent, and when each byte range
    that began at a sequence number last left."""
    nxt: int
    left_at: dict = field(default_factory=dict)


@dataclass
class Result:
    segments: int = 0
    connections: int = 0
    bad_checksums: int = 0
    rst_ours: int = 0
    rst_theirs: list = field(default_factory=list)   # who sent each
    retransmits: list = field(default_factory=list)  # (time, flow, gap in seconds)
    cut: int = 0                                     # frames the capture did not hold whole


def frames(path):
    with open(path, "rb") as f:
        head = f.read(24)
        if head[:4] not in MAGICS:
            raise ValueError(f"{path} is not a pcap file")
        order, unit = MAGICS[head[:4]]
        if struct.unpack(order + "I", head[20:24])[0] != 1:
            raise ValueError(f"{path} is not a capture of Ethernet frames")
        while True:
            rec = f.read(16)
            if len(rec) < 16:
                return
            sec, frac, held, length = struct.unpack(order + "IIII", rec)
            data = f.read(held)
            yield sec + frac * unit, data, held == length


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ip_packet(frame):
    """(source, destination, TCP segment, is the IPv4 header's checksum right) or None."""
    kind, data = struct.unpack_from(">H", frame, 12)[0], frame[14:]
    if kind == 0x0800 and len(data) >= 20:
        hlen, total = (data[0] & 15) * 4, struct.unpack_from(">H", data, 2)[0]
        if data[9] != 6:
            return None
        return data[12:16], data[16:20], data[hlen:total], ones_sum(data[:hlen]) == 0xFFFF
    if kind == 0x86DD and len(data) >= 40:
        total = struct.unpack_from(">H", data, 4)[0]
        if data[6] != 6:
            return None
        return data[8:24], data[24:40], data[40:40 + total], True
    return None


def tcp_sum_ok(src, dst, seg):
    pseudo = src + dst + struct.pack(">II", len(seg), 6)
    return ones_sum(pseudo + seg) == 0xFFFF


def after(a, b):
    """a > b in sequence space (RFC 9293 3.4)."""
    return 0 < (a - b) & 0xFFFFFFFF < 1 << 31


def judge(result, flows, when, key, seg):
    seq = struct.unpack_from(">I", seg, 4)[0]
    flags, hlen = seg[13], (seg[12] >> 4) * 4
    length = len(seg) - hlen + bool(flags & SYN) + bool(flags & FIN)
    if flags & RST or length == 0:
        return
    flow = flows.get(key)
    if flow is None or (flags & SYN and seq not in flow.left_at):
        flows[key] = Flow((seq + length) & 0xFFFFFFFF, {seq: when})
        result.connections += bool(flags & SYN)
        return
    end = (seq + length) & 0xFFFFFFFF
    if after(end, flow.nxt):
        flow.nxt = end
    else:
        gap = when - flow.left_at.get(seq, max(flow.left_at.values()))
        result.retransmits.append((when, key, gap))
    flow.left_at[seq] = when
    if len(flow.left_at) > 512:  # the oldest is long acknowledged
        del flow.left_at[next(iter(flow.left_at))]


def check(path, ours):
    ours = {ipaddress.ip_address(a).packed for a in ours}
    result, flows = Result(), {}
    for when, frame, whole in frames(path):
        packet = ip_packet(frame) if len(frame) >= 14 else None
        if packet is None:
            continue
        src, dst, seg, ip_ok = packet
        if len(seg) < 20 or not whole:
            result.cut += 1
            continue
        rst = bool(seg[13] & RST)
        if src not in ours:
            if rst and dst in ours:
                result.rst_theirs.append(str(ipaddress.ip_address(src)))
            continue
        result.segments += 1
        result.rst_ours += rst
        result.bad_checksums += not (ip_ok and tcp_sum_ok(src, dst, seg))
        judge(result, flows, when, (src, dst, seg[:4]), seg)
    return result


def main():
    if len(sys.argv) < 3 or "--help" in sys.argv:
        print(__doc__)
        sys.exit(2 if len(sys.argv) < 3 else 0)
    r = check(sys.argv[1], sys.argv[2:])
    for when, (src, dst, ports), gap in r.retransmits:
        sport, dport = struct.unpack(">HH", ports)
        print(f"retransmitted at {when:.6f} after {gap * 1000:.1f} ms: "
              f"{ipaddress.ip_address(src)}:{sport} -> {ipaddress.ip_address(dst)}:{dport}")
    print(f"segments={r.segments} connections={r.connections} bad_checksums={r.bad_checksums} "
          f"rst_ours={r.rst_ours} rst_theirs={len(r.rst_theirs)} retransmits={len(r.retransmits)} "
          f"cut={r.cut}")


if __name__ == "__main__":
    main()
