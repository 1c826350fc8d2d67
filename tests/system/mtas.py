"""Mail servers of Debian that conflict as packages: each is unpacked by itself (setup --receivers) and
started in a private root. Every one takes any recipient of its domains and leaves what came, one file
a message, in /mail/NAME/new or /mail/NAME; `read()` tells what it holds.

A server is a row of MTAS: which package group it is from, how it is started, and what it is known to
do. What is not Debian's default is here because of a reason that stands beside it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from testnet.domains import Receiver

UID = 59127  # `mailbox`, see testnet/root.py

EXIM = """
primary_hostname = {host}
local_interfaces = <; {addr4} ; {addr6}
daemon_smtp_ports = 25
spool_directory = /var/spool/{name}
log_file_path = /mail/log/{name}-%s.log
pid_file_path = /run/{name}.pid
keep_environment =
never_users =
message_size_limit = 50M
smtputf8_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = /mail/certs/{name}.pem
tls_require_ciphers = {ciphers}
acl_smtp_rcpt = accept
acl_smtp_data = accept
# no resolver here knows the client
host_lookup =
begin routers
all:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  maildir_format
  directory = /mail/{name}
  user = mailbox
  delivery_date_add
  envelope_to_add
"""

SENDMAIL = """
divert(-1)
include(`/usr/share/sendmail/cf/m4/cf.m4')
divert(0)dnl
OSTYPE(`debian')dnl
DOMAIN(`generic')dnl
undefine(`confHOST_STATUS_DIRECTORY')dnl
define(`confPID_FILE', `/run/{name}.pid')dnl
define(`QUEUE_DIR', `/var/spool/{name}')dnl
define(`ALIAS_FILE', `')dnl
define(`confDEF_USER_ID', `{uid}:{uid}')dnl
dnl what the host's own resolver would say does not matter here
define(`confSERVICE_SWITCH_FILE', `/etc/{name}.switch')dnl
define(`confDOMAIN_NAME', `{host}')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe, WorldWritableForwardFile, GroupReadableKeyFile')dnl
define(`confCACERT_PATH', `/etc/ssl/certs')dnl
define(`confCACERT', `/mail/certs/{name}.pem')dnl
define(`confSERVER_CERT', `/mail/certs/{name}.pem')dnl
define(`confSERVER_KEY', `/mail/certs/{name}.key')dnl
define(`confSERVER_SSL_OPTIONS', `{ssl_options}')dnl
define(`confMAX_MESSAGE_SIZE', `0')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
define(`LOCAL_MAILER_PATH', `/mail/keep')dnl
define(`LOCAL_MAILER_ARGS', `keep /mail/{name} $u')dnl
dnl any recipient, as he is called, and no line "From " in front
define(`_DEF_LOCAL_MAILER_FLAGS', `lsDFMn')dnl
define(`LOCAL_MAILER_FLAGS', `')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
DAEMON_OPTIONS(`Family=inet, Name=four, Addr={addr4}, Port=25')dnl
DAEMON_OPTIONS(`Family=inet6, Name=six, Addr={addr6}, Port=25')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
LOCAL_CONFIG
Cw {domain} six.{domain}
"""

OPENSMTPD = """
queue ttl 1h
pki {host} cert "/mail/certs/{name}.crt"
pki {host} key "/mail/certs/{name}.key"
table everyone {{ "@" = "mailbox" }}
smtp max-message-size 50M
listen on {addr4} port 25 tls pki {host} hostname {host}
listen on {addr6} port 25 tls pki {host} hostname {host}
action "keep" maildir "/mail/{name}" virtual <everyone>
match from any for domain {{ "{domain}" "six.{domain}" }} action "keep"
"""

DOVECOT = """
base_dir = /run/{name}
state_dir = /run/{name}/state
protocols = lmtp
listen = {addr4}, {addr6}
log_path = /mail/log/{name}.log
default_internal_user = mailbox
default_internal_group = mailbox
default_login_user = mailbox
mail_location = maildir:/mail/{name}
first_valid_uid = {uid}
ssl = yes
ssl_cert = </mail/certs/{name}.crt
ssl_key = </mail/certs/{name}.key
ssl_min_protocol = {tls_min}
lmtp_save_to_detail_mailbox = no
userdb {{
  driver = static
  args = uid={uid} gid={uid} home=/mail/{name} allow_all_users=yes
}}
passdb {{
  driver = static
  args = nopassword=y
}}
service lmtp {{
  inet_listener lmtp {{
    address = {addr4} {addr6}
    port = 24
  }}
}}
service stats {{
  client_limit = 1000
}}
"""

COURIER_RUN = """
mkdir -p /run/courier
/usr/sbin/makealiases
set -a
. /etc/courier/authdaemonrc
/usr/lib/courier/courier-authlib/authdaemond &
. /etc/courier/courierd
cd /usr
/usr/lib/courier/courier/courierd &
. /etc/courier/esmtpd
for addr in {addr4} {addr6}; do
	/usr/sbin/couriertcpd -noidentlookup -user=courier -group=courier -address=$addr -maxprocs=40 \\
		-maxperc=100 -maxperip=100 -pid=/run/courier/$addr.pid 25 /usr/sbin/courieresmtpd </dev/null &
done
wait
"""

AIOSMTPD = """
import os, ssl, sys, threading, time
from aiosmtpd.controller import Controller

host, folder, cert, version, *addrs = sys.argv[1:]
count = [0]

class Keep:
    async def handle_DATA(self, server, session, envelope):
        count[0] += 1
        with open(f"{folder}/{count[0]}.eml", "wb") as f:
            f.write(envelope.original_content)
        return "250 kept"

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert)
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
for addr in addrs:
    Controller(Keep(), hostname=addr, port=25, server_hostname=host, tls_context=context,
               enable_SMTPUTF8=True, data_size_limit=50_000_000).start()
threading.Event().wait()
"""

KEEP = """#!/bin/sh
# keep DIR: what is on standard input becomes a file of its own
umask 022
f=$1/$$.$(date +%s%N)
cat >"$f.part" && mv "$f.part" "$f.eml"
"""


@dataclass
class Server:
    """One running server, with what it was told."""
    mta: "Mta"
    name: str
    domain: str
    addr4: str
    addr6: str
    tls: str  # "1.2" or "1.3": the only version it speaks

    @property
    def host(self):
        return f"mx.{self.domain}"

    def fields(self, **more):
        return dict(name=self.name, domain=self.domain, host=self.host, addr4=self.addr4,
                    addr6=self.addr6, uid=UID, **more)


def folders(root, share, s, *spools):
    (share / "log").chmod(0o777)
    for path in (share / s.name, *(root.path(p) for p in spools)):
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, UID, UID)
        path.chmod(0o755)


def write_keep(servers):
    keep = servers.share / "keep"
    keep.write_text(KEEP)
    keep.chmod(0o755)


def start_exim(servers, s):
    root = servers.root
    root.append("/etc/passwd", f"Debian-exim:x:{UID}:{UID}::/var/spool/{s.name}:/bin/false\n",
                drop=("Debian-exim:",))
    root.append("/etc/group", f"Debian-exim:x:{UID}:\n", drop=("Debian-exim:",))
    folders(root, servers.share, s, f"/var/spool/{s.name}", f"/mail/{s.name}")
    version = "-VERS-ALL:+VERS-TLS" + s.tls
    path = root.path(f"/etc/{s.name}.conf")
    path.write_text(EXIM.format(ciphers=f"NORMAL:{version}", **s.fields()))
    servers.spawn(s.name, ["/usr/sbin/exim4", "-C", f"/etc/{s.name}.conf", "-bdf", "-q1m"])


def start_sendmail(servers, s):
    root = servers.root
    root.append("/etc/passwd", f"smmta:x:{UID}:{UID}::/var/lib/sendmail:/bin/false\n"
                f"smmsp:x:{UID}:{UID}::/var/lib/sendmail:/bin/false\n", drop=("smmta:", "smmsp:"))
    root.append("/etc/group", f"smmta:x:{UID}:\nsmmsp:x:{UID}:\n", drop=("smmta:", "smmsp:"))
    folders(root, servers.share, s, f"/var/spool/{s.name}")
    root.path(f"/var/spool/{s.name}").chmod(0o700)
    os.chown(root.path(f"/var/spool/{s.name}"), 0, 0)
    write_keep(servers)
    options = "+SSL_OP_NO_TLSv1_3" if s.tls == "1.2" else "+SSL_OP_NO_TLSv1_2"
    mc, cf = f"/etc/{s.name}.mc", f"/etc/{s.name}.cf"
    root.path(f"/etc/{s.name}.switch").write_text("hosts\tfiles\naliases\tfiles\n")
    for file in ("local-host-names", "trusted-users", "aliases", "relay-domains"):
        root.path(f"/etc/mail/{file}").touch()
    root.path("/etc/hosts").write_text(f"127.0.0.1 localhost\n{s.addr4} {s.host}\n{s.addr6} {s.host}\n")
    root.path(mc).write_text(SENDMAIL.format(ssl_options=options, **s.fields()))
    with open(root.path(cf), "wb") as out:
        root.run(["/usr/bin/m4", mc], stdout=out, check=True)
    servers.spawn(s.name, ["/usr/libexec/sendmail/sendmail", "-C", cf, "-bD", "-q1m",
                           f"-X/mail/log/{s.name}.trace"])


def start_opensmtpd(servers, s):
    root = servers.root
    users = "".join(f"{u}:x:{n}:{n}::/var/empty:/bin/false\n"
                    for u, n in (("opensmtpd", 59131), ("opensmtpq", 59132)))
    root.append("/etc/passwd", users, drop=("opensmtpd:", "opensmtpq:"))
    root.append("/etc/group", "opensmtpd:x:59131:\nopensmtpq:x:59132:\n",
                drop=("opensmtpd:", "opensmtpq:"))
    folders(root, servers.share, s)
    root.path("/var/spool/smtpd").mkdir(parents=True, exist_ok=True)
    root.path("/var/spool/smtpd").chmod(0o711)
    root.path("/var/empty").mkdir(exist_ok=True)
    root.path("/var/lib/opensmtpd/empty").mkdir(parents=True, exist_ok=True)
    path = root.path(f"/etc/{s.name}.conf")
    path.write_text(OPENSMTPD.format(**s.fields()))
    path.chmod(0o600)
    servers.spawn(s.name, ["/usr/sbin/smtpd", "-d", "-f", f"/etc/{s.name}.conf"])


def start_dovecot(servers, s):
    root = servers.root
    folders(root, servers.share, s, f"/run/{s.name}")
    root.path(f"/etc/{s.name}.conf").write_text(
        DOVECOT.format(tls_min=f"TLSv{s.tls}", **s.fields()))
    servers.spawn(s.name, ["/usr/sbin/dovecot", "-F", "-c", f"/etc/{s.name}.conf"])


COURIER_DIRS = ("", "allfilters", "filters", "msgq", "msgs", "track", "tmp")


def start_courier(servers, s):
    """Any recipient is an alias that the default of aliasdir takes."""
    root = servers.root
    root.append("/etc/passwd", f"courier:x:{UID}:{UID}::/var/lib/courier:/bin/false\n",
                drop=("courier:",))
    root.append("/etc/group", f"courier:x:{UID}:\n", drop=("courier:",))
    folders(root, servers.share, s, "/run/courier", "/run/courier/authdaemon",
            *("/var/lib/courier/" + d for d in COURIER_DIRS))
    os.chown(root.path("/usr/lib/courier/courier/submitmkdir"), UID, UID)
    root.path("/usr/lib/courier/courier/submitmkdir").chmod(0o4755)
    write_keep(servers)
    etc = root.path("/etc/courier")
    for base, dirs, files in os.walk(etc):
        for path in [base] + [os.path.join(base, f) for f in dirs + files]:
            os.chown(path, UID, UID)
    for file, text in (("me", s.host), ("defaultdomain", s.domain), ("dsnfrom", "postmaster"),
                       ("locals", f"{s.domain}\nsix.{s.domain}"), ("sizelimit", "50000000"),
                       ("esmtpacceptmailfor", f"{s.domain}\nsix.{s.domain}"),
                       ("aliasdir/.courier-default", f"|/mail/keep /mail/{s.name}")):
        (etc / file).write_text(text + "\n")
    with open(etc / "esmtpd", "a", encoding="ascii") as f:
        f.write(f"TLS_CERTFILE=/mail/certs/{s.name}.pem\nTLS_PRIORITY=NORMAL:-VERS-ALL:+VERS-TLS"
                f"{s.tls}\nBOFHCHECKDNS=0\nMAXPERIP=100\nMAXPERC=100\nTLS_DHPARAMS=\n")
    (etc / "run").write_text(COURIER_RUN.format(**s.fields()))
    servers.spawn(s.name, ["/bin/sh", "/etc/courier/run"])


def start_aiosmtpd(servers, s):
    folders(servers.root, servers.share, s)
    (servers.share / "keep.py").write_text(AIOSMTPD)
    servers.spawn(s.name, ["/usr/bin/python3", "/mail/keep.py", s.host, f"/mail/{s.name}",
                           f"/mail/certs/{s.name}.pem", "TLSv" + s.tls.replace(".", "_"), s.addr4,
                           s.addr6])


def start_postfix(servers, s):
    servers.start_postfix(Receiver(s.name, "postfix", s.addr4, [
        f"inet_interfaces = {s.addr4}, {s.addr6}", "inet_protocols = all", "smtputf8_enable = yes",
        f"virtual_mailbox_domains = {s.domain}, six.{s.domain}", "message_size_limit = 50000000",
        "virtual_mailbox_limit = 0", "smtpd_tls_security_level = may",
        f"smtpd_tls_chain_files = /mail/certs/{s.name}.pem",
        f"smtpd_tls_protocols = >=TLSv{s.tls}, <=TLSv{s.tls}"]))


@dataclass
class Mta:
    """`group`: of packages.txt. `versions` of TLS it can be told to speak alone."""
    group: str
    start: callable
    versions: tuple = ("1.2", "1.3")
    utf8: bool = False        # offers SMTPUTF8
    tls_works: bool = True    # False: offers STARTTLS and breaks the handshake
    lmtp: bool = False
    keeps_multipart: bool = True  # False: writes boundaries and headers of parts anew


MTAS = {
    "postfix": Mta("mailroot", start_postfix, utf8=True),
    "exim": Mta("exim", start_exim, utf8=True),
    "sendmail": Mta("sendmail", start_sendmail),
    "courier": Mta("courier", start_courier, utf8=True, keeps_multipart=False),
    # Debian 12's was built for another libssl than it runs with.
    "opensmtpd": Mta("opensmtpd", start_opensmtpd, versions=("1.3",), tls_works=False),
    "aiosmtpd": Mta("aiosmtpd", start_aiosmtpd, utf8=True),
    "dovecot": Mta("dovecot", start_dovecot, lmtp=True),
}


def read(share, name):
    """Bytes of each message the server holds, with CRLF line ends."""
    out = []
    for base, _dirs, files in os.walk(Path(share) / name):
        if os.path.basename(base) in ("tmp", "cur") or "part" in base:
            continue
        for file in files:
            if file.endswith(".part") or file.startswith("dovecot"):
                continue
            out.append(Path(base, file).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    return out
