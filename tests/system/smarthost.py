#!/usr/bin/python3
"""Hosts of the configuration: a smarthost that takes mail under verified TLS from whom it knows, whose
secret changes while the engine runs, and an LMTP server with a word for each recipient. Domains
without any DNS go there; a wrong secret bounces nobody; no secret shows in what the engine writes."""

import csv
import os
import subprocess
import time
from pathlib import Path

import systest
from testnet import conf, domains
from testnet.internet import Internet
from tls import certificate

N = 30
SECRETS = ["correct-horse", "battery-staple"]


def write_conf(path, state, run):
    conf.write(path, state)
    with open(path, "a", encoding="utf-8") as f:
        f.write(f'''tls.ca_file = "{run}/certs/authority.crt"
credential relay {{ user = "joe@sender.test"; password_file = "{run}/password" }}
site behind.test {{ route = "mx.relay.test:25"; tls = verify; credential = relay }}
site stranger.test {{ route = "mx.other.test:25"; tls = verify; credential = relay }}
site local.test {{ route = "10.25.2.3:25"; protocol = smtp }}
site box.test {{ route = "10.25.2.4:24"; protocol = lmtp; tls = none }}
''')


def send(engine, run, name, rows, attempts):
    template = run / "template"
    template.mkdir(exist_ok=True)
    (template / "message.liquid").write_text("From: Systest <news@sender.test>\nSubject: hi\n")
    (template / "body.text.liquid").write_text("Hello\n")
    with open(run / f"{name}.csv", "w", newline="", encoding="utf-8") as f:
        csv.writer(f, lineterminator="\n").writerows([("email",)] + [(row,) for row in rows])
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    return subprocess.Popen([engine, "send", "-c", str(run / "conf"), "--name", name, "--template",
                             str(template), "--recipients", str(run / f"{name}.csv"), "--class",
                             "transactional", "--from", "news@sender.test", "--until-attempts",
                             str(attempts), "--export", str(run / f"{name}.export")], env=env,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def states(run, name):
    with open(run / f"{name}.export", newline="", encoding="utf-8") as f:
        return {row["address"]: (row["state"], row["reply"]) for row in csv.DictReader(f)}


def write_secret(path, text):
    fresh = Path(f"{path}.new")
    fresh.write_text(text + "\n")
    fresh.chmod(0o600)
    fresh.rename(path)


def hosts_of_the_configuration_take_mail_from_whom_they_know():
    engine, run = systest.engine(), systest.run_dir()
    certs = run / "certs"
    for folder in (certs, run / "mail"):
        folder.mkdir()
    (run / "state").mkdir(mode=0o700)
    certificate(certs, "authority", "authority.test", 30, None)
    certificate(certs, "relay", "mx.relay.test", 30, "authority")
    certificate(certs, "other", "mx.elsewhere.test", 30, "authority")
    (run / "server-secret").write_text(SECRETS[1])
    write_secret(run / "password", SECRETS[0])
    auth = ["--auth", f"joe@sender.test:@{run}/server-secret", "--starttls", "good", "--cert"]
    hosts = [("relay", [*auth, str(certs / "relay.pem")]), ("other", [*auth, str(certs / "other.pem")]),
             ("local", []), ("box", ["--lmtp", "--port", "24"])]
    served = [domains.Domain(f"{name}.test", 0, "", domains.mx(f"10.25.2.{n}"),
                             [domains.Receiver(name, "smtpd", f"10.25.2.{n}", args)])
              for n, (name, args) in enumerate(hosts, 1)]
    write_conf(run / "conf", run / "state", run)
    rows = [f"r{n}@{d}.test" for d in ("behind", "stranger", "local", "box") for n in range(N)]
    rows += [f"full{n}@box.test" for n in range(N)]
    with Internet(systest.BUILD, run / "mail", served):
        sending = send(engine, run, "hosts", rows, 6)
        time.sleep(4)  # the secret is the wrong one until now, and nobody may bounce for it
        shown = subprocess.run([engine, "ctl", "-c", str(run / "conf"), "show", "credentials"],
                               capture_output=True, text=True, check=False).stdout
        write_secret(run / "password", SECRETS[1])
        said = sending.communicate(timeout=200)[0]
    systest.equal(sending.returncode, 0, f"send: {said}")
    systest.check("relay: joe@sender.test, password in" in shown and "REFUSED since" in shown
                  and " 535 " in shown, f"show credentials: {shown}")
    systest.equal(said.count('credential "relay" is refused: '), 1, f"times it was told: {said}")
    got = states(run, "hosts")
    for address, (state, reply) in got.items():
        want = "deferred" if "stranger" in address or address.startswith("full") else "delivered"
        systest.equal(state, want, f"{address}: {reply}")
    systest.check("mailbox full" in got["full1@box.test"][1], "the word on one recipient")
    systest.check("hostname mismatch" in got["r1@stranger.test"][1], got["r1@stranger.test"][1])
    for name, _args in hosts:
        n = 0 if name == "other" else N * 2 if name == "box" else N
        # --lmtp stores what it gets before it says who may have it, at each attempt
        files = len([p for p in (run / "mail" / name).rglob("*") if p.is_file()])
        systest.check(files == n or (name == "box" and files >= n), f"{name}: {files} messages")
    state = b"".join(p.read_bytes() for p in (run / "state").rglob("*") if p.is_file())
    for secret in SECRETS:
        systest.check(secret not in said and secret.encode() not in state, "a secret was written")


if __name__ == "__main__":
    systest.main(hosts_of_the_configuration_take_mail_from_whom_they_know, root=True)
