"""bench_tcp_linux.py BUILD JSON [--runs N] [--mbytes N] [--only NAME]: our engine beside Linux.

goodput_vs_linux  our goodput divided by Linux's, median of 9 pairs: each alone on a path with 1 %
                  random loss and 50 ms round trip, 20 MB, CUBIC and IW10 on both. Both of a pair
                  have the relay's seed in common: the same ordinals are lost.
fair_share        what 4 connections of ours get beside 4 of Linux on one bottleneck of 50 Mbit/s,
                  40 ms round trip, a drop-tail queue of one bandwidth-delay product: share of what
                  arrived in 25 s after the first 5. Median of 5.

A share of frames that left the relay late is printed too: where it had no CPU nothing was measured,
and the exit status is 1. Run inside scripts/lib/enter.
"""

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from testnet.badpath import BadPath, LEFT4, OURS4

LOSSY = "delay_us=25000,loss=0.01"
RATE, RTT_US = 50_000_000, 40_000
BOTTLENECK = f"delay_us={RTT_US // 2},rate_bps={RATE},queue_bytes={RATE // 8 * RTT_US // 1000000}"
AT_ONCE = 6  # paths side by side: 300 packets a second each
LATE_US_MAX = 5000  # 99 of 100 frames left the relay within it
WARM_S, SHARE_S = 5, 25
BUFFER = 4 << 20  # more than any window here: the path is the limit


class Relay:
    """How late the worst of the relays was."""
    late_us = 0

    @classmethod
    def note(cls, counts):
        cls.late_us = max(cls.late_us, counts["late_us_p99"])
        if counts["no_room"] or counts["ring_drops"]:
            sys.exit(f"bench: the relay lost what it was not to lose: {counts}")
        return counts


def goodputs(build, size, todo):
    """Bytes a second from the first SYN's acceptance to the last byte, by (who, seed) of `todo`."""
    with ExitStack() as stack:
        running = []
        for n, (who, seed) in enumerate(todo):
            path = stack.enter_context(BadPath(build, n, seed, LOSSY, "delay_us=25000"))
            listener = path.listen(seed=seed)
            words = {"seed": seed, "send": size, "patience": 600}
            sender = (path.ours(tx_bytes=BUFFER, **words) if who == "ours"
                      else path.linux(cc="cubic", **words))
            running.append((who, seed, path, listener, sender))
        result = {}
        for who, seed, path, listener, sender in running:
            sent, got = sender.result(620), listener.stop()
            Relay.note(path.relay.stop())
            if sent["failed"] or got["wrong"] or got["received_hash"] != sent["sent_hash"]:
                sys.exit(f"bench: {who}, seed {seed}: {sent} {got}")
            result[who, seed] = got["received_bytes"] * 1e6 / got["took_us"]
        return result


def goodput_vs_linux(build, runs, mbytes):
    todo = [(who, seed) for seed in range(1, runs + 1) for who in ("ours", "linux")]
    got = {}
    for i in range(0, len(todo), AT_ONCE):
        got.update(goodputs(build, mbytes * 1000000, todo[i:i + AT_ONCE]))
    ratios = [got["ours", seed] / got["linux", seed] for seed in range(1, runs + 1)]
    beside = {f"{who}_mbit": round(statistics.median(
        v for (w, _), v in got.items() if w == who) * 8 / 1e6, 3) for who in ("ours", "linux")}
    return ratios, beside


def share(build, seed):
    """Our part of what arrived while both were under way."""
    with BadPath(build, 0, seed, BOTTLENECK, f"delay_us={RTT_US // 2}") as path:
        listener = path.listen(seed=seed, tick_ms=100)
        words = {"seed": seed, "conns": 4, "seconds": WARM_S + SHARE_S + 2, "patience": 60}
        senders = [path.linux(cc="cubic", **words), path.ours(tx_bytes=BUFFER, **words)]
        if seed % 2 == 0:
            senders.reverse()
        for sender in senders:
            sender.result(90)
        got, counts = listener.stop(), Relay.note(path.relay.stop())
        if not counts["up"]["queue_full"]:
            sys.exit(f"bench: the bottleneck was none: {counts}")
    ticks = {who: got["ticks"][f"::ffff:{addr}"] for who, addr in
             (("ours", OURS4), ("linux", LEFT4))}
    begin, end = WARM_S * 10, (WARM_S + SHARE_S) * 10
    if len(ticks["ours"]) <= end:
        sys.exit("bench: the share was measured for too short a time")
    part = {who: t[end] - t[begin] for who, t in ticks.items()}
    return part["ours"] / sum(part.values()), sum(part.values()) * 8 / SHARE_S / RATE


def fair_share(build, runs, _mbytes):
    got = [share(build, seed) for seed in range(1, runs + 1)]
    return [g[0] for g in got], {"bottleneck_used": round(statistics.median(g[1] for g in got), 3)}


ROWS = {"goodput_vs_linux": (goodput_vs_linux, 9), "fair_share": (fair_share, 5)}
FEW = 5  # what scripts/bench says when it was not told how often; less was asked for, more is ours


def measure(_program, build, row, runs, as_json):
    """One row, in namespaces of its own; ends the program when there was no measurement."""
    here = Path(__file__).resolve()
    runs = runs if runs < FEW else max(runs, ROWS[row][1])
    done = subprocess.run([str(here.with_name("enter")), sys.executable, str(here), build,
                           str(int(as_json)), "--only", row, "--runs", str(runs)], check=False,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {row}: " + done.stderr.strip().rsplit("\n", maxsplit=1)[-1])


def say(as_json, metric, values, beside):
    row = {"metric": metric, "value": round(statistics.median(values), 3), "unit": "ratio",
           "least": round(min(values), 3), "most": round(max(values), 3), "runs": len(values),
           **beside, "relay_late_us_p99": Relay.late_us}
    if as_json:
        print(json.dumps(row), flush=True)
    else:
        rest = ", ".join(f"{k} {v}" for k, v in beside.items())
        print(f"{metric:32} {row['value']:>12.3f} ratio ({row['least']} to {row['most']} in "
              f"{len(values)} runs; {rest}; relay late by {Relay.late_us} us at p99)", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("build")
    p.add_argument("json", choices=["0", "1"])
    p.add_argument("--runs", type=int, default=0)
    p.add_argument("--mbytes", type=int, default=20)
    p.add_argument("--only", choices=sorted(ROWS))
    opt = p.parse_args()
    late = False
    for metric, (rounds, runs) in ROWS.items():
        if opt.only in (None, metric):
            Relay.late_us = 0
            values, beside = rounds(opt.build, opt.runs or runs, opt.mbytes)
            say(opt.json == "1", metric, values, beside)
            late = late or Relay.late_us > LATE_US_MAX
    if late:
        sys.exit("bench: the relay had too little CPU: these are no measurements")


if __name__ == "__main__":
    main()
