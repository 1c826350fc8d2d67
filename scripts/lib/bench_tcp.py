"""bench_tcp.py PROGRAM BUILD JSON RUNS ROW: the TCP layer's figures; see scripts/bench and README.

Each row is a run of `posthaste bench tcp` of its own, so that no run meets what another left in
memory. The median of RUNS runs is told, with the lowest and the highest beside it.
"""

import json
import os
import signal
import statistics
import subprocess
import sys

HUGE = "/proc/sys/vm/nr_hugepages"
PATIENCE_S = 300
HUGE_PAGES = 64  # 128 MB: the buffers of a run

# metric -> (row of the program, unit, must, aim, more is better); None: it is told, not judged
METRICS = {
    "segment_floor": ("segment_floor", "cycles", None, None, False),
    "segment_rx_hot": ("segment_rx_hot", "cycles", 200, 120, False),
    "segment_rx_1m": ("segment_rx_1m", "cycles", 350, 250, False),
    "segment_tx": ("segment_tx", "cycles", 390, 250, False),
    "connect_close": ("connect_close", "cycles", 2500, 1500, False),
    "bytes_per_connection": ("memory", "bytes", 320, 272, False),
    "timewait_bytes": ("memory", "bytes", 48, 32, False),
    "connections_open": ("connections_open", "connections", 1000000, 2000000, True),
}


def run(program, row):
    """One run of a row: metric -> value."""
    try:
        done = subprocess.run([program, "bench", "tcp", "--row", row], capture_output=True,
                              text=True, check=False, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        sys.exit(f"bench: {row} did not end within {PATIENCE_S} seconds")
    if done.returncode != 0:
        sys.exit(f"bench: {done.stderr.strip() or done.stdout.strip()}")
    lines = (json.loads(line) for line in done.stdout.splitlines())
    return {line["metric"]: line["value"] for line in lines}


class HugePages:
    """Enough of them while it lasts, when we may; as it was afterwards."""

    def __enter__(self):
        self.was = None
        try:
            with open(HUGE, encoding="ascii") as f:
                was = int(f.read())
            if was < HUGE_PAGES:
                with open(HUGE, "w", encoding="ascii") as f:
                    f.write(str(HUGE_PAGES))
                self.was = was
        except (OSError, ValueError):
            pass  # not root, or none here: ordinary pages, and the result says so
        return self

    def __exit__(self, *what):
        if self.was is not None:
            with open(HUGE, "w", encoding="ascii") as f:
                f.write(str(self.was))


def say(as_json, metric, values, pages):
    _, unit, must, aim, more = METRICS[metric]
    value = statistics.median(values)
    if as_json:
        print(json.dumps({"metric": metric, "value": value, "unit": unit}), flush=True)
        return
    if must is None:
        print(f"{metric:22} {value:>12,.0f} {unit:12} {min(values):>12,.0f} .. {max(values):<12,.0f}"
              f"{'':38} {pages}", flush=True)
        return
    good = value >= must if more else value <= must
    reached = value >= aim if more else value <= aim
    print(f"{metric:22} {value:>12,.0f} {unit:12} {min(values):>12,.0f} .. {max(values):<12,.0f}"
          f"must {must:>9,} {'met' if good else 'MISSED':7} aim {aim:>9,} "
          f"{'met' if reached else 'missed':7} {pages}", flush=True)


def check_account(metric, got):
    """What the worker counts as work is what the kernel charged its thread for."""
    cpu = got.get(f"{metric}_cpu")
    if cpu is not None and got[metric] > 1.1 * cpu:
        sys.exit(f"bench: {metric}: {got[metric]:.0f} cycles of work, {cpu:.0f} of CPU time: more "
                 "than 10 % apart")


def measure(program, row, runs, as_json):
    metrics = [m for m in METRICS if METRICS[m][0] == row]
    got = [run(program, row) for _ in range(1 if row == "memory" else runs)]
    for metric in metrics:
        for one in got:
            check_account(metric, one)
        pages = "hugepages" if got[0]["hugepages"] else "ordinary pages"
        say(as_json, metric, [one[metric] for one in got], "" if row == "memory" else pages)


def main():
    program, build, as_json, runs, only = (sys.argv[1], sys.argv[2], sys.argv[3] == "1",
                                           int(sys.argv[4]), sys.argv[5])
    rows = list(dict.fromkeys(m[0] for m in METRICS.values()))
    try:
        import bench_tcp_linux as linux
    except ImportError:
        linux = None
    others = list(linux.ROWS) if linux else []
    if only and only not in rows + others + list(METRICS):
        sys.exit(f"bench: there is no row \"{only}\"; they are: {', '.join(rows + others)}")
    with HugePages():
        for row in rows:
            if not only or only == row or METRICS.get(only, ("",))[0] == row:
                measure(program, row, runs, as_json)
    for row in others:
        if not only or only == row:
            linux.measure(program, build, row, runs, as_json)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    for end in (signal.SIGTERM, signal.SIGHUP):  # so that the huge pages are put back
        signal.signal(end, lambda *_: sys.exit(130))
    main()
