#!/usr/bin/python3
"""bench_compose.py BUILD JSON RUNS: what one core composes, renders, signs and imports.

Everything is CPU time of one thread. A ratio compares with `openssl speed` of the same run: signed
messages over bare signatures. Medians of RUNS; text output has their range beside them.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import bench_import

SECONDS = 1.0
HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = ("Spring is here and so are our new things, made with care in small numbers, sent the day you "
         "order and taken back for a month. ")

# metric, unit, what must be reached
METRICS = [
    ("render_bytes_per_second", "bytes/s", 1e9),
    ("compose_per_second", "messages/s", 250000),
    ("ed25519_ratio", "ratio", 0.80),
    ("rsa2048_ratio", "ratio", 0.85),
    ("render_vs_liquidjs", "ratio", None),
] + bench_import.METRICS


def newsletter():
    """5 KB with 10 variables, a loop and a condition."""
    parts = ["<html><body>\n<h1>Hello {{ v0 }}</h1>\n"]
    for i in range(1, 10):
        parts.append(f"<p class='text'>{WORDS * 4}</p>\n<p>{{{{ v{i} }}}}</p>\n")
    parts.append("{% if vip %}<p>Free delivery for you.</p>{% else %}<p>Delivery is 4 a parcel.</p>"
                 "{% endif %}\n<ul>\n{% for item in items %}<li>{{ item.name }}: {{ item.price }}</li>\n"
                 "{% endfor %}</ul>\n</body></html>\n")
    return "".join(parts)


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def prepare(folder):
    """The template of a 2 KB message, the newsletter, two keys."""
    os.mkdir(folder + "/tpl")
    write(folder + "/tpl/message.liquid",
          "Subject: News for {{ v0 }}\nFrom: Shop <news@shop.example>\n"
          "List-Unsubscribe: <https://u.shop.example/{{ v2 | url_encode }}>\n"
          "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n")
    write(folder + "/tpl/body.text.liquid", "Hello {{ v0 }},\n\n" + (WORDS + "\n") * 3 + "\n{{ v1 }}\n")
    write(folder + "/tpl/body.html.liquid", "<html><body><h1>Hello {{ v0 }}</h1>\n" +
          f"<p>{WORDS}</p>\n" * 5 + "<p>{{ v1 }}</p></body></html>\n")
    write(folder + "/newsletter.liquid", newsletter())
    for name, args in (("rsa", ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")), ("ed", ("ED25519",))):
        path = f"{folder}/{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", *args, "-out", path], check=True,
                       capture_output=True)
        os.chmod(path, 0o600)


def rate(*argv):
    """(operations a second, bytes a second, bytes an operation)"""
    run = subprocess.run(argv, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"bench: {' '.join(argv)}: {run.stderr.strip()}")
    n, seconds, size = map(float, run.stdout.split())
    return n / seconds, size / seconds, size / n


def openssl_signs(name):
    run = subprocess.run(["openssl", "speed", "-seconds", str(int(SECONDS)), name],
                         capture_output=True, text=True, check=True)
    line = [l for l in run.stdout.splitlines() if "bits" in l and re.search(r"\d+\.\d+s", l)][-1]
    return float(re.findall(r"(\d+\.\d)(?!\S*s)", line)[0])


def liquidjs(build, folder):
    """Bytes a second of the same template by LiquidJS, or None where npm has not brought it."""
    node = build + "/node"
    if not os.path.isdir(node + "/node_modules/liquidjs"):
        return None
    return rate("node", HERE + "/bench_liquidjs.js", node, folder + "/newsletter.liquid",
                str(SECONDS))[1]


def measure(build, folder):
    exe = build + "/tests/templates/compose_rate"
    seconds = str(SECONDS)
    _n, rendered, size = rate(exe, "render", folder + "/newsletter.liquid", seconds)
    composed, _b, message = rate(exe, "compose", folder + "/tpl", seconds)
    out = {"render_bytes_per_second": rendered, "compose_per_second": composed}
    out.update(bench_import.measure(build, folder))
    for metric, key, name in (("ed25519_ratio", "ed", "ed25519"), ("rsa2048_ratio", "rsa", "rsa2048")):
        # before and after, so that a slower moment weighs on both
        before = openssl_signs(name)
        signed = rate(exe, "compose", folder + "/tpl", seconds, f"{folder}/{key}.pem")[0]
        out[metric] = signed / ((before + openssl_signs(name)) / 2)
    other = liquidjs(build, folder)
    if other is not None:
        out["render_vs_liquidjs"] = rendered / other
    return out, size, message


def main():
    build, as_json, runs = sys.argv[1], sys.argv[2] == "1", int(sys.argv[3])
    results = []
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        bench_import.prepare(build, folder)
        for _ in range(runs):
            got, size, message = measure(build, folder)
            results.append(got)
    if not as_json:
        print(f"one core, CPU time, median of {runs}; a newsletter of {size:.0f} bytes, a message of "
              f"{message:.0f} bytes")
    failed = False
    for metric, unit, must in METRICS:
        values = sorted(r[metric] for r in results if metric in r)
        if not values:
            print(f"{metric}: LiquidJS is not installed; scripts/setup --node does it", file=sys.stderr)
            continue
        median = statistics.median(values)
        failed |= must is not None and median < must
        if as_json:
            print(json.dumps({"metric": metric, "value": round(median, 4), "unit": unit}))
        else:
            shown = f"{median:,.3f}" if unit == "ratio" else f"{median:,.0f} {unit}"
            low, high = (f"{v:,.3f}" if unit == "ratio" else f"{v:,.0f}" for v in (values[0], values[-1]))
            wanted = "" if must is None else f"; must be {must:,.2f}" if unit == "ratio" else f"; must be {must:,.0f}"
            print(f"  {metric:26} {shown}  ({low} to {high}{wanted})")
    return 1 if failed else 0


sys.exit(main())
