"""What one core imports: rows of a recipient list a second, CPU time of the importing thread."""

import os
import shutil
import subprocess
import sys

ROWS = 1000000

# metric, unit, what must be reached
METRICS = [("import_rows_per_second", "rows/s", 500000)]


def run(exe, *words):
    done = subprocess.run([exe, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {exe} {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def exe_of(build):
    return build + "/tests/control/campaign/import_rate"


def prepare(build, folder):
    """A list of ROWS rows: address, names, city, number; a hundredth of the addresses twice."""
    run(exe_of(build), "make", str(ROWS), folder + "/list.csv")


def measure(build, folder):
    """{metric: value} of one import."""
    table = folder + "/table"
    os.mkdir(table)
    rows, _recipients, cpu_s, _wall_s, _peak_kib = map(
        float, run(exe_of(build), "import", folder + "/list.csv", table).split())
    shutil.rmtree(table)
    return {"import_rows_per_second": rows / cpu_s}
