#!/usr/bin/python3
"""TLS against real servers: Postfix with self-signed certificates under TLS 1.2 and 1.3, and servers
whose certificates or handshakes are wrong. Each policy does what it says: opportunistic delivers,
encrypt delivers to anybody who encrypts, verify to nobody else, and what is deferred says why; a
campaign's floor is above its sites' policies; a host that has done TLS gets nothing in the clear from
the engine's next life either, whether its handshakes fail or its STARTTLS is gone, until an operator
has it forgotten. What arrives through TLS is the same, byte for byte, as what arrives
without, packets lost or not."""

import csv
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import systest
from running import Running
from testnet import conf, domains
from testnet.internet import Internet

N = 20
HEAD = """From: Systest <news@sender.test>
Subject: {{ points }} points
"""
BODY = "Hello {{ city }},\n.\n..\n.leading dot\n" + "0123456789 " * 300 + "\n" + "line\n" * 4000


@dataclass
class Case:
    name: str      # of the domain, under .test
    policy: str    # of its site; "": the default, opportunistic
    how: str       # smtpd's --starttls, "postfix VERSION", or "" for a server without TLS
    cert: str      # who vouches: see certificates()
    want: str      # version of TLS it arrives with, "clear", or why it is deferred


CASES = [
    Case("p12", "encrypt", "postfix 1.2", "self", "TLSv1.2"),
    Case("p13", "", "postfix 1.3", "self", "TLSv1.3"),
    Case("none", "none", "good", "self", "clear"),
    Case("plain", "", "", "", "clear"),
    Case("right", "verify", "good", "right", "TLSv1.3"),
    Case("xn--bcher-kva", "verify", "good", "right", "TLSv1.3"),  # in a list with its own letters
    Case("self", "verify", "good", "self", "TLS: self-signed certificate"),
    Case("name", "verify", "good", "other", "TLS: hostname mismatch"),
    Case("late", "verify", "good", "expired", "TLS: certificate has expired"),
    Case("whoever", "", "good", "expired", "TLSv1.3"),
    Case("strip", "", "good", "self", "TLSv1.3"),
    Case("notls", "encrypt", "", "", "TLS: STARTTLS is not offered"),
    Case("noise", "", "garbage", "", "clear"),
    Case("noise2", "encrypt", "garbage", "", "TLS: wrong version number"),
    Case("stall", "encrypt", "stall", "", "TLS handshake: no answer in time"),
    Case("inject", "", "inject", "", "not SMTP"),
]

# Under tls_min = encrypt, why each is deferred.
FLOOR = {"plain": "TLS: STARTTLS is not offered", "noise": "TLS: wrong version number"}
LOSSY = ["p12", "right"]
# In another life of servers that have done TLS: what they do now, and why what comes is deferred.
BROKEN = {"whoever": ("garbage", "TLS: wrong version number"),
          "strip": ("", "the host did TLS before and does not offer it now")}


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, text=True)


def certificate(certs, name, host, days, issuer):
    """NAME.pem: a key and a certificate for `host`, signed by `issuer` or by itself."""
    key, req, crt = (str(certs / f"{name}.{what}") for what in ("key", "req", "crt"))
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-addext",
            f"basicConstraints=critical,CA:{'FALSE' if issuer else 'TRUE'}", "-keyout", key,
            "-out", req)
    signer = ["-CA", str(certs / f"{issuer}.crt"), "-CAkey", str(certs / f"{issuer}.key"),
              "-CAcreateserial"] if issuer else ["-signkey", key]
    openssl("x509", "-req", "-in", req, "-days", str(days), "-copy_extensions", "copy", "-out",
            crt, *signer)
    pem = certs / f"{name}.pem"
    pem.write_text(Path(key).read_text() + Path(crt).read_text())
    pem.chmod(0o644)


