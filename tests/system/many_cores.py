#!/usr/bin/python3
"""A port with several queues, a worker each: the kernel brings a flow's first reply to any of them,
every recipient gets one copy, and no connection is reset for having come to the wrong worker."""

import json
import shutil
import subprocess
import time

import systest
from running import Running
from testnet import conf, domains, recipients
from testnet.internet import Internet

N = 600
# twomx.test's first host refuses its SYN, and six.test is reached by IPv6 alone.
SERVED = [domains.BY_NAME[n] for n in ("alpha.test", "twomx.test", "six.test")]
PARTITION = 1  # landing_mode


def write_conf(run, queues, landing):
    conf.write(run / "conf", run / "state", connections=8, per_connection=20)
    text = (run / "conf").read_text()
    text = text.replace("\tgateway6 =", f"\tqueues = {queues}\n\tlanding = {landing}\n\tgateway6 =")
    (run / "conf").write_text(text)


def workers(engine):
    done = engine.ctl("--json", "show", "workers")
    systest.equal(done.returncode, 0, f"show workers: {done.stderr}")
    return json.loads(done.stdout)


def check_counts(each):
    for w in each:
        systest.check(w["tcp_established"] > 0, f"worker {w['worker']} opened no connection")
        systest.equal(w["landing_mode"], PARTITION, f"landing of worker {w['worker']}")
        systest.equal(w["tcp_open_now"], 0, f"connections left at worker {w['worker']}")
        systest.equal(w["buffers_tx_now"], 0, f"buffers left at worker {w['worker']}")
        for name in ("tcp_rst_out", "tcp_no_match", "handoff_full", "address_conflicts",
                     "neighbour_failed", "neighbour_dropped"):
            systest.equal(w[name], 0, f"{name} of worker {w['worker']}")
    total = {name: sum(w[name] for w in each) for name in ("handed_out", "handed_in")}
    systest.equal(total["handed_in"], total["handed_out"], "what was handed over was taken")
    systest.check(total["handed_out"] > 0, "nothing ever came to the wrong worker")


def joined(run):
    folders = [str(run / "mail" / r.name) for d in SERVED for r in d.receivers]
    done = subprocess.run([str(systest.REPO / "scripts/receivers-join"), "--json", "--export",
                           str(run / "export.csv"), "--list", str(run / "list.csv"), *folders],
                          capture_output=True, text=True, check=False)
    got = json.loads(done.stdout)
    for what in ("lost", "duplicates", "untold", "mixed"):
        systest.check(not got[what], f"{what}: {str(got[what])[:200]}")


def send_with(queues, landing):
    run = systest.run_dir()
    for d in SERVED:
        for r in d.receivers:
            for message in (run / "mail" / r.name).iterdir():
                message.unlink()
    shutil.rmtree(run / "state", ignore_errors=True)
    (run / "state").mkdir(mode=0o700)
    (run / "engine.log").unlink(missing_ok=True)
    write_conf(run, queues, landing)
    engine = Running(run)
    engine.start()
    engine.campaign("cores", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
    systest.wait_for(lambda: engine.is_settled("cores", N), 60, "every recipient is final")
    systest.equal(set(engine.states("cores").values()), {"delivered"}, "states")
    systest.wait_for(lambda: engine.stats()["tcp_open_now"] == 0, 15, "connections end")
    time.sleep(0.3)  # gauges are read ten times a second
    each = workers(engine)
    ports = engine.ctl("show", "ports").stdout
    systest.check(f"0 to {queues - 1}, replies: partitioned ports;" in ports, f"show ports: {ports}")
    systest.equal(engine.stop(), 0, "exit status after SIGTERM")
    joined(run)
    systest.equal(len(each), queues, "workers")
    check_counts(each)


def every_recipient_gets_one_copy_whatever_the_number_of_queues():
    run = systest.run_dir()
    (run / "mail").mkdir()
    recipients.write(run / "list.csv", N, SERVED, bad=False)
    with Internet(systest.BUILD, run / "mail", SERVED):
        send_with(2, "partition")
        send_with(4, "auto")  # more workers than a small machine has CPUs
        # No hash to be read: said, and partitioned.
        send_with(2, "predict")
        systest.check("port.landing = partition instead" in systest.engine_log(),
                      "the log does not say that nothing can be foretold")


systest.main(every_recipient_gets_one_copy_whatever_the_number_of_queues)
