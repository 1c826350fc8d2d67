"""An engine under test: starts `posthaste run`, kills it, starts campaigns, exports states."""

import csv
import json
import os
import subprocess

import systest


class Running:
    def __init__(self, run):
        self.dir, self.conf, self.proc = run, str(run / "conf"), None

    def start(self, preload=None):
        self.proc = systest.start([systest.engine(), "run", "-c", self.conf], preload)
        systest.wait_for(self.answers, 20, "the engine answers on its socket: "
                         + systest.engine_log()[-500:])

    def answers(self):
        systest.check(self.proc.poll() is None,
                      f"the engine ended with {self.proc.returncode}: {systest.engine_log()}")
        return self.ctl("show", "stats").returncode == 0

    def ctl(self, *words):
        return subprocess.run([systest.engine(), "ctl", "-c", self.conf, *words],
                              capture_output=True, text=True, check=False, timeout=30)

    def stats(self):
        """What all workers count, gauges included."""
        done = self.ctl("--json", "show", "stats")
        systest.equal(done.returncode, 0, f"show stats: {done.stderr}")
        return json.loads(done.stdout)

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def stop(self, seconds=15):
        return systest.stop(self.proc, seconds)

    def campaign(self, name, recipients, template, *more):
        done = subprocess.run(
            [systest.engine(), "campaign", "start", "-c", self.conf, "--name", name, "--template",
             str(template), "--recipients", str(recipients), "--class", "transactional", "--from", "news@sender.test",
             *more],
            capture_output=True, text=True, check=False, timeout=60)
        systest.equal(done.returncode, 0, f"campaign start: {done.stderr}{done.stdout}")

    def rows(self, name):
        """Every recipient as the engine exports it, or None while it cannot."""
        path = self.dir / "export.csv"
        if path.exists():
            path.unlink()
        done = self.ctl("campaign", "export", name, str(path))
        if done.returncode != 0 or not path.exists():
            return None
        with open(path, newline="", encoding="utf-8") as f:
            return list(csv.DictReader(f))

    def states(self, name):
        """address -> state, or None."""
        rows = self.rows(name)
        return None if rows is None else {row["address"]: row["state"] for row in rows}

    def is_settled(self, name, total):
        """Every recipient is final."""
        states = self.states(name)
        if states is None:
            return False
        systest.equal(len(states), total, "recipients in the export")
        return not [s for s in states.values() if s in ("pending", "deferred", "held")]


def count_files(folder):
    try:
        return len(os.listdir(folder))
    except FileNotFoundError:
        return 0
