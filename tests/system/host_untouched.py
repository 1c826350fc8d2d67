#!/usr/bin/python3
"""The host's mail server is untouched: setting up, unpacking and running the test internet changes
neither the packages that dpkg knows, nor /etc, units, users or services; nor a mail server that
was there before."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import systest
from testnet import domains
from testnet.internet import Internet

WATCHED = ("etc", "lib/systemd", "usr/lib/systemd", "var/lib/systemd", "var/lib/dpkg/status",
           "var/lib/dpkg/info", "usr/sbin", "usr/lib/postfix", "var/spool", "var/mail", "root/.config")
MARKER = "# a mail server of the host stands here\n"
MARKED = {"etc/postfix/main.cf": MARKER, "etc/postfix/master.cf": MARKER,
          "var/spool/postfix/active/0123": "a message in its queue\n",
          "usr/lib/postfix/sbin/master": "#!/bin/sh\ntouch /marker-was-run\n",
          "usr/sbin/postfix": "#!/bin/sh\ntouch /marker-was-run\n",
          "etc/aliases": "root: someone\n"}


def snapshot(root="/"):
    """path -> what would show that it was touched. Content, not times: reading is no touching."""
    seen = {}
    for top in WATCHED:
        top = os.path.join(root, top)
        files = [top] if os.path.isfile(top) else [
            os.path.join(base, f) for base, dirs, names in os.walk(top) for f in names + dirs]
        for path in files:
            st = os.lstat(path)
            if os.path.islink(path):
                what = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as f:
                    what = hashlib.sha256(f.read()).hexdigest()
            else:
                what = ""
            seen[os.path.relpath(path, root)] = (st.st_mode, st.st_uid, st.st_gid, what)
    return seen


def services(seen):
    """What the service manager and the process table say, where there is one."""
    seen = dict(seen)
    if shutil.which("systemctl"):
        done = subprocess.run(["systemctl", "list-units", "--type=service", "--state=running",
                               "--plain", "--no-legend"],
                              capture_output=True, text=True, check=False)
        seen["running services"] = sorted(line.split()[0] for line in done.stdout.splitlines()
                                          if line.split()) if done.returncode == 0 else []
    listening = subprocess.run(["ss", "-Hltun"], capture_output=True, text=True, check=False)
    seen["mail and DNS ports"] = sorted(
        line.split()[4] for line in listening.stdout.splitlines()
        if line.split()[4].rsplit(":", 1)[-1] in ("25", "53", "465", "587"))
    return seen


def difference(before, after):
    return [p for p in sorted(set(before) | set(after)) if before.get(p) != after.get(p)]


def run_internet(mailroot_build):
    """Starts and ends all servers, each with one greeting (Internet waits for it)."""
    with tempfile.TemporaryDirectory() as share:
        with Internet(mailroot_build, share, domains.DOMAINS):
            pass


def a_host_is_the_same_afterwards():
    """From outside any namespace: unpack afresh, then run the internet in namespaces."""
    before = services(snapshot())
    with tempfile.TemporaryDirectory(dir=systest.BUILD) as fresh:
        done = subprocess.run([str(systest.REPO / "scripts/lib/mailroot"), fresh + "/mailroot",
                               fresh + "/log"], capture_output=True, text=True, check=False)
        # Without a network there is nothing to unpack; what setup unpacked serves as well.
        where = fresh if done.returncode == 0 else systest.BUILD
        inside = subprocess.run([str(systest.REPO / "scripts/lib/enter"), "/usr/bin/python3",
                                 __file__, "--internet", where], check=False)
        systest.equal(inside.returncode, 0, "exit status of the test internet")
    systest.equal(difference(before, services(snapshot())), [], "what changed on the host")


def a_mail_server_that_was_there_is_the_same_afterwards():
    """A host with a mail server is made of this one in an overlay, and entered."""
    inside = subprocess.run([str(systest.REPO / "scripts/lib/enter"), "/usr/bin/python3", __file__,
                             "--marked"], check=False)
    systest.equal(inside.returncode, 0, "exit status inside the marked host")


def marked_host():
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    root = Path("/mnt/root")
    for d in ("upper", "work", "root"):
        os.mkdir("/mnt/" + d)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                    "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work", str(root)], check=True)
    for d in ("dev", "proc", "sys"):
        subprocess.run(["mount", "--rbind", "/" + d, str(root / d)], check=True)
    for name, text in MARKED.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    with open(root / "var/lib/dpkg/status", "a", encoding="utf-8") as f:
        f.write("\nPackage: postfix\nStatus: install ok installed\nMaintainer: x <x@x.x>\n"
                "Architecture: amd64\nVersion: 3.7.11-0\nDescription: a marker\n")
    os.chroot(root)
    os.chdir("/")
    before = snapshot()
    run_internet(systest.BUILD)
    changed = difference(before, snapshot())
    if os.path.exists("/marker-was-run"):
        changed.append("the host's mail server was run")
    if changed:
        sys.exit(f"changed: {changed[:20]}")


if sys.argv[1:2] == ["--internet"]:
    run_internet(sys.argv[2])
elif sys.argv[1:2] == ["--marked"]:
    marked_host()
else:
    systest.main(a_host_is_the_same_afterwards,
                 a_mail_server_that_was_there_is_the_same_afterwards, root=True, enter=False)
