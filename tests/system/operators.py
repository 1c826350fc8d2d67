#!/usr/bin/python3
"""What operators do to a running engine: every command in text and JSON, every option of a campaign,
a reload while it sends."""

import csv
import json
import os
import signal
import stat
import subprocess
import time

import systest
from receiver import Receiver, domain
from running import Running
from testnet import conf
from testnet.internet import Internet

HOST, ADDR = "ops.test", "10.25.2.1"


class Ops(Running):
    """An engine and its operator at the command line."""

    def __init__(self, run, receiver):
        super().__init__(run)
        self.receiver, self.socket = receiver, str(run / "state/posthaste.sock")
        conf.write(self.conf, run / "state", rate=1000, connections=8)
        (run / "state").mkdir(mode=0o700)
        self.template = run / "template"
        self.template.mkdir()
        (self.template / "message.liquid").write_text("Subject: to {{ name }}\n")
        (self.template / "body.text.liquid").write_text("Dear {{ name }} of {{ city }},\n")

    def say(self, *words):
        return subprocess.run([systest.engine(), *words], capture_output=True, text=True,
                              check=False, timeout=30, stdin=subprocess.DEVNULL)

    def good(self, *words):
        done = self.say(*words)
        systest.check(done.returncode == 0 and not done.stderr,
                      f"{words}: exit status {done.returncode}, {done.stderr!r}")
        return done.stdout

    def refused(self, words, *says, status=1):
        done = self.say(*words)
        systest.equal(done.returncode, status, f"{words}: exit status ({done.stderr!r})")
        systest.equal(done.stderr.count("\n"), 1, f"{words}: lines of {done.stderr!r}")
        for what in says:
            systest.check(what in done.stderr, f"{words} says {what!r}: {done.stderr!r}")

    def json(self, *words):
        return json.loads(self.good("ctl", "-s", self.socket, "--json", *words))

    def list(self, name, text):
        (self.dir / name).write_text(text)
        return str(self.dir / name)

    def start_words(self, name, rows, *more):
        return ("campaign", "start", "-c", self.conf, "--name", name, "--template", str(self.template),
                "--recipients", rows, "--class", "transactional", "--from", "news@sender.test", *more)

    def envelopes(self):
        """(MAIL, RCPT) of each message the receiver holds."""
        out = []
        for name in os.listdir(self.receiver.folder):
            with open(os.path.join(self.receiver.folder, name), "rb") as f:
                head = dict(line.rstrip(b"\n").split(b": ", 1) for line in f.readlines()[:4])
            out.append((head[b"X-Mail-Args"].decode().split()[0], head[b"X-Rcpt-Args"].decode()))
        return out

    def forget(self):
        for name in os.listdir(self.receiver.folder):
            os.unlink(os.path.join(self.receiver.folder, name))

    def settled(self, name):
        systest.wait_for(lambda: self.json("show", "campaign", name)["status"] == "done", 20,
                         f"campaign {name} is done")

    def set(self, old, new):
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        systest.check(old in text, f"the configuration has {old!r}")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))

    def option(self, name):
        return self.json("show", "config")[name]["value"]


def rows(n, host=HOST):
    return "email,name,city,points\n" + "".join(f"r{i:05d}@{host},Ann,Oslo,1\n" for i in range(n))


def without_an_engine_every_client_says_so(ops):
    path = ops.list("list.csv", rows(10))
    for words in (("ctl", "-c", ops.conf, "show", "stats"), ops.start_words("x", path),
                  ("campaign", "status", "-c", ops.conf),
                  ("campaign", "status", "-c", ops.conf, "--watch"),
                  ("campaign", "export", "-c", ops.conf, "x", str(ops.dir / "x.csv"))):
        ops.refused(words, "no engine is running at", "posthaste run -c FILE")
    systest.check(not (ops.dir / "x.csv").exists(), "nothing is written")


def the_socket_is_its_owners_alone(ops):
    mode = os.stat(ops.dir / "state/posthaste.sock").st_mode
    systest.check(stat.S_ISSOCK(mode), "it is a socket")
    systest.equal(oct(mode & 0o777), "0o600", "mode of the socket")


def a_second_engine_is_refused(ops):
    ops.refused(("run", "-c", ops.conf), "state_dir", "in use by another engine", "process")
    systest.check(ops.answers(), "the first one goes on")


def every_command_answers_in_text_and_json(ops):
    commands = [c["command"] for c in ops.json("help")]
    systest.check("show stats" in commands and "reload" in commands, f"help lists: {commands}")
    for command in commands:
        if not command.startswith(("show", "help")) or "<" in command:
            continue
        text = ops.good("ctl", "-c", ops.conf, *command.split())
        systest.check(text.endswith("\n") or command == "show campaigns",
                      f"{command}: {text[-80:]!r}")
        ops.json(*command.split())
    ops.refused(("ctl", "-c", ops.conf, "show", "stast"), "did you mean", "show stats")
    ops.refused(("ctl", "-c", ops.conf, "show", "campaign", "none"), 'no campaign "none"')
    ops.refused(("ctl", "-c", ops.conf, "host", "forget", "192.0.2.1"), "nothing is known of 192.0.2.1")
    ops.refused(("ctl", "-c", ops.conf, "campaign", "start", "name=x"), "template= is missing")
    ops.refused(("campaign", "status", "-c", ops.conf, "none"), 'no campaign "none"')


