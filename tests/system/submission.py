"""Mail servers that take mail only from whom they know, for auth.py. Each knows one user by a password,
or by a token that names him and is signed with its key; what it took stands in /mail/NAME as in
mtas.py, and its log or a file says by which mechanism.

OpenSMTPD is not here: it offers AUTH only under TLS, and its TLS does not work on Debian 12.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

from mtas import EXIM, UID, folders
from testnet.domains import Receiver

USER = "joe@sender.test"
OPEN_USER = "open@sender.test"  # whose password is said in the clear
KEY = b"what the server and whoever issues tokens share, 32 bytes or more"

DOVECOT = """
base_dir = /run/{name}
state_dir = /run/{name}/state
protocols = {protocols}
listen = {addr}
hostname = {host}
log_path = /mail/log/{name}.log
auth_verbose = yes
default_internal_user = mailbox
default_internal_group = mailbox
default_login_user = mailbox
mail_location = maildir:/mail/{name}-box
first_valid_uid = {uid}
ssl = required
ssl_cert = </mail/certs/{name}.crt
ssl_key = </mail/certs/{name}.key
auth_mechanisms = plain login xoauth2 oauthbearer
# a wrong secret is answered at once
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u /mail/users
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = /etc/{name}.oauth2
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home=/mail/{name}-box
}}
service auth {{
  unix_listener /run/{name}/sasl {{
    mode = 0666
  }}
}}
service stats {{
  client_limit = 1000
}}
submission_relay_host = {relay}
submission_relay_port = 25
submission_max_mail_size = 50M
"""

OAUTH2 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=/mail/keys/
username_attribute = sub
"""

EXIM_AUTH = """
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{${{lookup{{$auth2}}lsearch{{/mail/passwords}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if eq{{$auth2}}{{${{lookup{{$auth1}}lsearch{{/mail/passwords}}}}}}}}
  server_set_id = $auth1
"""

AIOSMTPD = """
import ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

host, folder, cert, addr, clear = sys.argv[1:]
count = [0]

class Keep:
    async def handle_DATA(self, server, session, envelope):
        count[0] += 1
        with open(f"{folder}/{count[0]}.eml", "wb") as f:
            f.write(envelope.original_content)
        return "250 kept"

def known(server, session, envelope, mechanism, data):
    users = [line.split(b": ") for line in open("/mail/passwords", "rb").read().splitlines()]
    ok = isinstance(data, LoginPassword) and [data.login, data.password] in users
    with open(f"{folder}.mechanisms", "a") as f:
        f.write(f"{mechanism} {ok}\\n")
    return AuthResult(success=ok, handled=False)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert)
for at, tls in ((addr, context), (clear, None)):
    Controller(Keep(), hostname=at, port=25, server_hostname=host, tls_context=tls, authenticator=known,
               auth_required=True, auth_require_tls=tls is not None).start()
threading.Event().wait()
"""


@dataclass
class Server:
    name: str
    domain: str
    addr: str
    clear: str = ""  # where the same server takes AUTH in the clear
    relay: str = ""  # where what it takes goes to

    @property
    def host(self):
        return f"mx.{self.domain}"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(user, key):
    """A signed token (RFC 7519) that is good for an hour."""
    now = int(time.time())
    parts = [json.dumps(p).encode() for p in ({"typ": "JWT", "alg": "HS256"},
                                              {"sub": user, "iat": now - 10, "exp": now + 3600})]
    text = b".".join(b64(p) for p in parts)
    return (text + b"." + b64(hmac.new(key, text, hashlib.sha256).digest())).decode()


def write_secrets(share, passwords):
    (share / "users").write_text("".join(f"{user}:{{PLAIN}}{p}\n" for user, p in passwords.items()))
    (share / "passwords").write_text("".join(f"{user}: {p}\n" for user, p in passwords.items()))
    keys = share / "keys/default/HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_text(base64.b64encode(KEY).decode())


