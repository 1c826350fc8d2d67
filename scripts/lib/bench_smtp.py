"""bench_smtp.py PROGRAM BUILD JSON RUNS ROW: SMTP's figures; see scripts/bench and README.

Each row is a run of `posthaste bench smtp` against `posthaste sink` in a process of its own: over
memif to the sink's own stack, on the other CPU. The rows of CPU time put smtp-source, over loopback
to the sink on kernel sockets, beside ours over net_tap to the same sink and over memif to the sink's
own stack. The median of RUNS runs is told, with the lowest and the highest beside it. Run it inside
scripts/lib/enter: it makes a tap.
"""

import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench_tcp import HugePages

PATIENCE_S = 400
SECONDS = 5
HOSTS = 256
SINK, OURS = "10.9.0.1/16", "10.9.200.1/16"
TAP, TAP_SINK, TAP_OURS = "bench0", "10.26.0.1", "10.26.0.2/24"
SOURCE_MESSAGES = 20000


class Row(NamedTuple):
    row: str            # of the program
    unit: str
    must: float
    aim: float
    more: bool          # is better
    args: tuple = ()    # of the bench
    sink: tuple = ()    # of the sink
    script: str = ""    # the sink's
    metric: str = ""    # of the program, where it is not the row's name
    tap: bool = False   # over net_tap to kernel sockets: memif wakes nobody, and a nap costs more
                        # than what is measured


MANY = ("--conns-max", "1100000", "--buffers", "16384", "--idle", "3600")
SOME = ("--conns-max", "110000", "--buffers", "16384", "--idle", "3600")
METRICS = {
    "message_plain_2k": Row("message_plain_2k", "cycles", 8000, 4400, False),
    "message_plain_2k_w16": Row("message_plain_2k_w16", "cycles", 6500, 4000, False),
    "message_tls13_2k": Row("message_tls13_2k", "cycles", 16000, 10000, False,
                            sink=("--tls", "1.3")),
    "message_plain_100k": Row("message_plain_100k", "cycles", 150000, 90000, False),
    "session_plain": Row("session_plain", "cycles", 25000, 15000, False),
    "session_tls_full_per_second": Row("session_tls_full", "sessions/s", 700, 900, True),
    "session_tls_resumed_per_second": Row("session_tls_resumed", "sessions/s", 3000, 5000, True),
    "sessions_open_plain": Row("sessions_open_plain", "sessions", 200000, 1000000, True,
                               args=("--connections", "1000000"), sink=MANY),
    # with fewer, what does not grow with them weighs more
    "sessions_open_plain_bytes": Row("sessions_open_plain", "bytes", 1024, 1024, False, sink=MANY),
    "sessions_open_tls": Row("sessions_open_tls", "sessions", 20000, 100000, True, sink=SOME),
    "sessions_open_tls_bytes": Row("sessions_open_tls", "bytes", 32768, 32768, False, sink=SOME),
    "sessions_open_tls_resumed_bytes": Row("sessions_open_tls_resumed", "bytes", 20480, 20480,
                                           False, sink=SOME),
    "one_connection_50ms_w1": Row("one_connection", "messages/s", 19, 20, True,
                                  script="connect : lag 50ms\n", metric="one_connection",
                                  tap=True),
    "one_connection_50ms_w16": Row("one_connection", "messages/s", 300, 320, True,
                                   args=("--window", "16"), script="connect : lag 50ms\n",
                                   metric="one_connection", tap=True),
}
# CPU time a message of the whole sending process, by that of smtp-source.
RATIOS = {"cpu_vs_smtp_source_tap": 1.0, "cpu_vs_smtp_source_ring": 0.2}
# CPU time a message of the sink's worker, by that of the client's, in the run message_plain_2k.
SINK_RATIO, SINK_RATIO_MUST = "sink_plain_2k", 1.0
OF_ROW = {"session_tls_full_per_second": "session_tls_full",
          "session_tls_resumed_per_second": "session_tls_resumed"}


def die(why):
    sys.exit(f"bench: {why}")


