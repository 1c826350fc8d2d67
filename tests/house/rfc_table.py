#!/usr/bin/python3
"""Each test that a room's table of RFC clauses names is in a suite."""

import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")

suites = ""
for path in glob.glob(os.path.join(ROOT, "tests/dataplane/*/*.c")):
    with open(path, encoding="utf-8") as source:
        suites += source.read()
there = set(re.findall(r"TEST\(\s*(\w+)\s*\)", suites))
for room in ("tcp", "net"):
    with open(os.path.join(ROOT, f"dataplane/{room}/README.md"), encoding="utf-8") as readme:
        rows = readme.read().split("| rule | test |")[1].splitlines()[2:]
    rows = [row for row in rows if row.startswith("|")]
    named = set(re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+){2,}\b", " ".join(rows)))
    missing = sorted(named - there)
    if not named or missing:
        sys.exit(f"the table of {room} names no such test: " + ", ".join(missing))
    print(f"{room}: {len(named)} tests named, all there")
