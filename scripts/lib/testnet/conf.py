"""Configuration files for an engine inside the test internet."""

import os
import subprocess

from . import domains, net

TEXT = """\
# Made by scripts/lib/testnet/conf.py for one run; see README for a configuration of your own.
state_dir = "{state}"
bounce_domain = "bounce.sender.test"

port "p0" {{
	device = "net_tap0,iface={tap}"
	address = ["{engine4}/16", "{engine6}/64"]
	gateway = "{kernel4}"
	gateway6 = "{kernel6}"
}}

source "s1" {{
	port = "p0"
	address = "{source4}"
	address6 = "{source6}"
	helo = "mta1.sender.test"
}}

resolver {{
	servers = ["{dns}"]
	timeout = 2s
	tries = 2
}}

# Sandbox mode sends only into the port's own networks and those named here.
egress {{
	mode = sandbox
	allow = ["{net4}", "{net6}"]
}}

# The safe defaults (10 connections, 100 messages/s a site) are for strangers' servers.
limits {{
	connections = {connections}
	rate = {rate}
	messages_per_connection = {per_connection}
	idle = 2s
}}

retry {{
	after = [{retry}]
	host = 1s
}}

log {{
	level = warn
}}
"""

# What a bulk campaign needs beside its template: a key that signs, where to leave, who sends.
BULK = """
dkim "main" {{
	domain = sender.test
	selector = s1
	key = "{key}"
}}

unsubscribe {{
	url = "https://u.sender.test/u/"
	mailto = "unsubscribe@sender.test"
}}

postal_address = "Sender Ltd, 1 Example Street, 12345 Anytown"
"""
LIST_ID = "Quickstart <quickstart.sender.test>"


def add_bulk(path, key):
    """Makes a key at `key` and adds what bulk campaigns need."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                    "-out", str(key)], check=True, capture_output=True)
    os.chmod(key, 0o600)
    with open(path, "a", encoding="utf-8") as f:
        f.write(BULK.format(key=key))


def write(path, state, retry="5s", connections=20, rate=5000, per_connection=1000):
    with open(path, "w", encoding="utf-8") as f:
        f.write(TEXT.format(
            state=state, tap=net.TAP, engine4=domains.ENGINE4, engine6=domains.ENGINE6,
            kernel4=domains.KERNEL4, kernel6=domains.KERNEL6, source4=domains.SOURCE4,
            source6=domains.SOURCE6, dns=domains.DNS_ADDR, net4=domains.NET4, net6=domains.NET6,
            connections=connections, rate=rate, per_connection=per_connection, retry=retry))