def a_dry_run_tells_and_keeps_nothing(ops):
    path = ops.list("dry.csv", rows(20) + "nobody,x,y,z\n")
    out = ops.good(*ops.start_words("dry", path, "--dry-run"))
    for what in ("rows=21", "recipients=20", "rejected=1", "composed=20", "failed=0"):
        systest.check(what in out, f"{what}: {out!r}")
    systest.equal(ops.json("show", "campaigns"), [], "campaigns")
    systest.equal(os.listdir(ops.dir / "state/campaigns"), [], "folders of campaigns")
    systest.check(not (ops.dir / "dry.rejected.csv").exists(), "no list of rejected rows")
    systest.equal(len(ops.envelopes()), 0, "messages sent")


def a_test_goes_to_one_address_and_is_limited(ops):
    path = ops.list("list.csv", rows(50, "nowhere.test"))
    ops.good(*ops.start_words("test", path, "--to-test", f"me@{HOST}", "--limit", "5"))
    ops.settled("test")
    systest.equal([r for _m, r in ops.envelopes()], [f"<me@{HOST}>"] * 5, "recipients")
    ops.forget()


def options_of_a_campaign_are_kept(ops):
    path = ops.list("mail.csv", "name,mail,city,points\n"
                    f"Ann,ann@{HOST},Oslo,1\nBad,nobody,Oslo,1\nBo,bo@{HOST},Bern,2\n")
    bad = ops.dir / "bad rows.csv"
    ops.refused(ops.start_words("kept", path), "mail.csv:1: no column named", "--address-column")
    ops.refused(ops.start_words("kept", path, "--address-column", "mail", "--tls-min", "some"),
                "none, opportunistic, encrypt or verify", "--tls-min")
    ops.refused(ops.start_words("kept", path, "--address-column", "mail", "--dsn-notify",
                                "never,failure"), "none, never, or some of success,failure,delay")
    ops.refused(ops.start_words("kept", path, "--address-column", "mail", "--dsn-ret", "all"),
                "none, full or hdrs", "--dsn-ret")
    ops.refused(ops.start_words("kept", path, "--address-column", "mail", "--pool", "big"),
                'pool "big"', "default")
    out = ops.good(*ops.start_words("kept", path, "--address-column", "mail", "--return-path",
                                    "bounces@sender.test", "--pool", "default", "--tls-min", "none",
                                    "--dsn-notify", "failure,delay", "--dsn-ret", "hdrs",
                                    "--rejected", str(bad)))
    systest.check("rows=3 recipients=2 rejected=1 duplicates=0" in out, f"the counts: {out!r}")
    ops.settled("kept")
    systest.equal(sorted(ops.envelopes()), [("<bounces@sender.test>", f"<ann@{HOST}>"),
                                            ("<bounces@sender.test>", f"<bo@{HOST}>")],
                  "envelopes")
    systest.check("nobody" in bad.read_text(), "the bad row is listed where it was asked for")
    ops.refused(ops.start_words("kept", path), '"kept" exists (done, 2 recipients)')
    ops.forget()


def status_and_export_tell_where_everyone_stands(ops):
    out = ops.good("campaign", "status", "-c", ops.conf)
    systest.check("kept" in out and "test" in out, f"all campaigns: {out!r}")
    one = json.loads(ops.good("campaign", "status", "-c", ops.conf, "--json", "kept"))
    systest.equal((one["name"], one["status"], one["states"]["delivered"]), ("kept", "done", 2),
                  "one campaign")
    watch = subprocess.Popen([systest.engine(), "campaign", "status", "-c", ops.conf, "--watch",
                              "kept"], stdout=subprocess.PIPE, text=True)
    time.sleep(2.5)
    watch.terminate()
    systest.check(watch.communicate()[0].count('campaign "kept"') >= 2, "it shows again")
    done = subprocess.run([systest.engine(), "campaign", "export", "-c", ops.conf, "kept",
                           "out.csv"], cwd=ops.dir, check=False,
                          stdout=subprocess.DEVNULL)
    systest.equal(done.returncode, 0, "export")
    with open(ops.dir / "out.csv", newline="", encoding="utf-8") as f:
        got = sorted((r["address"], r["state"], r["attempts"]) for r in csv.DictReader(f))
    systest.equal(got, [(f"ann@{HOST}", "delivered", "1"), (f"bo@{HOST}", "delivered", "1")],
                  "exported rows")


def rate_over(ops, seconds):
    before = len(ops.receiver.mails)
    time.sleep(seconds)
    return (len(ops.receiver.mails) - before) / seconds


def open_now(ops):
    return sum(step for _at, step, _peer in ops.receiver.opens)


