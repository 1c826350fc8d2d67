#!/usr/bin/python3
"""AUTH against real servers, by each mechanism that they offer: under TLS with the right name, and in the
clear only where the site says so. Until the secrets are right everything is deferred and nobody
bounces; when their files change the same engine goes on. No secret stands in the log, the state
folder, what commands print or the memory that a core dump would hold.

auth.py [NAME...]: only those servers (see submission.py). Each runs in a private root of its own.
"""

import base64
import os
import re
import subprocess
import sys

import systest
import mtas
import submission
from running import Running
from smarthost import write_secret
from testnet import conf, domains
from testnet.internet import Internet
from tls import certificate

ADDR, CLEAR, OTHER, RELAY = (f"10.25.3.{n}" for n in range(1, 5))
N = 4
WRONG = "not-the-pass-phrase-4711"
RIGHT = "tr0ub4dor-and-a-pass-phrase"
OPEN = "known-to-all-on-the-way-4712"


def mechanisms(kind):
    """name of the site -> (mechanism, options of the site, host)."""
    out = {m.lower(): (m, "tls = verify", "mx.{name}.test") for m in kind.mechanisms}
    out["any"] = ("auto", "tls = verify", "mx.{name}.test")
    out["stranger"] = (kind.mechanisms[0], "tls = verify", "mx.other.test")
    if kind.has_clear:
        out["clear"] = (kind.mechanisms[0], "tls = none; auth_in_clear = true", CLEAR)
        out["noclear"] = (kind.mechanisms[0], "tls = verify", "mx.clear.test")
    return out


def user_of(site):
    return submission.OPEN_USER if site == "clear" else submission.USER


def is_known(site):
    return site not in ("stranger", "noclear")


def write_conf(run, name, kind):
    conf.write(run / "conf", run / "state")
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.write(f'tls.ca_file = "{run}/mail/certs/authority.crt"\n')
        for site, (mechanism, options, host) in mechanisms(kind).items():
            what = "token" if mechanism in submission.TOKENS else "password"
            f.write(f'credential {site} {{ user = "{user_of(site)}"; {what}_file = "{run}/secrets/{site}"\n'
                    f'\tmechanism = {mechanism.lower()} }}\n'
                    f'site {site}.test {{ route = "{host.format(name=name)}:{kind.port}"; {options}; '
                    f'credential = {site} }}\n')


