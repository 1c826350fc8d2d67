"""bench_gate.py PROGRAM BUILD JSON RUNS: what a byte of mail costs in the content gate.

Rows: the shipped rules, and 1,000 made ones (200 words, 800 expressions with classes or bounded repeats),
each on the corpus tests/data/gate, every text thrown out of the caches before it is scanned. Each row is the
best of RUNS medians: what else the machine does only adds. The worst mail stands beside.
"""

import json
import pathlib
import random
import subprocess
import sys

CORPUS = pathlib.Path(__file__).resolve().parents[2] / "tests/data/gate"
LIMITS = {"gate_cycles_per_byte": 1.0, "gate_cycles_per_byte_1000": 5.0}
SYLLABLES = "ba ce di fo gu ha ki lo mu ne pra qui ro stu tri vel win xo yar zeb".split()


def word(rng, n):
    return "".join(rng.choice(SYLLABLES) for _ in range(n))


def expression(rng, n):
    """One of eight shapes, as people write them who look for phrases, numbers and links."""
    a, b = word(rng, 3), word(rng, 2)
    low = rng.randint(1, 4)
    return [
        rf"{a}[\s_-]{{1,4}}{b}",
        rf"\b{a}(?:s|ed|ing)?\b",
        rf"{a}[0-9]{{{low},{low + 8}}}",
        rf"(?:{a}|{b})[:=]\s{{0,3}}[A-Za-z0-9]{{{low + 8},40}}",
        rf"{a}[^\r\n]{{0,40}}{b}",
        rf"[A-Z]{{2,4}}-{a}-[0-9]{{4,8}}",
        rf"https?:\/\/[a-z0-9.-]{{1,40}}{a}\.[a-z]{{2,6}}",
        rf"{a[:2]}[a4@]{a[2:]}[\W_]{{0,3}}{b}",
    ][n % 8]


def write_rules(path):
    rng = random.Random(20261122)
    with open(path, "w", encoding="utf-8") as f:
        for n in range(200):
            f.write(f"word.{n} note all pass /{word(rng, 4)}/{rng.choice(['', 'i'])} a word\n")
        for n in range(800):
            f.write(f"expr.{n} note all pass /{expression(rng, n)}/{rng.choice(['', '', 'i'])} an expression\n")


def run(program, rules):
    argv = [program, "bench", "gate", "--corpus", str(CORPUS)] + (["--rules", str(rules)] if rules else [])
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    return {row["metric"]: row for row in map(json.loads, done.stdout.splitlines())}


def measure(program, rules, suffix, runs, as_json):
    rows = min((run(program, rules) for _ in range(runs)), key=lambda r: r["gate_cycles_per_byte"]["value"])
    for metric, row in rows.items():
        row["metric"] = metric + suffix
        limit = LIMITS.get(row["metric"])
        if as_json:
            print(json.dumps(row))
        else:
            print(f"{row['metric']:32} {row['value']:>12,.10g} {row['unit']}"
                  + (f"  (at most {limit})" if limit else ""))
    return rows


def main():
    program, build, as_json, runs = sys.argv[1], sys.argv[2], sys.argv[3] == "1", int(sys.argv[4])
    rules = pathlib.Path(build) / "bench_gate.rules"
    write_rules(rules)
    measure(program, None, "", runs, as_json)
    measure(program, rules, "_1000", runs, as_json)


if __name__ == "__main__":
    main()
