"""The servers of odd_servers.py, a row each: what its host does, by the script of `posthaste sink`, and
what becomes of the recipients. Numbers are those of tests/dataplane/smtp/odd_servers.md."""

from dataclasses import dataclass, field


@dataclass
class Odd:
    number: str        # of the list
    name: str          # of the domain, under .test
    script: list       # rules of its host, without their "at ADDRESS"
    want: str          # state after two attempts; several, apart by commas: of r0, r1, ...
    reply: str = ""    # stands in the last reply
    enhanced: str = ""  # as exported; "": whatever it is
    copies: str = ""   # that the sinks kept, least and most: "" is one when delivered, else none
    sink: str = "data"  # whose options: SINKS
    second: bool = False  # a polite host stands behind it, of less preference
    site: str = ""     # its block in the configuration
    zone: str = ""     # instead of the usual one
    locals: list = field(default_factory=lambda: ["r0", "r1", "r2"])


# Options of the sinks. Each begins with an EHLO list of its own where a case wants one.
SINKS = {
    "data": ["--without", "CHUNKING,BINARYMIME,STARTTLS"],
    "bdat": ["--without", "STARTTLS"],
    "nobdat": ["--without", "STARTTLS,CHUNKING,BINARYMIME"],
    "tls": ["--without", "CHUNKING,BINARYMIME"],
    "tls12": ["--without", "CHUNKING,BINARYMIME", "--tls", "1.2"],
    "expired": ["--without", "CHUNKING,BINARYMIME"],
    "other": ["--without", "CHUNKING,BINARYMIME"],
    "lmtp": ["--without", "STARTTLS", "--lmtp"],
    "mailmax": ["--without", "STARTTLS", "--mails-max", "1"],
    "idle": ["--without", "STARTTLS", "--idle", "1"],
}
LIES = {"nobdat"}  # here a client sends what it was told it may

NO_ANSWER, CLOSED, RESET, NOT_SMTP = ("no answer in time", "connection closed by peer",
                                      "connection reset by peer", "not SMTP")

