#!/usr/bin/python3
"""Bad input is answered in one clear line that says what, where, why and what to do, with exit
status 1 (2 for usage), and leaves nothing half-done."""

import os
import subprocess

import systest
from testnet import conf, net

LIST = "mail,name,city\na@alpha.test,Ann,Oslo\n"
GOOD_LIST = LIST.replace("mail", "email")
TEMPLATE = {"message.liquid": "Subject: hello\n", "body.text.liquid": "Dear {{ name }},\n"}


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Case:
    def __init__(self, why, args, words, status=1, conf_edit=None, files=None):
        self.why, self.args, self.words, self.status = why, args, words, status
        self.conf_edit, self.files = conf_edit, files or {}


SEND = ("send -c {conf} --name bad --template {template} --recipients {list} "
        "--from news@sender.test")
CASES = [
    Case("no command", "", ["usage"], 2),
    Case("a command that is none", "frobnicate", ["frobnicate"], 2),
    Case("an option that is none", "check --frobnicate", ["frobnicate"], 2),
    Case("run without a configuration", "run", ["-c"], 2),
    Case("send without a list", "send -c {conf} --name x --template {template} --from a@b.test",
         ["--recipients"], 2),
    Case("a configuration that is not there", "check -c {dir}/nowhere.conf",
         ["nowhere.conf", "No such file"]),
    Case("a configuration that is a folder", "check -c {dir}", ["{dir}"]),
    Case("an unknown option", "check -c {conf}", ["conf:", "conections", "did you mean"],
         conf_edit=("connections =", "conections =")),
    Case("a value out of bounds", "check -c {conf}", ["conf:", "connections"],
         conf_edit=("connections = 20", "connections = 0")),
    Case("a brace too few", "check -c {conf}", ["conf:"], conf_edit=("limits {", "limits ")),
    Case("a list without the address column", SEND,
         ['list.csv:1: no column named "email" (found: mail, name, city); rename it or use '
          "--address-column mail"], files={"list.csv": LIST}),
    Case("a list that is not there", SEND.replace("{list}", "{dir}/no.csv"), ["no.csv"]),
    Case("a template that is not there", SEND.replace("{template}", "{dir}/no-such"), ["no-such"]),
    Case("a template with an unknown variable", SEND,
         ["body.text.liquid:1:", "nmae", "did you mean"],
         files={"template/body.text.liquid": "Dear {{ nmae }},\n"}),
    Case("a port that cannot be opened", SEND, ["0000:ff:1f.7"],
         conf_edit=(f"net_tap0,iface={net.TAP}", "0000:ff:1f.7")),
    Case("no memory for the tables", SEND, ["worker."],
         conf_edit=("retry {", "worker {{\n\tbuffers = {many}\n}}\n\nretry {{")),
    Case("no engine to ask", "ctl -c {conf} show stats", ["no engine"]),
    Case("no engine to start a campaign in",
         "campaign start -c {conf} --name x --template {template} --recipients {list} "
         "--from news@sender.test", ["no engine"]),
]


def prepare(case, where):
    os.makedirs(where / "state", mode=0o700)
    os.makedirs(where / "template")
    for name, text in {**{"template/" + k: v for k, v in TEMPLATE.items()},
                       "list.csv": GOOD_LIST, **case.files}.items():
        write(where / name, text)
    conf.write(where / "conf", where / "state")
    if case.conf_edit:
        old, new = case.conf_edit
        text = (where / "conf").read_text()
        systest.check(old in text, f"{case.why}: the configuration has no {old!r}")
        write(where / "conf", text.replace(old, new.format(many=1 << 24) if "{many}" in new
                                           else new))


def judge(case, where):
    names = {"dir": where, "conf": where / "conf", "list": where / "list.csv",
             "template": where / "template"}
    argv = [systest.engine(), *(w.format(**names) for w in case.args.split())]
    env = dict(os.environ, RUNTIME_DIRECTORY=systest.folder("dpdk"))
    try:
        done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=20,
                              check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "goes on for 20 s"
    if done.returncode != case.status:
        return f"exit status {done.returncode}, want {case.status}: {done.stderr.strip()[-300:]}"
    # Usage may show what there is; everything else is one line.
    if case.status == 1 and done.stderr.strip().count("\n"):
        return f"more than one line: {done.stderr!r}"
    said = done.stderr + done.stdout if case.status == 2 else done.stderr
    for word in case.words:
        if word.format(**names).lower() not in said.lower():
            return f"does not say {word.format(**names)!r}: {said.strip()!r}"
    if (where / "list.rejected.csv").exists():
        return "left list.rejected.csv behind"
    return None


def every_bad_input_is_one_clear_line():
    net.up([])
    bad = []
    for n, case in enumerate(CASES):
        where = systest.run_dir() / str(n)
        prepare(case, where)
        why = judge(case, where)
        if why:
            bad.append(f"{case.why}: {why}")
    systest.check(not bad, "\n  " + "\n  ".join(bad))


def a_second_engine_on_the_same_state_is_refused():
    where = systest.run_dir() / "twice"
    prepare(Case("", "", []), where)
    argv = [systest.engine(), "run", "-c", str(where / "conf")]
    first = systest.start(argv)
    try:
        systest.wait_for(lambda: ctl(where).returncode == 0 or first.poll() is not None, 15,
                         "the first engine answers")
        systest.check(first.poll() is None, "the first engine ended")
        second = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
        systest.equal(second.returncode, 1, "exit status of the second")
        systest.equal(second.stderr.strip().count("\n"), 0, f"lines of {second.stderr!r}")
        systest.check("state" in second.stderr, f"names the folder: {second.stderr!r}")
        systest.equal(ctl(where).returncode, 0, "the first one still answers")
    finally:
        systest.stop(first)


def ctl(where):
    return subprocess.run([systest.engine(), "ctl", "-c", str(where / "conf"), "show", "stats"],
                          capture_output=True, text=True, check=False)


systest.main(every_bad_input_is_one_clear_line, a_second_engine_on_the_same_state_is_refused)