class Sink:
    """`posthaste sink` while it lasts; on the first CPU, with everything but the worker."""

    def __init__(self, program, *args, script=""):
        self.dir = tempfile.TemporaryDirectory(prefix="posthaste-bench-")
        self.ca = os.path.join(self.dir.name, "ca.pem")
        argv = [program, "sink", "--host", "sink.invalid", "--authority-out", self.ca, *args]
        if script:
            path = Path(self.dir.name) / "script"
            path.write_text(script)
            argv += ["--script", str(path)]
        cpus = sorted(os.sched_getaffinity(0))
        self.err = tempfile.TemporaryFile(mode="w+")
        self.proc = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=self.err, text=True,
                                     preexec_fn=lambda: os.sched_setaffinity(0, cpus[:1]))
        ready = self.proc.stdout.readline().split()
        if ready[:1] != ["ready"]:
            self.err.seek(0)
            die(self.err.read().strip() or "the sink does not start")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
        self.dir.cleanup()

    def stop(self):
        """What it counted, or None when it has ended before or does not end."""
        if self.proc.poll() is not None:
            return None
        self.proc.terminate()
        try:
            return json.loads(self.proc.communicate(timeout=60)[0].splitlines()[-1])
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            return None


def memif(folder, role):
    return f"net_memif0,role={role},socket={folder}/sock,socket-abstract=no,rsize=11"


def bench(program, row, *args):
    """One run of a row: metric -> value."""
    argv = [program, "bench", "smtp", "--row", row, "--seconds", str(SECONDS), *args]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        die(f"{row} did not end within {PATIENCE_S} seconds")
    if done.returncode != 0:
        die(done.stderr.strip().removeprefix("posthaste: bench: ") or done.stdout.strip())
    lines = (json.loads(line) for line in done.stdout.splitlines())
    return {line["metric"]: line["value"] for line in lines}


def over_memif(program, row, args=(), sink=(), script=""):
    with tempfile.TemporaryDirectory(prefix="posthaste-memif-") as folder:
        with Sink(program, "--device", memif(folder, "server"), "--address", SINK, "--hosts",
                  str(HOSTS), *sink, script=script) as s:
            return bench(program, row, "--device", memif(folder, "client"), "--address", OURS,
                         "--to", SINK.split("/")[0], "--hosts", str(HOSTS), "--ca", s.ca, *args)


def over_tap(program, row, args=(), sink=(), script=""):
    """To the sink on kernel sockets, behind a tap whose kernel side has its address."""
    subprocess.run(["ip", "tuntap", "add", "dev", TAP, "mode", "tap", "multi_queue"], check=True)
    try:
        subprocess.run(["ip", "address", "add", f"{TAP_SINK}/24", "dev", TAP], check=True)
        subprocess.run(["ip", "link", "set", TAP, "up"], check=True)
        with Sink(program, "--kernel", "--listen", f"{TAP_SINK}:25", *sink, script=script) as s:
            return bench(program, row, "--device", f"net_tap0,iface={TAP}", "--address", TAP_OURS,
                         "--to", TAP_SINK, "--ca", s.ca, *args)
    finally:
        subprocess.run(["ip", "link", "delete", TAP], check=False)


def say(as_json, metric, values, unit, must, aim, more, note=""):
    value = statistics.median(values)
    if as_json:
        print(json.dumps({"metric": metric, "value": value, "unit": unit}), flush=True)
        return
    good = value >= must if more else value <= must
    reached = value >= aim if more else value <= aim
    print(f"{metric:31} {value:>12,.4g} {unit:12} {min(values):>12,.4g} .. {max(values):<12,.4g}"
          f"must {must:>9,} {'met' if good else 'MISSED':7} aim {aim:>9,} "
          f"{'met' if reached else 'missed':7} {note}", flush=True)


def check_account(metric, got, row):
    """What the worker counts as work is what the kernel charged its thread for."""
    value, cpu = got.get(row), got.get(f"{row}_cpu")
    if cpu is not None and abs(value - cpu) > 0.1 * cpu:
        die(f"{metric}: {value:.0f} by the worker's account, {cpu:.0f} by the thread's CPU time: "
            "more than 10 % apart")


def measure(program, wanted, runs, as_json):
    """All metrics of one kind of run together."""
    first = METRICS[wanted[0]]
    over = over_tap if first.tap else over_memif
    got = [over(program, first.row, first.args, first.sink, first.script) for _ in range(runs)]
    for metric in wanted:
        row = METRICS[metric]
        name = row.metric or OF_ROW.get(metric, metric)
        note = "hugepages" if got[0]["hugepages"] else "ordinary pages"
        left = sum(one.get("slices_left_out", 0) for one in got)
        if left:
            note += f", {left:.0f} of {left + sum(one['slices'] for one in got):.0f} slices left out"
        for one in got:
            check_account(metric, one, name)
        say(as_json, metric, [one[name] for one in got], row.unit, row.must, row.aim, row.more,
            note)