ODD = [
    # A. Connection and greeting
    Odd("1", "mute", [], "deferred", NO_ANSWER, "4.4.1"),
    Odd("1", "mutefirst", [], "delivered", second=True),
    Odd("2", "refused", [], "deferred", "connection refused", "4.4.1"),
    Odd("2", "refusedfirst", [], "delivered", second=True),
    Odd("3", "nobanner", ["connect : silent"], "deferred", NO_ANSWER, "4.4.1"),
    Odd("3", "nobannerfirst", ["connect : silent"], "delivered", second=True),
    Odd("4", "shut", ["connect : close"], "deferred", CLOSED, "4.4.1"),
    Odd("4", "shutfirst", ["connect : close"], "delivered", second=True),
    Odd("4", "slammed", ["connect : reset"], "deferred", RESET, "4.4.1"),
    Odd("4", "halfbanner", ["connect : then close raw 220-ha"], "deferred", CLOSED),
    Odd("5", "banner40", ["connect : flood 40 reply 220 welcome"], "delivered"),
    Odd("6", "b554", ["connect : reply 554 5.7.1 not you"], "deferred", "not you", "4.4.1"),
    Odd("6", "b554first", ["connect : reply 554 5.7.1 not you"], "delivered", second=True),
    Odd("7", "b421", ["connect : reply 421 4.7.0 busy"], "deferred", "busy"),
    Odd("7", "b421first", ["connect : reply 421 4.7.0 busy"], "delivered", second=True),
    Odd("8", "b521", ["connect : reply 521 5.3.2 no mail here"], "bounced", "no mail", "5.3.2"),
    Odd("8", "b521first", ["connect : reply 521 no mail here"], "delivered", second=True),
    Odd("9", "http", ["connect : then close raw HTTP/1.1 400 Bad Request\\r\\n\\r\\n"],
        "deferred", NOT_SMTP),
    Odd("9", "tlsbytes", ["connect : raw \\x15\\x03\\x01\\x00\\x02\\x02\\x28\\n"], "deferred", NOT_SMTP),
    Odd("9", "ssh", ["connect : raw SSH-2.0-OpenSSH_9.2\\r\\n"], "deferred", NOT_SMTP),
    Odd("10", "bare220", ["connect : raw 220\\r\\n"], "delivered"),
    Odd("11", "pix", ["connect : reply 220 *****************2***0*0"], "delivered"),
    # B. EHLO and HELO
    Odd("12", "heloonly", ["ehlo every 2 : reply 250 mx", "ehlo : reply 502 5.5.1 what?"],
        "delivered", site="connections = 1"),
    Odd("13", "ehlo550", ["ehlo : reply 550 5.7.1 bad name"], "deferred", "bad name"),
    Odd("14", "ehlo421", ["ehlo : reply 421 4.3.2 later"], "deferred", "later"),
    Odd("14", "ehlo450", ["ehlo : reply 450 4.7.1 later"], "deferred", "later"),
    Odd("15", "ehlo220", ["ehlo : reply 220 again"], "deferred"),
    Odd("15", "ehlo354", ["ehlo : reply 354 go"], "deferred"),
    Odd("16", "lines10000", ["ehlo : flood 10000"], "deferred", NOT_SMTP),
    Odd("16", "megabyte", ["ehlo : flood 25000"], "deferred", NOT_SMTP),
    Odd("16", "oneline", ["ehlo : raw 250-" + "x" * 20000 + "\\r\\n250 ok\\r\\n"], "deferred", NOT_SMTP),
    Odd("17", "long", ["ehlo : raw 250-" + "x" * 1500 + "\\r\\n250 PIPELINING\\r\\n"], "delivered"),
    Odd("18", "spacing", ["ehlo : raw 250-mx\\r\\n250-pipelining  \\r\\n250-AUTH=LOGIN\\r\\n250-\\r\\n"
                          "250- \\r\\n250-XWHAT a b\\r\\n250  size 100000\\r\\n"], "delivered"),
    Odd("19", "halfehlo", ["ehlo : then silent raw 250-PIPELINING\\r\\n"], "deferred", NO_ANSWER),
    Odd("19", "halfthenshut", ["ehlo : then close raw 250-PIPELINING\\r\\n250 SI"], "deferred", CLOSED),
    Odd("20", "controls", ["rcpt : raw 550 5.1.1 \\x01\\x1b[2J\\xc3\\xb6 no\\r\\n"], "bounced", "no",
        "5.1.1"),
    Odd("20", "split", ["connect : drip 100us", "rcpt : raw 550 5.1.1 gr\\xc3\\xbc\\xc3\\x9fe\\r\\n"],
        "bounced", "grüße", "5.1.1"),
    Odd("21", "barecr", ["ehlo : raw 250-a\\rb\\r\\n250 ok\\r\\n"], "deferred", NOT_SMTP),
    # C. MAIL and RCPT
    Odd("22", "mail451", ["mail : reply 451 4.3.0 not now"], "deferred", "not now", "4.3.0"),
    Odd("22", "mail451once", ["mail every 2 : reply 451 4.3.0 not now"], "delivered,delivered",
        site="connections = 1", locals=["r0", "r1"]),
    Odd("23", "mail550", ["mail : reply 550 5.1.8 bad sender"], "bounced", "bad sender", "5.1.8"),
    Odd("24", "mail552", ["mail : reply 552 5.3.4 too big"], "bounced", "too big", "5.3.4"),
    Odd("24", "mail452", ["mail : reply 452 4.3.1 disk full"], "deferred", "disk full", "4.3.1"),
    Odd("25", "small", ["ehlo : raw 250-mx\\r\\n250 SIZE 100\\r\\n"], "bounced", "takes 100", "5.3.4"),
    Odd("26", "mix", ["rcpt to r0@* : reply 450 4.2.1 later", "rcpt to r1@* : reply 550 5.1.1 no"],
        "deferred,bounced,delivered"),
    Odd("27", "rcpt421", ["rcpt : reply 421 4.3.2 bye"], "deferred", "bye", "4.3.2"),
    Odd("28", "rcpt251", ["rcpt : reply 251 forwards"], "delivered"),
    Odd("28", "rcpt252", ["rcpt : reply 252 cannot tell"], "delivered"),
    Odd("29", "rcpt551", ["rcpt : reply 551 5.1.6 try <a@b.test>"], "bounced", "try <a@b", "5.1.6"),
    Odd("30", "greyhost", ["rcpt grey 500ms : text greylisted"], "delivered"),
    Odd("31", "rcpt850", ["rcpt : raw 850 what\\r\\n"], "deferred", NOT_SMTP),
    Odd("31", "rcpt150", ["rcpt : raw 150 what\\r\\n"], "deferred", NOT_SMTP),
    Odd("31", "rcpt354", ["rcpt : reply 354 go"], "deferred"),
    Odd("32", "nocode", ["rcpt : raw 550 nobody\\r\\n"], "bounced", "nobody"),
    Odd("32", "badcode", ["rcpt : raw 550 5.1.1. nobody\\r\\n"], "bounced", "5.1.1. nobody"),
    Odd("32", "othercode", ["rcpt : raw 450 5.1.1 wait\\r\\n"], "deferred", "wait"),
    Odd("32", "othercode2", ["rcpt : raw 550 4.2.1 never\\r\\n"], "bounced", "never"),
    Odd("33", "rcptmute", ["rcpt : silent"], "deferred", NO_ANSWER),
    Odd("33", "mailmute", ["mail : silent"], "deferred", NO_ANSWER, "4.4.1"),
    # D. DATA and its end
    Odd("35", "data451", ["data : reply 451 4.3.0 disk"], "deferred", "disk", "4.3.0"),
    Odd("35", "data554", ["data : reply 554 5.6.0 content"], "bounced", "content", "5.6.0"),
    Odd("36", "bodyfin", ["body : close"], "deferred", CLOSED, locals=["big0"]),
    Odd("36", "bodyrst", ["body : reset"], "deferred", RESET, locals=["big0"]),
    Odd("36", "datafin", ["data : then close"], "deferred", CLOSED, locals=["big0"]),
    Odd("39", "smallfin", ["body : close"], "unconfirmed", CLOSED),
    Odd("37", "zerowindow", ["data : slow 0"], "deferred", NO_ANSWER, locals=["big0", "big1"]),
    Odd("37", "slowreader", ["data : slow 400000"], "delivered", locals=["big0"]),
    Odd("38", "latedot", ["message : delay 1s"], "delivered"),
    Odd("39", "dotfin", ["message : close"], "unconfirmed", CLOSED),
    Odd("39", "dotrst", ["message : reset"], "unconfirmed", RESET),
    Odd("39", "dotmute", ["message : silent"], "unconfirmed", NO_ANSWER),
    Odd("39", "dothalf", ["message : then close raw 250-queued\\r\\n250"], "unconfirmed", CLOSED,
        copies="2..2"),
    Odd("39", "dotonce", ["message first 1 : reset"], "delivered"),
    Odd("40", "dotthenrst", ["message : then reset"], "delivered"),
    Odd("41", "dot451", ["message : reply 451 4.3.0 scanner"], "deferred", "scanner", "4.3.0"),
    Odd("41", "dot554", ["message : reply 554 5.7.1 spam"], "bounced", "spam", "5.7.1"),
    Odd("41", "dot421", ["message : reply 421 4.7.28 rate"], "deferred", "rate", "4.7.28"),
    Odd("43", "box", ["message to r1@* : reply 550 5.2.2 full"], "delivered,bounced,delivered",
        sink="lmtp"),
    Odd("43", "boxmute", ["message : silent"], "unconfirmed", NO_ANSWER, sink="lmtp"),
    # E. Reuse
    Odd("44", "second421", ["mail after 1 : reply 421 4.7.0 enough"], "delivered",
        site="connections = 1"),
    Odd("44", "second450", ["mail after 1 : then close reply 450 4.7.1 enough"], "delivered",
        site="connections = 1", locals=["r0", "r1"]),
    Odd("45", "quitmute", ["quit : silent"], "delivered"),
    Odd("45", "quit500", ["quit : reply 500 5.5.1 what?"], "delivered"),
    Odd("45", "quit354", ["quit : reply 354 go"], "delivered"),
    Odd("45", "quitrst", ["quit : reset"], "delivered"),
    Odd("46", "tired", ["rcpt to r1@* grey 1500ms : text greylisted"], "delivered", sink="idle",
        site="connections = 1; idle = 5s"),
    Odd("47", "mailmax", [], "delivered", sink="mailmax", site="connections = 1"),
    # F. Extensions
    Odd("48", "drip", ["connect : drip 100us"], "delivered"),
    Odd("48", "batch", ["connect : lag 30ms"], "delivered"),
    Odd("49", "bdat502", ["ehlo : raw 250-mx\\r\\n250-PIPELINING\\r\\n250 CHUNKING\\r\\n"], "delivered",
        sink="nobdat"),
    Odd("49", "bdatgood", [], "delivered", sink="bdat"),
    Odd("50", "seven", ["ehlo : raw 250-mx\\r\\n250 PIPELINING\\r\\n"], "delivered"),
    Odd("50", "utf8", ["ehlo : raw 250-mx\\r\\n250 8BITMIME\\r\\n"], "bounced", "SMTPUTF8", "5.6.7",
        locals=["ö0", "ö1"]),
    # G. TLS
    Odd("51", "stripped", [], "delivered"),
    Odd("51", "strippedenc", [], "deferred", "STARTTLS is not offered", site="tls = encrypt"),
    Odd("52", "tlsnoise", ["tls : delay 20ms raw 250 what?\\r\\n"], "delivered", sink="tls"),
    Odd("52", "tlsnoiseenc", ["tls : delay 20ms raw 250 what?\\r\\n"], "deferred", "TLS", sink="tls",
        site="tls = encrypt"),
    Odd("52", "tlsshut", ["tls : delay 20ms close"], "delivered", sink="tls"),
    Odd("52", "tlsmute", ["tls : silent"], "delivered", sink="tls"),
    Odd("52", "expired", [], "deferred", "certificate has expired", sink="expired",
        site="tls = verify"),
    Odd("52", "expiredopp", [], "delivered", sink="expired"),
    Odd("52", "other", [], "deferred", "hostname mismatch", sink="other", site="tls = verify"),
    Odd("52", "tls12", [], "delivered", sink="tls12", site="tls = encrypt"),
    Odd("52", "inject", ["starttls : raw 220 go\\r\\n250 evil\\r\\n"], "deferred", NOT_SMTP, sink="tls"),
    Odd("52", "starttls454", ["starttls : reply 454 4.7.0 no entropy"], "delivered", sink="tls"),
    Odd("52", "starttls454enc", ["starttls : reply 454 4.7.0 no entropy"], "deferred", "entropy",
        sink="tls", site="tls = encrypt"),
    Odd("52", "secondlist", ["ehlo secure : raw 250-mx\\r\\n250 SIZE 100\\r\\n"], "bounced", "takes 100",
        "5.3.4", sink="tls"),
    Odd("52", "firstlist", ["ehlo clear : raw 250-mx\\r\\n250-SIZE 100\\r\\n250 STARTTLS\\r\\n"],
        "delivered", sink="tls"),
    Odd("52", "tlsagain", ["ehlo secure : raw 250-mx\\r\\n250-STARTTLS\\r\\n250 PIPELINING\\r\\n"],
        "delivered", sink="tls"),
    # DNS
    Odd("null", "nullmx", [], "bounced", "", "5.1.10", zone="@ MX 0 .\n"),
    Odd("cname", "alias", [], "delivered",
        zone="@ MX 10 mail.@\nmail.@ CNAME mx.@\nmx.@ A {addr}\n"),
    Odd("loop", "self", [], "delivered",
        zone="@ MX 5 own.@\nown.@ A 10.25.0.10\n@ MX 10 mx.@\nmx.@ A {addr}\n"),
    Odd("loop", "localhost", [], "delivered",
        zone="@ MX 5 lo.@\nlo.@ A 127.0.0.1\n@ MX 10 mx.@\nmx.@ A {addr}\n"),
    Odd("thirty", "mx30", [], "delivered", zone="@ MX 1 mx.@\nmx.@ A {addr}\n" + "".join(
        f"@ MX {n} m{n}.@\nm{n}.@ A 10.25.3.254\n" for n in range(2, 31))),
    # Others
    Odd("+", "early", ["connect : raw 220 mx\\r\\n250 mx\\r\\n"], "deferred"),
    Odd("+", "greets2", ["connect : raw 220 mx\\r\\n220 mx\\r\\n"], "deferred"),
    Odd("+", "hasty", ["ehlo : then close"], "deferred", CLOSED, "4.4.1"),
    Odd("+", "ehlotwice", ["ehlo : raw 250 mx\\r\\n250 mx\\r\\n"], "deferred"),
    Odd("+", "lfonly", ["rcpt : raw 250 ok\\n", "message : raw 250 taken\\n"], "delivered"),
    Odd("+", "nul", ["rcpt : raw 550 5.1.1 a\\x00b\\r\\n"], "bounced", "5.1.1 a"),
    Odd("+", "tab", ["rcpt : raw 250\\tok\\r\\n"], "deferred", NOT_SMTP),
    Odd("+", "fourdigits", ["rcpt : raw 2500 ok\\r\\n"], "deferred", NOT_SMTP),
    Odd("+", "mixedlines", ["ehlo : raw 250 mx\\r\\n", "rcpt : raw 250-ok\\r\\n550 5.1.1 no\\r\\n"], "bounced", "no"),
    Odd("+", "dottwice", ["message : raw 250 ok\\r\\n250 ok\\r\\n"], "delivered"),
    Odd("+", "dotearly", ["data : raw 354 go\\r\\n250 taken\\r\\n"], "deferred"),
    Odd("+", "dot354", ["message : reply 354 more"], "unconfirmed", copies="2..2"),
    Odd("+", "mail521", ["mail : reply 521 5.3.2 never"], "bounced", "never", "5.3.2"),
    Odd("+", "rset500", ["rcpt first 1 : reply 450 4.2.0 wait", "rset : reply 500 5.5.1 what?"],
        "delivered", site="connections = 1"),
    Odd("+", "mailfin", ["mail : close"], "deferred", CLOSED, "4.4.1"),
    Odd("+", "rcptrst", ["rcpt : reset"], "deferred", RESET),
    Odd("+", "size0", ["ehlo : raw 250-mx\\r\\n250 SIZE 0\\r\\n"], "delivered"),
    Odd("+", "sizehuge", ["ehlo : raw 250-mx\\r\\n250 SIZE 18446744073709551616\\r\\n"], "delivered"),
    Odd("+", "sizewords", ["ehlo : raw 250-mx\\r\\n250 SIZE lots\\r\\n"], "delivered"),
    Odd("+", "rcptmax0", ["ehlo : raw 250-mx\\r\\n250 LIMITS RCPTMAX=0 MAILMAX=0\\r\\n"], "delivered"),
    Odd("+", "dataafter", ["message : then close"], "delivered", site="connections = 1"),
]
