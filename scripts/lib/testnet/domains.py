"""The domains of the test internet: who receives for them, what happens to mail, their share."""

from dataclasses import dataclass, field

ZONE = "test"
DNS_ADDR = "127.0.0.1"
NET4, NET6 = "10.25.0.0/16", "fd25::/64"
KERNEL4, KERNEL6 = "10.25.0.1", "fd25::1"
ENGINE4, ENGINE6 = "10.25.0.2", "fd25::2"
SOURCE4, SOURCE6 = "10.25.0.10", "fd25::10"


@dataclass
class Receiver:
    """One mail server. `how` is a key of servers.STARTERS."""
    name: str
    how: str
    addr: str
    args: list = field(default_factory=list)
    port: int = 25


@dataclass
class Domain:
    """A recipient domain. `share` is in thousandths of a list; `fate` is the state in which its
    recipients are after two attempts."""
    name: str
    share: int
    fate: str
    zone: str            # lines of the zone; @ stands for the domain
    receivers: list = field(default_factory=list)
    silent: list = field(default_factory=list)  # hosts on which nobody listens: SYNs are refused


def mx(addr, host="mx"):
    kind = "AAAA" if ":" in addr else "A"
    return f"@ MX 10 {host}.@\n{host}.@ {kind} {addr}\n"


SOFT = ["-r", "rcpt", "-b", "450 4.3.2 try again later"]
HARD = ["-f", "rcpt", "-B", "550 5.1.1 no such user here"]

DOMAINS = [
    Domain("alpha.test", 400, "delivered", mx("10.25.1.1"),
           [Receiver("alpha", "sink", "10.25.1.1")]),
    Domain("twomx.test", 140, "delivered",
           "@ MX 10 dead.@\n@ MX 20 mx.@\ndead.@ A 10.25.1.20\nmx.@ A 10.25.1.2\n",
           [Receiver("twomx", "sink", "10.25.1.2")], silent=["10.25.1.20"]),
    # RFC 2181 10.3 forbids an MX that is an alias; many domains have one and receive mail.
    Domain("alias.test", 50, "delivered",
           "@ MX 10 mail.@\nmail.@ CNAME real.@\nreal.@ A 10.25.1.3\n",
           [Receiver("alias", "sink", "10.25.1.3")]),
    Domain("nomx.test", 10, "delivered", "@ A 10.25.1.4\n",
           [Receiver("nomx", "sink", "10.25.1.4")]),
    Domain("six.test", 50, "delivered", mx("fd25::1:5"),
           [Receiver("six", "sink", "fd25::1:5")]),
    Domain("grey.test", 75, "delivered", mx("10.25.1.6"),
           [Receiver("grey", "smtpd", "10.25.1.6", ["--greylist"])]),
    Domain("anna.test", 50, "delivered", mx("10.25.1.7"),
           [Receiver("anna", "postfix", "10.25.1.7")]),
    Domain("berta.test", 50, "delivered", mx("10.25.1.8"),
           [Receiver("berta", "postfix", "10.25.1.8")]),
    Domain("busy.test", 95, "deferred", mx("10.25.1.9"),
           [Receiver("busy", "sink", "10.25.1.9", SOFT)]),
    Domain("servfail.test", 5, "deferred", ""),
    Domain("gone.test", 25, "bounced", mx("10.25.1.10"),
           [Receiver("gone", "sink", "10.25.1.10", HARD)]),
    Domain("nullmx.test", 25, "bounced", "@ MX 0 .\n"),  # RFC 7505
    Domain("nosuch.test", 25, "bounced", ""),
]
CAPTURE = Domain("capture.test", 0, "delivered", mx("10.25.1.11"),
                 [Receiver("capture", "smtpd", "10.25.1.11")])
BY_NAME = {d.name: d for d in DOMAINS + [CAPTURE]}

# Answered by SERVFAIL: configured, but its zone file does not exist.
BROKEN_ZONES = ["servfail.test"]


def zone_text(domains):
    """The zone `test` as a master file. TTLs are short, the negative one too."""
    lines = [f"$ORIGIN {ZONE}.", "$TTL 60",
             "@ SOA ns.test. postmaster.test. 1 3600 600 86400 30", "@ NS ns.test.",
             f"ns A {KERNEL4}", f"sender A {SOURCE4}", f"mta1.sender A {SOURCE4}",
             f"mta1.sender AAAA {SOURCE6}"]
    for d in domains:
        for line in d.zone.splitlines():
            lines.append(line.replace("@", d.name + "."))
    return "\n".join(lines) + "\n"


def addresses(domains):
    """Every address that the kernel side must own."""
    return [r.addr for d in domains for r in d.receivers] + [a for d in domains for a in d.silent]


def split(total, domains):
    """How many of `total` recipients each domain gets; the first takes what rounding leaves."""
    counts = {d.name: total * d.share // 1000 for d in domains}
    counts[domains[0].name] += total - sum(counts.values())
    return counts
