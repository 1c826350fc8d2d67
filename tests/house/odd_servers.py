#!/usr/bin/python3
"""Every odd server of the list has a row in tests/dataplane/smtp/odd_servers.md, every test that a row
names is in the suite it names, and its domains are those of tests/system/odd_cases.py."""

import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TABLE = os.path.join(ROOT, "tests/dataplane/smtp/odd_servers.md")
NUMBERS = [str(n) for n in range(1, 53)] + ["null", "cname", "loop", "thirty", "equal", "+"]

sys.path.insert(0, os.path.join(ROOT, "tests/system"))
sys.dont_write_bytecode = True
from odd_cases import ODD, SINKS  # noqa: E402


def rows():
    """Number -> (tests as (suite, name), domains)."""
    found = {}
    with open(TABLE, encoding="utf-8") as table:
        for line in table:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not line.startswith("| ") or len(cells) != 5 or cells[0] == "#":
                continue
            if cells[0] in found:
                sys.exit(f"two rows of {cells[0]}")
            tests = [tuple(part.split(": ")) for part in cells[3].split("; ")]
            found[cells[0]] = (tests, [d for d in cells[4].split(", ") if d])
    return found


def suites():
    """Suite -> the tests in its SUITE()."""
    found = {}
    for path in glob.glob(os.path.join(ROOT, "tests/*/*/*.c")):
        with open(path, encoding="utf-8") as source:
            text = source.read()
        found[os.path.basename(path)[:-2]] = set(re.findall(r"TEST\(\s*(\w+)\s*\)", text))
    return found


def check_tests(table, there):
    n = 0
    for number, (tests, _) in table.items():
        for test in tests:
            if len(test) != 2 or test[1] not in there.get(test[0], ()):
                sys.exit(f"{number}: no test \"{': '.join(test)}\"")
            n += 1
    return n


def check_domains(table):
    met = {}
    for odd in ODD:
        met.setdefault(odd.number, []).append(odd.name)
        if odd.sink not in SINKS:
            sys.exit(f"{odd.name}: no sink {odd.sink}")
    names = [odd.name for odd in ODD]
    if len(set(names)) != len(names):
        sys.exit("a domain stands twice in odd_cases.py")
    for number in NUMBERS:
        want, have = sorted(met.pop(number, [])), sorted(table[number][1])
        if want != have:
            sys.exit(f"{number}: domains are {have}, in odd_cases.py {want}")
    if met:
        sys.exit(f"numbers of odd_cases.py without a row: {sorted(met)}")


def main():
    table = rows()
    if list(table) != NUMBERS:
        sys.exit(f"rows missing, too many or out of order: {sorted(set(NUMBERS) ^ set(table))}")
    n = check_tests(table, suites())
    check_domains(table)
    print(f"{len(table)} rows, {n} tests named, {len(ODD)} domains")


if __name__ == "__main__":
    main()
