#!/usr/bin/python3
"""The content gate from rules to receivers: what it rejects fails with the rule's name, what it holds waits
until it is released, what it tags arrives with the tag on top; three stops pause a campaign, through a kill
and a restart, as do the counts; so do attached files by name and content; rules that are read again apply to
the next campaign."""

import glob
import json
import shutil

import systest
from receiver import Receiver, domain
from running import Running
from testnet import conf
from testnet.internet import Internet

RULES = """\
stop.curly  stop all       reject /\\{\\{[a-z_]{1,40}\\}\\}/  unresolved placeholder
hold.word   note all       hold   /holdme/                the word holdme
tag.word    note text,html tag    /tagme/                 the word tagme
note.word   note text      pass   /pointsof/              the word pointsof
stop.exe    stop attachment reject /\\.exe$/i            a program is attached
stop.eicar  stop all,file  reject /\\$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!\\$H\\+H\\*/ the EICAR test file
tag.paper   note text      tag    /read the small print/  said in an attached text
"""
# in two halves: this file is none
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" b"ANTIVIRUS-TEST-FILE!$H+H*"
BAD_RULES = "stop.one stop all reject /(a)\\1/ a back reference\n"
RECEIVERS_OWN = ("X-Client-", "X-Helo-", "X-Mail-", "X-Rcpt-")
NAMES = {"reject": "{{first_name}}", "hold": "holdme", "tag": "tagme"}


def write_conf(run, rate):
    conf.write(run / "conf", run / "state", connections=1, rate=rate)
    with open(run / "conf", "a", encoding="utf-8") as f:
        f.write(f'gate {{\n\trules = "{run}/rules"\n}}\n')
    (run / "rules").write_text(RULES)


def write_list(path, kinds):
    """One row a kind: its name, or Ann."""
    path.write_text("email,name,city,points\n" + "".join(
        f"{kind}{n:03d}@gate.test,{NAMES.get(kind, 'Ann')},Oslo,1\n" for n, kind in enumerate(kinds)))


def campaign(engine, name):
    done = engine.ctl("--json", "show", "campaign", name)
    systest.equal(done.returncode, 0, f"show campaign: {done.stderr}")
    return json.loads(done.stdout)


def is_over(engine, name):
    told = campaign(engine, name)
    return told["in_flight"] == 0 and told["states"]["pending"] == 0


def mails(run):
    out = []
    for path in glob.glob(str(run / "mail/gate/**/*"), recursive=True):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                out.append(f.read())
        except IsADirectoryError:
            pass
    return out


def states_of(engine, name, kind):
    return {s for a, s in engine.states(name).items() if a.startswith(kind)}


