"""bench_smoke.py PROGRAM BUILD MESSAGES JSON: a campaign over a tap to smtp-sink; see scripts/bench."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from testnet import conf, domains, recipients, rundir
from testnet.internet import Internet

TEMPLATE = Path(__file__).resolve().parent.parent / "quickstart.d" / "welcome"
# smtp-sink without dump files: the receivers must not be what is measured.
SINKS = [domains.Domain(f"sink{i}.test", 250, "delivered", domains.mx(f"10.25.2.{i}"),
                        [domains.Receiver(f"sink{i}", "blackhole", f"10.25.2.{i}")])
         for i in range(1, 5)]


class Engine:
    def __init__(self, program, run):
        self.program, self.conf = program, str(run / "posthaste.conf")
        env = dict(os.environ, RUNTIME_DIRECTORY=str(run / "state"))
        self.log = open(run / "engine.log", "ab")
        self.proc = subprocess.Popen([program, "run", "-c", self.conf], stdout=self.log,
                                     stderr=self.log, env=env)

    def ctl(self, *words):
        """The answer as JSON, or None when no engine answers yet."""
        done = subprocess.run([self.program, "ctl", "-c", self.conf, "--json", *words],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            if self.proc.poll() is not None:
                sys.exit(f"bench: the engine ended with status {self.proc.returncode}; "
                         f"see {self.log.name}")
            return None
        return json.loads(done.stdout)

    def wait_ready(self):
        end = time.monotonic() + 20
        while self.ctl("show", "stats") is None:
            if time.monotonic() > end:
                sys.exit(f"bench: the engine does not answer; see {self.log.name}")
            time.sleep(0.05)

    def counter(self, name):
        return self.ctl("show", "stats")[name]

    def worker(self):
        """The worker's own account, and the time it was read at."""
        stats = self.ctl("show", "stats")
        return Account(time.monotonic(), stats["worker_busy_cycles"] / stats["worker_tsc_hz"],
                       stats["worker_idle_cycles"] / stats["worker_tsc_hz"],
                       stats["worker_cpu_us"] / 1e6)


    def control_us(self):
        """CPU time of the control thread, the process's first."""
        pid = self.proc.pid
        return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1000


class Account(NamedTuple):
    """Seconds of a worker: by the clock, at work and in empty turns by its TSC, and by the CPU
    time of its thread."""
    wall: float
    busy: float
    idle: float
    cpu: float

    def since(self, before):
        return Account(*(b - a for a, b in zip(before, self)))

    def is_saturated(self):
        """It hardly slept and hardly turned in vain: what it did was work."""
        return self.cpu >= 0.9 * self.wall and self.idle <= 0.05 * self.wall

    def why_wrong(self):
        """What it counts as work must be what the kernel charged it for; None: it is, or it was
        not saturated: then sleeping costs CPU time too, and a CPU lent to the receivers in the
        middle of a turn is work by the TSC alone."""
        if not self.is_saturated() or abs(self.busy - self.cpu) <= 0.1 * self.cpu:
            return None
        return (f"the worker counts {self.busy:.2f} s of work, its thread had "
                f"{self.cpu:.2f} s of CPU: more than 10 % apart at saturation")


def campaign(engine, run, total):
    """Starts the campaign and waits for its end; seconds from the first MAIL to the last reply."""
    done = subprocess.run(
        [engine.program, "campaign", "start", "-c", engine.conf, "--name", "bench", "--template",
         str(TEMPLATE), "--recipients", str(run / "list.csv"), "--from", "news@sender.test",
         "--class", "transactional"],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {done.stderr.strip() or done.stdout.strip()}")
    began, last = None, 0
    while True:
        now, sent = time.monotonic(), engine.counter("smtp_delivered")
        if sent and began is None:
            began = now
        if sent >= total:
            return now - began
        if sent != last:
            moved, last = now, sent
        elif began is not None and now - moved > 30:
            sys.exit(f"bench: stuck at {sent} of {total}; see {engine.log.name}")
        time.sleep(0.1)


def say(as_json, metric, value, unit):
    if as_json:
        print(json.dumps({"metric": metric, "value": value, "unit": unit}))
    else:
        print(f"{metric:32} {value:>12,} {unit}")


def main():
    program, build, total, as_json = (sys.argv[1], sys.argv[2], int(sys.argv[3]),
                                      sys.argv[4] == "1")
    run = rundir.make(build, "bench")
    (run / "state").mkdir(mode=0o700)
    (run / "mail").mkdir()
    recipients.write(run / "list.csv", total, SINKS, bad=False)
    conf.write(run / "posthaste.conf", run / "state", rate=1000000, per_connection=100000)
    with Internet(build, run / "mail", SINKS):
        engine = Engine(program, run)
        engine.wait_ready()
        before, control = engine.worker(), engine.control_us()
        seconds = campaign(engine, run, total)
        control = engine.control_us() - control
        spent = engine.worker().since(before)
        messages, hz = engine.counter("smtp_messages"), engine.counter("worker_tsc_hz")
        engine.proc.terminate()
        engine.proc.wait(30)
    say(as_json, "smoke_messages_per_second", round(total / seconds), "messages/s")
    say(as_json, "smoke_worker_cycles_per_message", round(spent.busy * hz / messages), "cycles")
    say(as_json, "smoke_worker_cpu_cycles_per_message", round(spent.cpu * hz / messages), "cycles")
    say(as_json, "smoke_control_cpu_per_message", round(control / total, 1), "us")
    say(as_json, "smoke_worker_busy", round(100 * spent.busy / spent.wall), "%")
    say(as_json, "smoke_worker_idle_turns", round(100 * spent.idle / spent.wall), "%")
    say(as_json, "smoke_worker_cpu", round(100 * spent.cpu / spent.wall), "%")
    say(as_json, "smoke_messages", total, "messages")
    why = spent.why_wrong()
    if why:
        sys.exit(f"bench: {why}")


if __name__ == "__main__":
    main()
