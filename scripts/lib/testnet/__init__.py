"""A small internet in one network namespace: DNS, mail servers, and the kernel side of a tap.

domains.py   the table of domains and receivers; zone text
net.py       the tap, addresses
root.py      an overlay root in which the unpacked servers run
servers.py   starts and stops nsd, smtp-sink, Postfix and smtpd.py
smtpd.py     a receiver with habits (greylisting, raw capture), run as a process
internet.py  all of it together
recipients.py, conf.py   lists and configurations made for it
"""