def certificates(certs):
    certs.mkdir()
    certs.chmod(0o755)
    certificate(certs, "authority", "authority.test", 30, None)
    for case in CASES:
        host, days, issuer = f"mx.{case.name}.test", 30, "authority"
        if case.cert == "other":
            host = "mx.elsewhere.test"
        elif case.cert == "expired":
            days = -1
        elif case.cert == "self":
            issuer = None
        if case.cert:
            certificate(certs, case.name, host, days, issuer)


def receiver(case, number, certs):
    addr = f"10.25.2.{number}"
    if case.how.startswith("postfix"):
        version = case.how.split()[1]
        pem = f"/mail/certs/{case.name}.pem"
        args = ["smtpd_tls_security_level = may", f"smtpd_tls_chain_files = {pem}",
                f"smtpd_tls_protocols = >=TLSv{version}, <=TLSv{version}",
                "smtpd_tls_received_header = yes"]
        return domains.Receiver(case.name, "postfix", addr, args)
    args = ["--starttls", case.how, "--cert", str(certs / f"{case.name}.pem")] if case.how else []
    return domains.Receiver(case.name, "smtpd", addr, args)


def write_conf(path, state, ca_file):
    conf.write(path, state)
    with open(path, "a", encoding="utf-8") as f:
        f.write(f'smtp.ehlo_timeout = 4s\ntls.ca_file = "{ca_file}"\n')
        for case in CASES:
            if case.policy:
                f.write(f'site "{case.name}.test" {{ tls = {case.policy} }}\n')