def write_secrets(run, kind, password, key):
    """All that were written, as they are and as they are said."""
    said = []
    for site, (mechanism, *_more) in mechanisms(kind).items():
        secret = submission.token(submission.USER, key) if mechanism in submission.TOKENS else password
        if site == "clear":
            secret = OPEN[::-1] if password == WRONG else OPEN
        write_secret(run / "secrets" / site, secret)
        plain = base64.b64encode(f"\0{user_of(site)}\0{secret}".encode())
        said += [(site, text) for text in (secret.encode(), base64.b64encode(secret.encode())[:-4],
                                           plain[len(plain) // 2:-4])]
    return said


def dumped(pid, secrets):
    """Which secrets a core dump would hold: private writable memory without the mark "dd" (proc(5))."""
    found, area = set(), None
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as maps, \
            open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw..", line)
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                area = head and (int(head[1], 16), int(head[2], 16), line.split()[-1])
            elif line.startswith("VmFlags:") and area and " dd" not in line:
                try:
                    mem.seek(area[0])
                    data = mem.read(area[1] - area[0])
                except OSError:
                    continue
                found |= {(site, area[2]) for site, secret in secrets if secret in data}
    return found


def check_unwritten(run, engine, secrets):
    said = "".join(engine.ctl(*words.split()).stdout for words in
                   ("show config", "show hosts", "show sites", "show errors", "show connections", "show stats"))
    systest.check("credential" in said, "show config shows the sites")
    texts = [said.encode(), systest.engine_log().encode()]
    texts += [p.read_bytes() for p in (run / "state").rglob("*") if p.is_file()]
    for site, secret in secrets:
        systest.check(not any(secret in t for t in texts), f"the secret of {site} was written")
    found = dumped(engine.proc.pid, secrets)
    systest.check(not found, f"a core dump would hold secrets: {found}")


def check_mechanisms(run, name, kind):
    text = (run / "mail" / kind.log.format(name=f"at-{name}")).read_text(errors="replace")
    for m in kind.mechanisms:
        said = kind.said.format(m=m, lower=m.lower())
        systest.check(said in text, f"{name} was not spoken to by {m}: no {said!r} in its log")


def one(name):
    run, kind = systest.run_dir(), submission.KINDS[name]
    certs = run / "mail/certs"
    certs.mkdir(parents=True)
    for d in (run, run / "mail", certs):
        d.chmod(0o755)
    (run / "secrets").mkdir()
    (run / "state").mkdir(mode=0o700)
    certificate(certs, "authority", "authority.test", 30, None)
    certificate(certs, f"at-{name}", f"mx.{name}.test", 30, "authority")
    submission.write_secrets(run / "mail", {submission.USER: RIGHT, submission.OPEN_USER: OPEN})
    server = submission.Server(f"at-{name}", f"{name}.test", ADDR, CLEAR, RELAY)
    served = [domains.Domain(f"{name}.test", 0, "", domains.mx(ADDR), [domains.Receiver(server.name, "", ADDR, port=kind.port)]),
              domains.Domain("other.test", 0, "", domains.mx(ADDR)),
              domains.Domain("clear.test", 0, "", domains.mx(CLEAR), [domains.Receiver("clear", "", CLEAR)]
                             if kind.has_clear else []),
              domains.Domain("relay.test", 0, "", domains.mx(RELAY), [domains.Receiver("relay", "smtpd", RELAY)])]
    write_conf(run, name, kind)
    secrets = write_secrets(run, kind, WRONG, b"another key, that the server does not know of")
    sites = mechanisms(kind)
    (run / "list.csv").write_text("email\n" + "".join(f"r{n}@{s}.test\n" for s in sites for n in range(N)))
    (run / "t").mkdir()
    (run / "t/message.liquid").write_text("From: Systest <news@sender.test>\nSubject: hi\n")
    (run / "t/body.text.liquid").write_text("Hello\n")
    with Internet(systest.BUILD, run / "mail", served, unpacked=f"receivers/{kind.group}",
                  start=lambda servers: kind.start(servers, server)):
        engine = Running(run)
        engine.start()
        engine.campaign("auth", run / "list.csv", run / "t")
        failed = systest.wait_for(lambda: engine.stats()["smtp_auth_failed"] >= len(sites) or None, 30,
                                  "each site was tried with a wrong secret")
        states = engine.states("auth")
        systest.check(set(states.values()) <= {"pending", "deferred"}, f"with wrong secrets: {states}")
        check_unwritten(run, engine, secrets)
        secrets += write_secrets(run, kind, RIGHT, submission.KEY)
        systest.wait_for(lambda: all_arrived(engine), 60, f"delivered with the right secrets, {failed}: "
                         + engine.ctl("show", "errors").stdout)
        check_unwritten(run, engine, secrets)
        systest.equal(engine.stop(), 0, "the engine's exit status")
    kept = len(mtas.read(run / "mail", "relay" if name == "dovecot" else server.name))
    systest.equal(kept, N * len([s for s in sites if is_known(s)]), "messages the server has")
    check_mechanisms(run, name, kind)


def all_arrived(engine):
    states = engine.states("auth")
    for address, state in states.items():
        known = is_known(address.split("@")[1].removesuffix(".test"))
        systest.check(known or state in ("pending", "deferred"), f"{address}: {state}")
        if known and state != "delivered":
            return False
    return True


def each_server_takes_mail_from_whom_it_knows():
    """All at once, each in namespaces of its own: they wait more than they work."""
    failed = []
    running = {name: subprocess.Popen([sys.executable, __file__, "--one", name], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
               for name in sys.argv[1:] or submission.KINDS}
    for name, proc in running.items():
        said = proc.communicate(timeout=200)[0]
        print(f"  {name}: {'ok' if proc.returncode == 0 else 'FAILED'}")
        if proc.returncode != 0:
            failed.append(f"{name}:\n{said}")
    systest.check(not failed, "\n".join(failed))


def whom_it_knows_is_taken_mail_from():
    one(sys.argv[2])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        systest.main(whom_it_knows_is_taken_mail_from, root=True)
    else:
        systest.main(each_server_takes_mail_from_whom_it_knows, root=True, enter=False)
