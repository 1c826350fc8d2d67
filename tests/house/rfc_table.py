#!/usr/bin/python3
"""The tables of RFC clauses name tests that are there.

Of the rules in dataplane/tcp/README.md and of the forty scenarios in dataplane/README.md: each test
named is in a suite. Of the scenarios also: none is missing, and a dialogue with sequence numbers is
in a suite that runs where they wrap and where they change sign.
"""

import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TCP_TESTS = os.path.join(ROOT, "tests/dataplane/tcp")


def rows_of(path, head):
    """The table that begins with the line `head`, without its ruler."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as readme:
        lines = readme.read().split(head + "\n")[1].splitlines()[1:]
    for i, line in enumerate(lines):
        if not line.startswith("|"):
            return lines[:i]
    return lines


def names_of(text):
    return set(re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+){2,}\b", text))


def suites(path):
    """Test name -> file, of each suite that a pattern matches."""
    found = {}
    for name in glob.glob(os.path.join(ROOT, path)):
        with open(name, encoding="utf-8") as source:
            for test in re.findall(r"TEST\(\s*(\w+)\s*\)", source.read()):
                found[test] = name
    return found


def check_places():
    """The suites of the bench run at all places; returns them and those without numbers."""
    with open(os.path.join(TCP_TESTS, "meson.build"), encoding="utf-8") as build:
        text = build.read()
    lists = {
        name: set(re.findall(r"'(\w+)'", body))
        for name, body in re.findall(r"^(tests\w*) = \[(.*?)\]", text, re.S | re.M)
    }
    places = {int(p, 16) for p in re.findall(r"'([0-9a-f]{8})'", text)}
    for edge in (1 << 31, 1 << 32):
        if not any(edge - 256 <= p < edge for p in places):
            sys.exit(f"no dialogue begins just below {edge:#x}")
    return lists["tests_eal"] | lists["tests"]


def check_scenarios(rows, there):
    numbers = [int(row.split("|")[1]) for row in rows]
    if numbers != list(range(1, 41)):
        sys.exit(f"the scenarios are not 1 to 40: {numbers}")
    run = {f"test_{suite}.c" for suite in check_places()}
    for row in rows:
        tests = names_of(row.split("|")[4])
        if not tests:
            sys.exit("a scenario without a test: " + row)
        for test in tests:
            at = there.get(test, "")
            if at.startswith(TCP_TESTS) and os.path.basename(at) not in run:
                sys.exit(f"{test} does not run at the places where numbers wrap")


def main():
    there = suites("tests/dataplane/*/*.c")
    rules = rows_of("dataplane/tcp/README.md", "| rule | test |")
    scenarios = rows_of("dataplane/README.md", "| # | scenario | rule | tests |")
    named = names_of(" ".join(rules)) | names_of(" ".join(scenarios))
    missing = sorted(named - set(there))
    if not rules or missing:
        sys.exit("a table names no such test: " + ", ".join(missing))
    check_scenarios(scenarios, there)
    print(f"{len(named)} tests named, all there")


if __name__ == "__main__":
    main()