def connections_are_what_the_receiver_sees(ops):
    """Asked while it sends, and once more while nothing is sent and the worker sleeps."""
    equal = systest.equal
    rows = ops.json("show", "connections")
    equal(len(rows), 8, f"connections shown: {rows}")
    equal(len({(r["local"], r["local_port"]) for r in rows}), 8, "different ones")
    seen = {peer for _at, _step, peer in ops.receiver.opens}
    for r in rows:
        equal((r["worker"], r["tcp"], r["remote"], r["remote_port"]), (0, "established", ADDR, 25),
              f"of {r}")
        systest.check(r["local"] in seen, f"the receiver knows {r}")
        systest.check(0 < r["min_rtt_us"] <= r["srtt_us"] * 2 < 2000000, f"round trips of {r}")
        systest.check(r["age_ms"] > 500 and r["cwnd"] > 1000, f"work of {r}")
    systest.check(sum(r["messages"] for r in rows) > 20, f"messages of {rows}")
    site = rows[0]["site"]
    equal(len(ops.json("show", "connections", HOST)), 8, "by domain")
    equal(len(ops.json("show", "connections", site, "limit", "3")), 3, "by site, limited")
    ops.refused(("ctl", "-c", ops.conf, "show", "connections", "other.test"), "no mail goes to")
    text = ops.good("ctl", "-c", ops.conf, "show", "connections").splitlines()
    equal(len(text), 9, f"lines of {text}")
    systest.check(ADDR + ":25" in text[1] and "established" in text[1], f"{text[1]!r}")
    tcp = ops.json("show", "tcp")
    equal(tcp["sum"]["tcp"]["tcp_open_now"], 8, "tcp_open_now")
    equal(tcp["sum"], tcp["workers"][0], "one worker is the sum")


def a_reload_takes_hold_while_it_sends(ops):
    ops.set("rate = 1000", "rate = 40")
    ops.good("ctl", "-c", ops.conf, "reload")
    path = ops.list("long.csv", rows(1500))
    ops.good(*ops.start_words("long", path))
    time.sleep(1)
    connections_are_what_the_receiver_sees(ops)
    slow = rate_over(ops, 2)
    systest.check(30 <= slow <= 41, f"{slow:.0f} messages/s at a rate of 40")
    systest.equal(open_now(ops), 8, "connections")
    ops.set("rate = 40", "rate = 200")
    ops.set("connections = 8", "connections = 3")
    ops.set("level = warn", "level = info")
    ops.proc.send_signal(signal.SIGHUP)
    systest.wait_for(lambda: "configuration read again" in systest.engine_log(), 5,
                     "the log tells, at its new level")
    systest.equal(ops.option("limits.rate"), 200, "limits.rate")
    time.sleep(0.5)
    fast = rate_over(ops, 2)
    systest.check(150 <= fast <= 201, f"{fast:.0f} messages/s at a rate of 200")
    systest.check(open_now(ops) <= 3, f"{open_now(ops)} connections, want 3")

    ops.set("rate = 200", "rate = 300")
    ops.set("retry {", "worker {\n\twindow = 7\n}\nretry {")
    ops.proc.send_signal(signal.SIGHUP)
    systest.wait_for(lambda: "worker.window can only change at a restart; the old configuration "
                     "stays" in systest.engine_log(), 5, "the refusal names the option")
    ops.refused(("ctl", "-c", ops.conf, "reload"), "worker.window can only change at a restart")
    systest.equal(ops.option("limits.rate"), 200, "limits.rate after the refusal")
    ops.set("window = 7", "windwo = 7")
    ops.refused(("ctl", "-s", ops.socket, "reload"), "windwo", "did you mean")
    systest.equal(ops.option("limits.rate"), 200, "limits.rate after a broken file")
    ops.set("worker {\n\twindwo = 7\n}\n", "")
    ops.settled("long")
    systest.equal(len(ops.envelopes()), 1500, "messages received")


def an_engine_is_stopped_over_its_socket(ops):
    ops.good("ctl", "-c", ops.conf, "shutdown")
    systest.equal(ops.proc.wait(15), 0, "exit status")
    systest.check(not (ops.dir / "state/posthaste.sock").exists(), "the socket is gone")


def operators():
    run = systest.run_dir()
    (run / "mail").mkdir()
    with Internet(systest.BUILD, run / "mail", [domain(HOST, ADDR)]):
        with Receiver(ADDR, run / "mail" / "ops") as receiver:
            ops = Ops(run, receiver)
            without_an_engine_every_client_says_so(ops)
            ops.start()
            for test in (the_socket_is_its_owners_alone, a_second_engine_is_refused,
                         every_command_answers_in_text_and_json, a_dry_run_tells_and_keeps_nothing,
                         a_test_goes_to_one_address_and_is_limited, options_of_a_campaign_are_kept,
                         status_and_export_tell_where_everyone_stands,
                         a_reload_takes_hold_while_it_sends, an_engine_is_stopped_over_its_socket):
                test(ops)
                print("ok: " + test.__name__.replace("_", " "))


systest.main(operators)