def what_rules_say_is_done(engine, run):
    write_list(run / "list.csv", ["plain"] * 20 + ["reject", "hold", "hold", "tag"])
    engine.campaign("first", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
    systest.wait_for(lambda: is_over(engine, "first"), 30, "the first campaign is through")
    for kind, want in (("plain", "delivered"), ("reject", "failed"), ("hold", "held"), ("tag", "delivered")):
        systest.equal(states_of(engine, "first", kind), {want}, kind)
    told = campaign(engine, "first")
    systest.equal(told["status"], "running", "what is held is not over")
    hits = {h["rule"]: h["hits"] for h in told["gate"]}
    systest.equal(hits, {"stop.curly": 1, "hold.word": 2, "tag.word": 1}, "hits of the campaign")
    reasons = [d["first_reason"] for d in told["domains"]]
    systest.check(any("content gate: " in (r or "") for r in reasons), f"no rule is named: {reasons}")
    tagged = [m for m in mails(run) if "tagme" in m]
    systest.equal(len(tagged), 1, "tagged messages")
    ours = [line for line in tagged[0].splitlines() if not line.startswith(RECEIVERS_OWN)]
    systest.equal(ours[0], "X-Posthaste-Tag: tag.word", "on top of the message")
    systest.equal(len([m for m in mails(run) if "X-Posthaste-Tag" in m]), 1, "messages with a tag")
    done = engine.ctl("campaign", "release", "first")
    systest.equal(done.returncode, 0, f"release: {done.stderr}")
    systest.check("2 recipients" in done.stdout, f"release says {done.stdout!r}")
    systest.wait_for(lambda: engine.is_settled("first", 24), 20, "what was released is sent")
    systest.equal(states_of(engine, "first", "hold"), {"delivered"}, "released")


def what_is_held_can_be_given_up(engine, run):
    write_list(run / "list.csv", ["hold"] * 3)
    engine.campaign("given-up", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
    systest.wait_for(lambda: campaign(engine, "given-up")["states"]["held"] == 3, 20, "all are held")
    done = engine.ctl("campaign", "cancel", "held", "given-up")
    systest.equal(done.returncode, 0, f"cancel held: {done.stderr}")
    systest.equal(states_of(engine, "given-up", "hold"), {"cancelled"}, "given up")
    systest.equal(campaign(engine, "given-up")["status"], "done", "nothing is left of it")


def three_stops_pause_until_resumed(engine, run):
    write_list(run / "list.csv", ["reject"] * 3 + ["plain"] * 60)
    engine.campaign("paused", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
    systest.wait_for(lambda: campaign(engine, "paused")["status"] == "paused", 20, "it is paused")
    systest.check("stop.curly" in campaign(engine, "paused")["paused_why"], "the reason names no rule")
    systest.wait_for(lambda: campaign(engine, "paused")["in_flight"] == 0, 20, "nothing is in flight")
    left = campaign(engine, "paused")["states"]["pending"]
    systest.check(left > 0, "it was paused when all was over")
    engine.kill()
    engine.start()
    told = campaign(engine, "paused")
    systest.equal((told["status"], told["states"]["pending"]), ("paused", left), "behind a kill")
    systest.equal(engine.ctl("campaign", "resume", "paused").returncode, 0, "resume")
    systest.wait_for(lambda: engine.is_settled("paused", 63), 30, "the rest is sent")
    systest.equal(states_of(engine, "paused", "reject"), {"failed"}, "stopped")
    systest.equal(states_of(engine, "paused", "plain"), {"delivered"}, "let go on")


def stops_are_counted_over_a_kill(engine, run):
    """Two before it, one after it; and what rules hit before a restart is shown after it."""
    write_list(run / "list.csv", ["reject"] * 2 + ["plain"] * 80 + ["reject"] + ["plain"] * 20)
    engine.campaign("two-and-one", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
    systest.wait_for(lambda: campaign(engine, "two-and-one")["states"]["failed"] == 2, 20, "two are stopped")
    systest.equal(campaign(engine, "two-and-one")["status"], "running", "after two stops")
    engine.kill()
    engine.start()
    systest.equal(campaign(engine, "two-and-one")["status"], "running", "after two stops and a kill")
    systest.wait_for(lambda: campaign(engine, "two-and-one")["status"] == "paused", 30, "the third pauses it")
    systest.equal(campaign(engine, "two-and-one")["states"]["failed"], 3, "stopped in all")
    systest.check(campaign(engine, "two-and-one")["states"]["pending"] > 0, "it was paused when all was over")
    systest.wait_for(lambda: campaign(engine, "two-and-one")["in_flight"] == 0, 20, "nothing is in flight")
    names = ("first", "given-up", "two-and-one")
    before = {name: campaign(engine, name)["gate"] for name in names}
    systest.check(all(before.values()), f"hits before a restart: {before}")
    systest.equal(engine.stop(), 0, "exit status")
    engine.start()
    systest.equal({name: campaign(engine, name)["gate"] for name in names}, before, "hits behind a restart")
    shown = json.loads(engine.ctl("--json", "show", "gate", "first").stdout)["hits"]
    systest.equal({h["rule"]: h["hits"] for h in shown}["hold.word"], 4,
                  "`show gate` of one campaign: twice held or passed over, released, twice again")
    everywhere = json.loads(engine.ctl("--json", "show", "gate").stdout)["hits"]
    systest.check(len({h["rule"] for h in everywhere}) == len(everywhere), "a rule is told twice")


def with_file(run, name, content):
    """A template folder with this file attached."""
    folder = run / f"template-{name}"
    shutil.copytree(systest.REPO / "scripts/quickstart.d/welcome", folder)
    (folder / "attachments").mkdir()
    (folder / "attachments" / name).write_bytes(content)
    return folder


def files_are_looked_at(engine, run):
    """A name, bytes in the midst of a binary file, and what an attached text says."""
    before = engine.stats()["gate_known_bytes"]
    for name, content, rule in (("Bill.EXE", b"MZ", "stop.exe"),
                                ("data.bin", bytes(range(256)) * 64 + EICAR + bytes(1000), "stop.eicar")):
        write_list(run / "list.csv", ["plain"] * 10)
        engine.campaign(rule, run / "list.csv", with_file(run, name, content))
        systest.wait_for(lambda: campaign(engine, rule)["status"] == "paused", 20, f"{name} pauses its campaign")
        systest.wait_for(lambda: campaign(engine, rule)["in_flight"] == 0, 20, "nothing is in flight")
        told = campaign(engine, rule)
        systest.check(rule in told["paused_why"], f"the reason names no rule: {told['paused_why']}")
        systest.equal(told["states"]["delivered"], 0, f"delivered with {name}")
        systest.check(told["states"]["failed"] >= 3, f"{told['states']} with {name}")
        systest.equal([h["rule"] for h in told["gate"]], [rule], f"rules that {name} hit")
    write_list(run / "list.csv", ["plain"] * 5)
    engine.campaign("paper", run / "list.csv", with_file(run, "terms.txt", b"Please read the small print."))
    systest.wait_for(lambda: engine.is_settled("paper", 5), 20, "the campaign with terms is sent")
    systest.equal(states_of(engine, "paper", "plain"), {"delivered"}, "with an attached text")
    systest.equal(len([m for m in mails(run) if "X-Posthaste-Tag: tag.paper" in m]), 5, "tagged by it")
    known = engine.stats()["gate_known_bytes"] - before
    systest.check(known >= 2 * len(EICAR), f"{known} bytes of files were not scanned again")


def rules_change_while_it_runs(engine, run):
    (run / "rules").write_text("broken\n")
    done = engine.ctl("reload")
    systest.check(done.returncode != 0 and "rules:1:" in done.stderr, f"reload says {done.stderr!r}")
    (run / "rules").write_text(BAD_RULES)
    systest.equal(engine.ctl("reload").returncode, 0, "reload")
    gate = systest.wait_for(lambda: json.loads(engine.ctl("--json", "show", "gate").stdout), 10, "gate")
    systest.wait_for(lambda: json.loads(engine.ctl("--json", "show", "gate").stdout)["trouble"], 10,
                     "the pattern is refused")
    gate = json.loads(engine.ctl("--json", "show", "gate").stdout)
    systest.check("rules:1: rule stop.one" in gate["trouble"], f"trouble: {gate['trouble']}")
    systest.equal(gate["rules"], 7, "the old rules stay")
    (run / "rules").write_text(RULES.replace("holdme", "Ann"))
    systest.equal(engine.ctl("reload").returncode, 0, "reload")
    systest.wait_for(lambda: engine.stats()["gate_swaps"] >= 2, 10, "the worker has gone over")
    write_list(run / "list.csv", ["plain"] * 2)
    engine.campaign("changed", run / "list.csv", systest.REPO / "scripts/quickstart.d/welcome")
    systest.wait_for(lambda: campaign(engine, "changed")["states"]["held"] == 2, 20, "the new rule holds")


def the_gate_from_rules_to_receivers():
    run = systest.run_dir()
    for name in ("mail", "state"):
        (run / name).mkdir(mode=0o755)
    write_conf(run, 20)
    engine = Running(run)
    with Internet(systest.BUILD, run / "mail", [domain("gate.test", "10.25.3.1")]):
        with Receiver("10.25.3.1", run / "mail/gate"):
            engine.start()
            what_rules_say_is_done(engine, run)
            what_is_held_can_be_given_up(engine, run)
            three_stops_pause_until_resumed(engine, run)
            stops_are_counted_over_a_kill(engine, run)
            files_are_looked_at(engine, run)
            rules_change_while_it_runs(engine, run)
            systest.equal(engine.stop(), 0, "exit status")


systest.main(the_gate_from_rules_to_receivers)
