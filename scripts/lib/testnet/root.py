"""A private root: the host's own, with the unpacked servers laid over it in memory.

Needs a mount namespace of its own (lib/enter), and root: a user namespace may neither lay something
over / nor has it users for Postfix; there `root` stays None and stand-ins serve (servers.py). What the servers write goes to a tmpfs and vanishes;
`share` is the one folder that is the host's, seen as /mail inside.
"""

import os
import subprocess
from pathlib import Path


class PrivateRoot:
    def __init__(self, mailroot, share):
        self.mailroot, self.share = Path(mailroot), Path(share)
        self.top = self.root = None

    def mount(self):
        if not (self.mailroot / "complete").exists():
            raise SystemExit(f"{self.mailroot} is not complete: run scripts/setup --receivers")
        if in_user_namespace():
            return
        # /run is ours: no socket or pid file of the host is seen or made.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        self.top = Path("/run/root")
        upper, work, self.root = (self.top / d for d in ("upper", "work", "merged"))
        for d in (upper, work, self.root):
            d.mkdir(parents=True)
        subprocess.run(["cp", "-a", f"{self.mailroot}/root/.", str(upper)], check=True)
        options = f"lowerdir=/,upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)],
                       check=True)
        for d in ("dev", "proc", "mail"):
            (self.root / d).mkdir(exist_ok=True)
        for src, d in (("/dev", "dev"), ("/proc", "proc"), (str(self.share), "mail")):
            subprocess.run(["mount", "--rbind", src, str(self.root / d)], check=True)
        for d in ("run", "tmp"):
            (self.root / d).mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(self.root / d)], check=True)

    def path(self, inside):
        return self.root / inside.lstrip("/")

    def add_users(self):
        """The users that Postfix's package would have made; in the overlay only."""
        if self.root is None:
            return
        self.append("/etc/passwd",
                    "postfix:x:59125:59125::/var/spool/postfix:/bin/false\n"
                    "mailbox:x:59127:59127::/mail:/bin/false\n", drop=("postfix:", "mailbox:"))
        self.append("/etc/group", "postfix:x:59125:\npostdrop:x:59126:\nmailbox:x:59127:\n",
                    drop=("postfix:", "postdrop:", "mailbox:"))

    def append(self, inside, text, drop):
        path = self.path(inside)
        kept = [line for line in path.read_text().splitlines(keepends=True)
                if not line.startswith(drop)]
        path.write_text("".join(kept) + text)

    def popen(self, argv, **kw):
        return subprocess.Popen(["chroot", str(self.root), *argv], stdin=subprocess.DEVNULL, **kw)

    def run(self, argv, **kw):
        return subprocess.run(["chroot", str(self.root), *argv], stdin=subprocess.DEVNULL, **kw)


def in_user_namespace():
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
