"""Recipient lists for the test internet: good rows, bad ones and duplicates, always the same."""

import csv

from . import domains

FIRST = ("Anna", "Ben", "Chloé", "Dmitri", "Eve & Co", "Fatima", "<Gus>", "Hélène", "Ivan", "Jürgen")
CITIES = ("Oslo", "Köln", "Porto", "Łódź", "Graz", "Bern", "Nice", "Turku")

# Rows that an import must reject, with the reason.
BAD_ROWS = [
    ("no-at-sign.alpha.test", "no @"),
    ("@alpha.test", "empty local part"),
    ("nobody@", "empty domain"),
    ("two@at@alpha.test", "two @"),
    ("space in@alpha.test", "a space"),
    ("x" * 65 + "@alpha.test", "local part over 64 octets (RFC 5321 4.5.3.1.1)"),
    ("a@" + "d" * 64 + ".test", "label over 63 octets (RFC 1035 2.3.4)"),
    ("dot.@alpha.test", "dot at the end of the local part"),
    ("", "empty"),
]
N_DUPLICATES = 3


def addresses(total, served):
    """`total` distinct addresses, domains mixed as a real list would have them."""
    left = domains.split(total, served)
    used = dict.fromkeys(left, 0)
    out = []
    while len(out) < total:
        # A round takes a slice of each domain, so that no domain comes in one block.
        for name, n in left.items():
            for _ in range(min(n - used[name], max(1, n // 100))):
                used[name] += 1
                out.append(f"r{used[name]:06d}@{name}")
    return out


def row(number, address):
    return (address, FIRST[number % len(FIRST)], CITIES[number % len(CITIES)], str(1000 + number))


def write(path, total, served, bad=True):
    """Writes the list; returns the addresses that are good, in order. Rows = total + 9 + 3."""
    good = addresses(total, served)
    rows = [row(n, a) for n, a in enumerate(good)]
    if bad:
        step = max(1, len(rows) // (len(BAD_ROWS) + 1))
        for i, (address, _why) in enumerate(BAD_ROWS):
            rows.insert(min(len(rows), (i + 1) * step), (address, "Bad", "Nowhere", "0"))
        for i in range(N_DUPLICATES):
            again = good[i * 7 % len(good)]
            rows.append((again.upper().replace("R0", "r0") if i else again, "Twice", "Oslo", "0"))
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(("email", "name", "city", "points"))
        out.writerows(rows)
    return good
