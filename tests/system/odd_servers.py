#!/usr/bin/python3
"""Servers that err: each row of odd_cases.py is a domain whose host, a `posthaste sink` with a script,
does one odd thing. One engine sends to all of them at once, two attempts each. Every recipient ends
as the row says, the sinks hold as many copies as it says, no letter is torn, and what the workers
counted is what was exported."""

import csv
import subprocess
import time

import systest
from odd_cases import LIES, NO_ANSWER, ODD, SINKS
from running import Running
from sink import Sink
from testnet import conf, domains
from testnet.internet import Internet
from tls import certificate

RULES_MAX = 60  # of one script, see `posthaste sink --help`
TIMES = ("connect", "banner", "ehlo", "mail", "rcpt", "data", "body", "dot", "rset")
HEAD = "From: Systest <news@sender.test>\nSubject: odd\nX-Recipient: {{ email }}\n"
BODY = ("Grüße,\n.\n..\n.leading dot\n{% if pad == \"1\" %}{% for i in (1..20000) %}line {{ i }} of a long"
        " text that fills windows\n{% endfor %}{% endif %}the end\n")
POLITE = "10.25.3.253"


class Host:
    """The address of a domain's odd host."""

    def __init__(self, odd, number):
        self.odd, self.addr = odd, f"10.25.{2 + number // 250}.{1 + number % 250}"

    def domain(self):
        zone = self.odd.zone.format(addr=self.addr) or domains.mx(self.addr)
        if self.odd.second:
            zone += f"@ MX 20 mx2.@\nmx2.@ A {POLITE}\n"
        return domains.Domain(f"{self.odd.name}.test", 0, "", zone, silent=[self.addr])

    def rules(self):
        for rule in self.odd.script:
            stage, _, rest = rule.partition(" ")
            yield f"{stage} at {self.addr} {rest}"


def groups(hosts):
    """Sinks by options, none with more rules than a script may have: name, options, hosts."""
    for name, args in SINKS.items():
        mine, rules, part = [], 0, 0
        for host in hosts:
            if host.odd.sink != name or host.odd.name.startswith("refused"):
                continue
            if rules + len(host.odd.script) > RULES_MAX:
                yield f"{name}{part}", args, mine
                mine, rules, part = [], 0, part + 1
            mine.append(host)
            rules += len(host.odd.script)
        if mine:
            yield f"{name}{part}", args, mine


def start_sinks(hosts, certs):
    sinks = []
    for name, args, mine in groups(hosts):
        port = 24 if "--lmtp" in args else 25
        listen = [word for h in mine for word in ("--listen", f"{h.addr}:{port}")]
        cert = ["--cert", str(certs / f"{name[:-1]}.pem")] if name[:-1] in ("expired", "other") else []
        sinks.append(Sink(name, "--kernel", "--no-verbs", "--conns-max", "2000", *listen, *args, *cert,
                          script="\n".join(r for h in mine for r in h.rules()) + "\n"))
    sinks.append(Sink("polite0", "--kernel", "--listen", f"{POLITE}:25", *SINKS["data"], script=""))
    return sinks