def send(engine, run, name, cases, *more):
    template = run / "template"
    template.mkdir(exist_ok=True)
    (template / "message.liquid").write_text(HEAD)
    (template / "body.text.liquid").write_text(BODY)
    with open(run / f"{name}.csv", "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(("email", "city", "points"))
        for case in cases:
            out.writerows((f"r{n}@{case.name.encode().decode('idna')}.test", "Oslo", n) for n in range(N))
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    done = subprocess.run([engine, "send", "-c", str(run / "conf"), "--name", name, "--template",
                           str(template), "--recipients", str(run / f"{name}.csv"), "--class",
                           "transactional", "--from", "news@sender.test", "--until-attempts", "1", "--export",
                           str(run / f"{name}.export"), *more], env=env, capture_output=True, text=True,
                          check=False, timeout=200)
    systest.equal(done.returncode, 0, f"send: {done.stdout}{done.stderr}")


def outcomes(run, name):
    """domain -> list of (state, reply)."""
    out = {}
    with open(run / f"{name}.export", newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            name = row["address"].split("@")[1].removesuffix(".test")
            out.setdefault(name, []).append((row["state"], row["reply"]))
    return out


def version_of(case, data):
    """What the receiver says of how it came."""
    if case.how.startswith("postfix"):
        return "TLSv" + data.split(b"(using TLSv")[1][:3].decode()
    head = data.split(b"\r\n")[0]
    return head.split(b"X-Tls: ")[1].split(b"\n")[0].decode() if b"X-Tls: " in head else "clear"


def body_of(case, data):
    """The text, dots undone, lines ending in LF."""
    if case.how.startswith("postfix"):
        return data.partition(b"\n\n")[2]
    lines = data.partition(b"\r\n\r\n")[2].split(b"\r\n")
    return b"\n".join(ln[1:] if ln.startswith(b".") else ln for ln in lines)


def check_received(case, folder, bodies, copies):
    files = [p for p in Path(folder).rglob("*") if p.is_file() and p.parent.name != "tmp"]
    systest.equal(len(files), N * copies, f"{case.name}: messages received")
    for path in files:
        data = path.read_bytes()
        systest.equal(version_of(case, data), case.want, f"{case.name}: {path.name}")
        bodies.add(body_of(case, data))


def check_deferred(run, campaign, whys):
    got = outcomes(run, campaign)
    systest.equal(sorted(got), sorted(whys), f"{campaign}: domains")
    for name, rows in got.items():
        for state, reply in rows:
            systest.equal(state, "deferred", f"{campaign}: {name}: state ({reply})")
            systest.check(whys[name] in reply, f"{campaign}: {name}: {reply}")


def some(names):
    return [c for c in CASES if c.name in names]


@contextmanager
def loss():
    """One packet in 50, each way."""
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; {way}if ph0 meta l4proto "
                     "tcp numgen random mod 50 == 0 drop; }\n"
                     for hook, way in (("input", "i"), ("output", "o")))
    subprocess.run(["nft", "-f", "-"], input=f"table inet bad {{ {chains} }}\n", text=True, check=True)
    yield
    subprocess.run(["nft", "delete", "table", "inet", "bad"], check=True)


def break_tls(net, certs):
    """In the place of a server, one whose TLS is not what it was."""
    for number, case in enumerate(CASES, 1):
        if case.name not in BROKEN:
            continue
        old = next(pair for pair in net.servers.procs if pair[0] == case.name)
        net.servers.procs.remove(old)
        old[1].terminate()
        old[1].wait()
        new = replace(receiver(replace(case, how=BROKEN[case.name][0]), number, certs),
                      name=f"broken-{case.name}")
        net.servers.start_smtpd(new)
        net.servers.wait_ready([new])


def forget(run, name):
    """An operator has what is known of a host forgotten: then it gets mail in the clear."""
    number = 1 + [case.name for case in CASES].index(name)
    engine = Running(run)
    engine.start()
    done = engine.ctl("host", "forget", f"10.25.2.{number}")
    systest.equal(done.stdout, "forgotten\n", f"host forget: {done.stderr}")
    (run / "after.csv").write_text(f"email,city,points\na@{name}.test,Oslo,1\n")
    engine.campaign("after", run / "after.csv", run / "template")
    systest.wait_for(lambda: engine.is_settled("after", 1), 20, "it is delivered")
    systest.equal(engine.states("after"), {f"a@{name}.test": "delivered"}, "states")
    systest.equal(engine.ctl("host", "forget", f"10.25.2.{number + 100}").returncode, 1, "a stranger")
    engine.stop()


def each_policy_does_what_it_says():
    engine, run = systest.engine(), systest.run_dir()
    certs = run / "mail/certs"
    (run / "mail").mkdir()
    (run / "state").mkdir(mode=0o700)
    certificates(certs)
    served = [domains.Domain(f"{c.name}.test", 0, "", domains.mx(f"10.25.2.{n}"),
                             [receiver(c, n, certs)]) for n, c in enumerate(CASES, 1)]
    write_conf(run / "conf", run / "state", certs / "authority.crt")
    with Internet(systest.BUILD, run / "mail", served) as net:
        send(engine, run, "tls", CASES)
        send(engine, run, "floor", some(FLOOR), "--tls-min", "encrypt")
        with loss():
            send(engine, run, "lossy", some(LOSSY))
        systest.check(net.servers.wait_delivered(), "Postfix has mail left in its queues")
        break_tls(net, certs)
        send(engine, run, "broken", some(BROKEN))
        forget(run, "strip")
    check_deferred(run, "floor", FLOOR)
    check_deferred(run, "broken", {name: why for name, (_how, why) in BROKEN.items()})
    got, bodies = outcomes(run, "tls"), set()
    for case in CASES:
        deferred = not (case.want.startswith("TLSv") or case.want == "clear")
        for state, reply in got[case.name]:
            systest.equal(state, "deferred" if deferred else "delivered",
                          f"{case.name}: state ({reply})")
            systest.check(not deferred or case.want in reply, f"{case.name}: {reply}")
        if deferred:
            systest.equal(list((run / "mail" / case.name).rglob("*")), [], f"{case.name}: mail")
        else:
            check_received(case, run / "mail" / case.name, bodies, 1 + (case.name in LOSSY))
    systest.equal(len(bodies), 1, "texts that arrived are one text")


if __name__ == "__main__":
    systest.main(each_policy_does_what_it_says, root=True)