# ---- CPU time beside smtp-source ----

def source_cpu(program, build):
    """Microseconds of CPU a message of smtp-source, over loopback to the sink on kernel sockets."""
    root = Path(build) / "mailroot/root"
    tool = root / "usr/sbin/smtp-source"
    if not tool.exists():
        die(f"{tool} is not there: run scripts/setup")
    env = dict(os.environ, LD_LIBRARY_PATH=f"{root}/usr/lib/postfix:"
                                           f"{root}/usr/lib/x86_64-linux-gnu")
    with Sink(program, "--kernel", "--listen", "127.0.0.1:2525"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([str(tool), "-d", "-s", "100", "-l", "2048", "-m",
                               str(SOURCE_MESSAGES), "127.0.0.1:2525"], env=env, check=False,
                              capture_output=True, text=True, timeout=PATIENCE_S)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        die(f"smtp-source: {done.stderr.strip()}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1e6 * spent / SOURCE_MESSAGES


def ratios(program, build, wanted, runs, as_json):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    source = [source_cpu(program, build) for _ in range(runs)]
    base = statistics.median(source)
    ways = {"cpu_vs_smtp_source_tap": over_tap, "cpu_vs_smtp_source_ring": over_memif}
    for metric in wanted:
        values = [ways[metric](program, "message_plain_2k", ("--connections", "100"))
                  ["process_cpu_per_message"] for _ in range(runs)]
        say(as_json, metric, [v / base for v in values], "ratio", RATIOS[metric], RATIOS[metric],
            False, f"{statistics.median(values):.2f} us by {base:.2f} us a message")


# ---- the sink beside the client ----

def sink_ratio(program):
    """CPU time a message of either worker, connections and all, in cycles: (sink's, client's)."""
    row = METRICS["message_plain_2k"].row
    with tempfile.TemporaryDirectory(prefix="posthaste-memif-") as folder:
        with Sink(program, "--device", memif(folder, "server"), "--address", SINK, "--hosts",
                  str(HOSTS)) as s:
            got = bench(program, row, "--device", memif(folder, "client"), "--address", OURS,
                        "--to", SINK.split("/", maxsplit=1)[0], "--hosts", str(HOSTS), "--ca", s.ca)
            counts = s.stop()
    stack = counts["stack"]
    spent = stack["worker_cpu_us"] * stack["worker_tsc_hz"] / 1e6
    return spent / counts["messages"], got[f"{row}_cpu"]


def sink_beside_client(program, runs, as_json):
    pairs = [sink_ratio(program) for _ in range(runs)]
    ours, theirs = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    say(as_json, SINK_RATIO, [a / b for a, b in pairs], "ratio", SINK_RATIO_MUST, SINK_RATIO_MUST,
        False, f"{ours:.0f} by {theirs:.0f} cycles of CPU time a message")


def main():
    program, build, as_json, runs, only = (sys.argv[1], sys.argv[2], sys.argv[3] == "1",
                                           int(sys.argv[4]), sys.argv[5])
    names = list(METRICS) + [SINK_RATIO] + list(RATIOS)
    chosen = [only] if only in names else [m for m in METRICS if METRICS[m].row == only]
    if only and not chosen:
        die(f"there is no row \"{only}\"; they are: {', '.join(names)}")
    chosen = chosen or names
    kinds = {}
    for metric in (m for m in chosen if m in METRICS):
        row = METRICS[metric]
        kinds.setdefault((row.row, row.args, row.script), []).append(metric)
    with HugePages():
        for wanted in kinds.values():
            # what a row is run with stands at its first metric
            first = next(m for m in METRICS if METRICS[m].row == METRICS[wanted[0]].row and
                         METRICS[m].args == METRICS[wanted[0]].args)
            measure(program, [first] + [m for m in wanted if m != first], runs, as_json)
        if SINK_RATIO in chosen:
            sink_beside_client(program, runs, as_json)
        if [m for m in chosen if m in RATIOS]:
            ratios(program, build, [m for m in chosen if m in RATIOS], runs, as_json)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    for end in (signal.SIGTERM, signal.SIGHUP):  # so that the huge pages are put back
        signal.signal(end, lambda *_: sys.exit(130))
    main()