def write_files(run, hosts):
    conf.write(run / "conf", run / "state", retry="1s", connections=3)
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.writelines(f"smtp.{t}_timeout = 2s\n" for t in TIMES)
        f.write(f"smtp.quit_timeout = 1s\nsmtp.reply_bytes_max = 16KiB\ntls.ca_file = \"{run}/certs/authority.crt\"\n")
        for h in hosts:
            site = h.odd.site
            if h.odd.sink == "lmtp":
                site = f'route = "{h.addr}:24"; protocol = lmtp; tls = none'
            if site:
                f.write(f"site {h.odd.name}.test {{ {site} }}\n")
    template = run / "template"
    template.mkdir()
    (template / "message.liquid").write_text(HEAD)
    (template / "body.text.liquid").write_text(BODY)
    with open(run / "list.csv", "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(("email", "pad"))
        for odd in ODD:
            out.writerows((f"{name}@{odd.name}.test", int(name.startswith("big")))
                          for name in odd.locals)


def mute(addrs):
    """Nobody answers a SYN to these."""
    rules = "".join(f"ip daddr {a} tcp flags syn drop\n" for a in addrs)
    done = subprocess.run(["nft", "-f", "-"], text=True, capture_output=True, check=False,
                          input="table inet odd {\nchain input {\ntype filter hook input "
                                "priority 0\n" + rules + "}\n}\n")
    systest.equal(done.returncode, 0, f"nft: {done.stderr}")


def wanted():
    """address -> (row, state)."""
    for odd in ODD:
        states = odd.want.split(",")
        for n, local in enumerate(odd.locals):
            yield f"{local}@{odd.name}.test", (odd, states[n % len(states)])


def export(engine):
    path = engine.dir / "export.csv"
    path.unlink(missing_ok=True)
    if engine.ctl("campaign", "export", "odd", str(path)).returncode != 0:
        return None
    with open(path, newline="", encoding="utf-8", errors="replace") as f:
        return {row["address"]: row for row in csv.DictReader(f)}


def is_done(engine, want):
    """All are final, or have spent two attempts."""
    rows = export(engine)
    if rows is None or len(rows) < len(want):
        return None
    left = [a for a, row in rows.items() if row["state"] == "pending" or
            (row["state"] == "deferred" and (want[a][1] != "deferred" or int(row["attempts"]) < 2))]
    is_done.left = left
    return rows if not left else None


def wait_done(engine, want, seconds):
    end = time.monotonic() + seconds
    while True:
        rows = is_done(engine, want)
        if rows is not None:
            return rows
        if time.monotonic() > end:
            print(f"not settled within {seconds} s: {', '.join(is_done.left)}")
            return export(engine)
        time.sleep(0.5)


def check_row(address, odd, state, row, letters):
    copies = odd.copies or ("1..1" if state == "delivered" else "0..0")
    least, most = (int(n) for n in copies.split(".."))
    last = f"{row['state']} after {row['attempts']}: {row['code']} {row['enhanced']} {row['reply']!r}"
    wrong = []
    if row["state"] != state:
        wrong.append(f"state, want {state}")
    elif odd.reply not in row["reply"] and "," not in odd.want:
        wrong.append(f"reply, want {odd.reply!r}")
    elif odd.enhanced and row["enhanced"] != odd.enhanced:
        wrong.append(f"enhanced code, want {odd.enhanced}")
    if not least <= len(letters) <= most:
        wrong.append(f"{len(letters)} copies, want {copies}")
    for letter in letters:
        head, _, body = letter.partition(b"\r\n\r\n")
        if f"\r\nX-Recipient: {address}".encode() not in head or not body.endswith(b"the end\r\n"):
            wrong.append("a torn letter, or another recipient's")
    return [f"{odd.number} {address}: {what} (got {last})" for what in wrong]


def check_stats(stats, rows):
    """What the workers counted against what is exported."""
    wrong = []
    delivered = sum(row["state"] == "delivered" for row in rows.values())
    if stats["smtp_delivered"] != delivered:
        wrong.append(f"smtp_delivered {stats['smtp_delivered']}, exported {delivered}")
    unconfirmed = sum(row["state"] == "unconfirmed" for row in rows.values())
    if not 2 * unconfirmed <= stats["smtp_unconfirmed"] <= 2 * unconfirmed + len(rows) // 10:
        wrong.append(f"smtp_unconfirmed {stats['smtp_unconfirmed']}, {unconfirmed} recipients")
    mutes = {odd.name for odd in ODD if odd.reply == NO_ANSWER}
    for name, least in (("smtp_timeouts", len(mutes)), ("smtp_protocol_errors", 20)):
        if stats[name] < least:
            wrong.append(f"{name} {stats[name]}, want {least} at least")
    return wrong


def check_sinks(counts):
    wrong = []
    for name, got in counts.items():
        if got["pipelining_errors"] and name[:-1] not in LIES:
            wrong.append(f"sink {name}: pipelining_errors {got['pipelining_errors']}")
    return wrong


def each_odd_server_meets_its_answer():
    run, certs = systest.run_dir(), systest.run_dir() / "certs"
    for folder in (certs, run / "mail"):
        folder.mkdir()
    (run / "state").mkdir(mode=0o700)
    certificate(certs, "authority", "authority.test", 30, None)
    certificate(certs, "expired", "mx.expired.test", -1, "authority")
    certificate(certs, "other", "mx.elsewhere.test", 30, "authority")
    hosts = [Host(odd, n) for n, odd in enumerate(ODD)]
    write_files(run, hosts)
    want, engine = dict(wanted()), Running(run)
    served = [h.domain() for h in hosts] + [domains.Domain("polite.test", 0, "", "", silent=[POLITE])]
    with Internet(systest.BUILD, run / "mail", served):
        sinks = start_sinks(hosts, certs)
        mute([h.addr for h in hosts if h.odd.name.startswith("mute")])
        engine.start()
        engine.campaign("odd", run / "list.csv", run / "template")
        rows = wait_done(engine, want, 100)
        stats = engine.stats()
        systest.equal(engine.stop(), 0, "exit status")
        counts = {sink.dir.name: sink.stop() for sink in sinks}
    letters = {}
    for sink in sinks:
        for address, kept in sink.letters().items():
            letters.setdefault(address, []).extend(message for _tls, message in kept)
    wrong = [line for address, (odd, state) in want.items()
             for line in check_row(address, odd, state, rows[address], letters.get(address, []))]
    wrong += check_stats(stats, rows) + check_sinks(counts)
    print(f"{len(ODD)} servers, {len(want)} recipients, {len(wrong)} wrong")
    systest.check(not wrong, "\n  " + "\n  ".join(wrong))


if __name__ == "__main__":
    systest.main(each_odd_server_meets_its_answer)
