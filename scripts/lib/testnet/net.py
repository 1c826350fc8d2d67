"""The tap whose kernel side is the internet, and the addresses of its hosts."""

import subprocess

from . import domains

TAP = "ph0"


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def up(addrs):
    """Makes the tap and gives the kernel the addresses. Inside a namespace of our own only."""
    ip("link", "set", "lo", "up")
    # Sessions come from one address to many hosts: leave room for them in TIME-WAIT.
    set_sysctl("net/ipv4/ip_local_port_range", "1024 65000")
    ip("tuntap", "add", "dev", TAP, "mode", "tap", "multi_queue")
    set_sysctl(f"net/ipv6/conf/{TAP}/keep_addr_on_down", "1")
    set_sysctl(f"net/ipv6/conf/{TAP}/accept_dad", "0")
    set_sysctl("net/core/somaxconn", "4096")
    ip("address", "add", domains.KERNEL4 + "/16", "dev", TAP)
    ip("address", "add", domains.KERNEL6 + "/64", "dev", TAP, "nodad")
    for addr in addrs:
        # IPv6 hosts must be on the link itself: ND answers only for the interface's own.
        if ":" in addr:
            ip("address", "add", addr + "/64", "dev", TAP, "nodad")
        else:
            ip("address", "add", addr + "/32", "dev", TAP)
    ip("link", "set", TAP, "up")


def set_sysctl(path, value):
    """Sets a kernel option of this namespace; those a user namespace may not set stay as they are."""
    try:
        with open("/proc/sys/" + path, "w", encoding="ascii") as f:
            f.write(value)
    except OSError:
        pass
