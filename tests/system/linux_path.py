#!/usr/bin/python3
"""Our engine and Linux exchange data over bad paths: delay, loss, bursts, reordering, copies and
corruption by the relay, and packets that nftables drops. What each end hashed is what the other
sent; no connection fails, no buffer is left, and the path was as bad as it was meant to be."""

from contextlib import ExitStack

import systest
from testnet.badpath import BadPath

BAD = ("loss=0.01,burst_in=0.001,burst_out=0.3,reorder=0.02,reorder_us=4000,duplicate=0.01,"
       "corrupt=0.01,")
MB = 1000000
# Family, what we send and ask for on each connection, the path, other options of our engine.
EXCHANGES = [
    ("bulk out", 4, 8 * MB, 0, BAD, "", {}),
    ("bulk in", 4, 0, 8 * MB, "", BAD, {}),
    ("both at once, 8 connections", 4, MB, MB, BAD, BAD, {"conns": 8}),
    ("both at once, IPv6", 6, 2 * MB, 2 * MB, BAD, BAD, {"conns": 2}),
    ("NewReno, a small window of ours", 4, 2 * MB, MB, BAD, BAD, {"cc": 1, "window": 8192}),
    ("a small MTU", 4, MB, MB, BAD, BAD, {"mtu": 576, "conns": 2}),
]


def check_exchange(name, ours, theirs, path, bad=()):
    """What must be true of any exchange; `bad`: the directions that the relay must have spoilt."""
    text = f"{name}: ours {ours}, theirs {theirs}, relay {path}"
    for end in (ours, theirs):
        systest.check(end["failed"] == 0 and end["wrong"] == 0, text)
    systest.check(ours["opened"] == ours["closed"] == ours["conns"] == theirs["conns"], text)
    systest.check(theirs["left_open"] == 0, text)
    systest.equal(ours["sent_hash"], theirs["received_hash"], f"{name}: hash of what we sent")
    systest.equal(theirs["sent_hash"], ours["received_hash"], f"{name}: hash of what we got")
    systest.equal(ours["sent_bytes"], theirs["received_bytes"], f"{name}: bytes that we sent")
    systest.equal(ours["buffers_left"], 0, f"{name}: buffers left")
    for direction in bad:
        done = path[direction]
        missing = [k for k in ("lost", "duplicated", "corrupted", "reordered") if not done[k]]
        systest.check(not missing, f"{name}: {direction} did nothing of {missing}: {done}")


def whatever_the_path_does_every_byte_arrives_once():
    with ExitStack() as stack:
        running = []
        for n, (name, family, send, receive, up, down, words) in enumerate(EXCHANGES):
            path = stack.enter_context(BadPath(systest.BUILD, n, 100 + n, up + "delay_us=5000",
                                               down + "delay_us=5000"))
            listener = path.listen(seed=n)
            ours = path.ours(family, seed=n, send=send, receive=receive, **words)
            running.append((name, path, listener, ours, [
                d for d, spec, bulk in (("up", up, send), ("down", down, receive))
                if spec and bulk]))
        for name, path, listener, ours, bad in running:
            check_exchange(name, ours.result(60), listener.stop(), path.relay.stop(), bad)


RULES = """table inet bad {
  chain input { type filter hook input priority 0; tcp dport 7000 numgen random mod 50 0 drop; }
  chain output { type filter hook output priority 0; tcp sport 7000 numgen random mod 50 0 drop; }
}"""


def what_nftables_drops_is_sent_again():
    with BadPath(systest.BUILD, 0, 1, "delay_us=2000", "delay_us=2000") as path:
        path.right.run("nft", RULES)
        listener = path.listen(seed=9)
        ours = path.ours(seed=9, send=2 * MB, receive=2 * MB, conns=4).result(60)
        check_exchange("nftables", ours, listener.stop(), path.relay.stop())
        systest.check(ours["counters"]["tcp_retransmits"] > 20, f"packets were dropped: {ours}")


def a_receiver_that_reads_slowly_gets_everything():
    """Its window closes again and again: zero-window probes and window updates."""
    with BadPath(systest.BUILD, 0, 1, "delay_us=1000", "delay_us=1000") as path:
        path.right.sysctl("net/ipv4/tcp_rmem", "4096 16384 16384")
        listener = path.listen(seed=9, read_bps=8 * MB)
        ours = path.ours(seed=9, send=4 * MB).result(60)
        check_exchange("slow reader", ours, listener.stop(), path.relay.stop())


if __name__ == "__main__":
    systest.main(whatever_the_path_does_every_byte_arrives_once, what_nftables_drops_is_sent_again,
                 a_receiver_that_reads_slowly_gets_everything)