def start_dovecot_as(servers, s, protocols):
    root = servers.root
    folders(root, servers.share, s, f"/run/{s.name}", f"/mail/{s.name}-box")
    root.path(f"/etc/{s.name}.oauth2").write_text(OAUTH2)
    root.path(f"/etc/{s.name}.conf").write_text(DOVECOT.format(
        name=s.name, protocols=protocols, addr=s.addr, host=s.host, uid=UID, relay=s.relay))
    servers.spawn(f"{s.name}-dovecot", ["/usr/sbin/dovecot", "-F", "-c", f"/etc/{s.name}.conf"])


def start_postfix(servers, s):
    """Dovecot says who is known; Postfix asks it through a socket."""
    start_dovecot_as(servers, s, "")
    (servers.share / s.name).rmdir()
    servers.start_postfix(Receiver(s.name, "postfix", s.addr, [
        f"virtual_mailbox_domains = static:all", "smtpd_tls_security_level = may",
        f"smtpd_tls_chain_files = /mail/certs/{s.name}.pem", "smtpd_tls_auth_only = yes",
        "smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot", f"smtpd_sasl_path = /run/{s.name}/sasl",
        "smtpd_sasl_security_options = noanonymous", "smtpd_delay_reject = no",
        "smtpd_relay_restrictions = permit_sasl_authenticated, reject",
        "smtpd_recipient_restrictions = permit_sasl_authenticated, reject"]))


def start_submission(servers, s):
    start_dovecot_as(servers, s, "submission")


def start_exim(servers, s):
    root = servers.root
    root.append("/etc/passwd", f"Debian-exim:x:{UID}:{UID}::/var/spool/{s.name}:/bin/false\n",
                drop=("Debian-exim:",))
    root.append("/etc/group", f"Debian-exim:x:{UID}:\n", drop=("Debian-exim:",))
    folders(root, servers.share, s, f"/var/spool/{s.name}", f"/mail/{s.name}")
    text = EXIM.format(name=s.name, host=s.host, addr4=s.addr, addr6=s.clear, ciphers="NORMAL")
    text = text.replace("acl_smtp_rcpt = accept\n", f"acl_smtp_rcpt = known\nauth_advertise_hosts = ${{if or{{"
                        f"{{def:tls_in_cipher}}{{eq{{$received_ip_address}}{{{s.clear}}}}}}}{{*}}{{}}}}\n")
    text = text.replace("tls_advertise_hosts = *", f"tls_advertise_hosts = ${{if eq{{$received_ip_address}}"
                        f"{{{s.clear}}}{{}}{{*}}}}")
    text = text.replace("begin routers", "begin acl\nknown:\n  accept authenticated = *\n  deny message = who are you?\n"
                        "begin routers", 1)
    root.path(f"/etc/{s.name}.conf").write_text(text + EXIM_AUTH.format())
    servers.spawn(s.name, ["/usr/sbin/exim4", "-C", f"/etc/{s.name}.conf", "-bdf", "-q1m"])


def start_aiosmtpd(servers, s):
    folders(servers.root, servers.share, s)
    (servers.share / "keep.py").write_text(AIOSMTPD)
    servers.spawn(s.name, ["/usr/bin/python3", "/mail/keep.py", s.host, f"/mail/{s.name}",
                           f"/mail/certs/{s.name}.pem", s.addr, s.clear])


@dataclass
class Kind:
    group: str
    start: callable
    mechanisms: tuple
    port: int = 25
    has_clear: bool = False
    log: str = "log/{name}.log"     # where it says by which mechanism
    said: str = ""                  # and how: {m} is the mechanism


PASSWORDS, TOKENS = ("PLAIN", "LOGIN"), ("XOAUTH2", "OAUTHBEARER")
KINDS = {
    "postfix": Kind("submission", start_postfix, PASSWORDS + TOKENS, said="sasl_method={m},"),
    "dovecot": Kind("submission", start_submission, PASSWORDS + TOKENS, port=587, said="method={m},"),
    "exim": Kind("exim", start_exim, PASSWORDS, has_clear=True, log="log/{name}-main.log", said="A={lower}:"),
    "aiosmtpd": Kind("aiosmtpd", start_aiosmtpd, PASSWORDS, has_clear=True, log="{name}.mechanisms",
                     said="{m} True"),
}
