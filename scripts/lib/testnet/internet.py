"""The whole test internet: `with Internet(...) as net:` inside lib/enter."""

import os
import signal

from . import domains, net
from .root import PrivateRoot, in_user_namespace
from .servers import STARTERS, Servers


class Internet:
    """Starts the receivers of `served` (a list of domains.Domain). `share` is an empty folder of
    the host: what is received stands there, a folder per receiver, logs in log/. `unpacked` names
    the folder whose servers are used, and `start` what is to be called for others than STARTERS
    knows: start(Servers)."""

    def __init__(self, build, share, served, unpacked="mailroot", start=None):
        self.share = share
        self.served = served
        self.root = PrivateRoot(os.path.join(build, unpacked), share)
        self.servers, self.start = None, start
        self.nsd_root = os.path.join(build, "mailroot")

    def __enter__(self):
        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        receivers = [r for d in self.served for r in d.receivers]
        if in_user_namespace() and any(r.how == "postfix" for r in receivers):
            raise SystemExit("Postfix needs more users than a user namespace has: run as root")
        net.up(domains.addresses(self.served))
        os.chmod(self.share, 0o755)
        self.root.mount()
        self.root.add_users()
        self.servers = Servers(self.root, self.share, self.nsd_root)
        self.servers.start_dns(self.served)
        for r in receivers:
            if r.how in STARTERS:
                STARTERS[r.how](self.servers, r)
        if self.start is not None:
            self.start(self.servers)
        self.servers.wait_ready(receivers)
        return self

    def __exit__(self, *exc):
        if self.servers is not None:
            self.servers.stop()


def on_signal(signum, _frame):
    raise SystemExit(128 + signum)
