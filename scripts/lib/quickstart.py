"""quickstart.py PROGRAM BUILD RECIPIENTS: steps 3 and 4 of scripts/quickstart, inside lib/enter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from testnet import conf, domains, recipients, rundir
from testnet.internet import Internet

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent / "quickstart.d" / "welcome"


def describe(served):
    hows = [r.how for d in served for r in d.receivers]
    return (f"dns, {hows.count('postfix')} x postfix, {hows.count('sink')} x smtp-sink, "
            f"{hows.count('smtpd')} x greylisting, in namespaces of their own; sandbox mode")


def send(program, run, n_rows):
    """The campaign; the engine's own progress and table go to the console."""
    print(f'[4/4] campaign "welcome": {n_rows:,} rows', flush=True)
    os.environ["RUNTIME_DIRECTORY"] = str(run / "state")
    argv = [program, "send", "-c", str(run / "posthaste.conf"), "--name", "welcome",
            "--template", str(TEMPLATE), "--recipients", str(run / "welcome.csv"),
            "--from", "news@sender.test", "--until-attempts", "2",
            "--export", str(run / "export.csv")]
    engine = subprocess.Popen(argv)
    try:
        return engine.wait()
    except SystemExit:  # a signal: the engine ends orderly, within its own bound
        engine.send_signal(signal.SIGTERM)
        try:
            engine.wait(10)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()
        rundir.discard(run)
        raise


def main():
    program, build, total = sys.argv[1], sys.argv[2], int(sys.argv[3])
    served = domains.DOMAINS
    run = rundir.make(build, "quickstart")
    (run / "state").mkdir(mode=0o700)
    mail = run / "mail"
    mail.mkdir()
    good = recipients.write(run / "welcome.csv", total, served)
    (run / "accepted.csv").write_text("email\n" + "".join(a + "\n" for a in good))
    conf.write(run / "posthaste.conf", run / "state")
    began = time.monotonic()
    print("[3/4] test internet ", end="", flush=True)
    with Internet(build, mail, served) as net:
        print(f"{describe(served)} ... ok ({time.monotonic() - began:.0f} s)", flush=True)
        began = time.monotonic()
        status = send(program, run, total + len(recipients.BAD_ROWS) + recipients.N_DUPLICATES)
        seconds = time.monotonic() - began
        net.servers.wait_delivered()
    shown = rundir.publish(build, run, "quickstart")
    print(f"sent in {seconds:.1f} s")
    sample = next((mail / "anna").glob("new/*"), None)
    if sample is not None:
        print(f"read one: less {shown}/{sample.relative_to(run)}    your own campaign: README.md")
    if status != 0:
        sys.exit(status)
    folders = [str(mail / r.name) for d in served for r in d.receivers]
    sys.stdout.flush()
    sys.exit(subprocess.call([str(HERE.parent / "receivers-join"), "--export",
                              str(run / "export.csv"), "--list", str(run / "accepted.csv"),
                              *folders]))


if __name__ == "__main__":
    main()
