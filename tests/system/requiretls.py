#!/usr/bin/python3
"""REQUIRETLS (RFC 8689): mail that asks for it reaches hosts that the configuration names and whose
names TLS vouches for, and MAIL says so; where no host is named nobody is called, a host that does not
offer it hears no MAIL and is passed over for others, and without any both fail with 5.7.30; a host
that cannot show its name waits. Other mail goes everywhere."""

import systest
from reports import begin, send, start_sink
from testnet import domains
from testnet.internet import Internet
from tls import certificate

NAMES = ["named", "stranger", "lacks", "liar", "routed"]
ADDRS = {name: f"10.25.2.{n}" for n, name in enumerate(NAMES, 1)}
SERVED = [domains.Domain(f"{name}.test", 0, "", domains.mx(addr), silent=[addr])
          for name, addr in ADDRS.items()]
SERVED.append(domains.Domain("second.test", 0, "", "@ MX 10 mx.lacks.test.\n@ MX 20 mx.named.test.\n"))
BLOCKS = """
tls.ca_file = "{ca}"
site "mx.named.test" {{ requiretls = true }}
site "stranger.test" {{ requiretls = true; tls = verify }}   # a domain: DNS says who its host is
site "*.lacks.test" {{ requiretls = true }}
site "mx.liar.test" {{ requiretls = true }}
site "behind.test" {{ route = "mx.routed.test"; requiretls = true }}
"""
# domain -> state, enhanced code, a part of the reply; and transactions at its host
WANT = {
    "named": ("delivered", "", "", 2),  # one of them for second.test
    "second": ("delivered", "", "", 2),
    "behind": ("delivered", "", "", 1),
    "stranger": ("failed", "5.7.30", "names no host of the domain", 0),
    "lacks": ("failed", "5.7.30", "offers it under verified TLS", 0),
    "liar": ("deferred", "", "hostname mismatch", 0),
}


def start_host(certs, name):
    host = "mx.elsewhere.test" if name == "liar" else f"mx.{name}.test"
    certificate(certs, name, host, 30, "authority")
    args = ["--without", "REQUIRETLS"] if name == "lacks" else []
    return start_sink(name, ADDRS[name], "--cert", str(certs / f"{name}.pem"), *args)


def only_hosts_of_the_configuration_get_it():
    certs = systest.run_dir() / "certs"
    certs.mkdir()
    certificate(certs, "authority", "authority.test", 30, None)
    engine = begin(BLOCKS.format(ca=certs / "authority.crt"))
    with Internet(systest.BUILD, systest.run_dir() / "mail", SERVED):
        sinks = {name: start_host(certs, name) for name in NAMES}
        engine.start()
        got = send(engine, "asked", [f"r@{name}.test" for name in WANT], "--requiretls")
        counts = {name: sink.counts() for name, sink in sinks.items()}
        other = send(engine, "other", [f"o@{name}.test" for name in ("named", "lacks")])
        engine.stop()
        for sink in sinks.values():
            sink.stop()
    for name, (state, enhanced, reply, transactions) in WANT.items():
        row = got[f"r@{name}.test"]
        host = {"behind": "routed", "second": "named"}.get(name, name)
        systest.equal(row["state"], state, f"{name}: state ({row['reply']})")
        systest.check(enhanced in row["enhanced"] and reply in row["reply"], f"{name}: {row}")
        systest.equal(counts[host]["transactions"], transactions, f"{name}: MAIL")
    systest.equal(counts["stranger"]["connections"], 0, "connections to a host that nobody named")
    systest.equal(got["r@stranger.test"]["attempts"], "0", "attempts that were none")
    for name in ("named", "routed"):
        for rcpt, (mail, _rcpt) in sinks[name].envelopes().items():
            systest.equal(mail.endswith(" REQUIRETLS"), rcpt.startswith("r@"), f"{rcpt}: {mail}")
    for address, row in other.items():
        systest.equal(row["state"], "delivered", f"{address}: {row['reply']}")


systest.main(only_hosts_of_the_configuration_get_it)
