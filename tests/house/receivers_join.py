#!/usr/bin/python3
"""scripts/receivers-join tells the truth: what is missing, double or mixed up is seen."""

import os
import subprocess
import sys
import tempfile
import unittest

JOIN = os.path.join(os.path.dirname(__file__), "../../scripts/receivers-join")
STATES = ("delivered", "bounced", "deferred", "unconfirmed")


class Join(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.n = 0
        self.states = {f"r{i}@alpha.test": "delivered" for i in range(5)}
        self.states.update({"soft@busy.test": "deferred", "hard@gone.test": "bounced"})
        for i in range(3):
            self.put("alpha", f"r{i}@alpha.test")
        for i in (3, 4):
            self.put("anna/new", f"r{i}@alpha.test", "Delivered-To: {}\n")

    def put(self, folder, rcpt, envelope="X-Rcpt-Args: <{}> NOTIFY=NEVER\n", own=None):
        folder = os.path.join(self.dir.name, "mail", folder)
        os.makedirs(folder, exist_ok=True)
        self.n += 1
        path = os.path.join(folder, f"m.{self.n}")
        with open(path, "w", encoding="utf-8") as f:
            f.write(envelope.format(rcpt) + f"Subject: x\nX-Recipient: {own or rcpt}\n\n"
                    "X-Rcpt-Args: <body@is.not.head>\n")
        return path

    def join(self, *args, accepted=()):
        export = os.path.join(self.dir.name, "export.csv")
        with open(export, "w", encoding="utf-8") as f:
            f.write("address,state,attempts,code,enhanced,reply\n")
            for address, state in self.states.items():
                f.write(f'{address},{state},1,250,2.0.0,"a, b"\n')
        if accepted:
            args += ("--list", os.path.join(self.dir.name, "list.csv"))
            with open(args[-1], "w", encoding="utf-8") as f:
                f.write("email\n" + "".join(a + "\n" for a in accepted))
        done = subprocess.run([JOIN, "--export", export, *args,
                               os.path.join(self.dir.name, "mail")],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def expect(self, status, *words, **kw):
        got, lines, err = self.join(*kw.pop("args", ()), **kw)
        for word in words:
            self.assertIn(word, "\n".join(lines) + err)
        self.assertEqual(got, status, (lines, err))

    def test_all_well_is_status_0_and_the_line_sums_up(self):
        status, lines, _ = self.join()
        self.assertEqual(status, 0)
        self.assertEqual(lines, [
            "receivers: distinct=5 duplicates=0",
            "recipients=7 delivered=5 bounced=1 deferred=1 unconfirmed=0 failed=0 suppressed=0 "
            "lost=0 duplicates=0"])

    def test_one_removed_message_is_one_lost(self):
        os.unlink(os.path.join(self.dir.name, "mail/alpha/m.2"))
        self.expect(1, "lost: r1@alpha.test", "lost=1 duplicates=0", "distinct=4")

    def test_a_second_copy_is_a_duplicate_and_the_window_allows_it(self):
        self.put("anna/new", "r0@alpha.test", "Delivered-To: {}\n")
        self.expect(1, "duplicates=1")
        self.expect(0, "duplicates=1", args=("--window", "1"))

    def test_a_bounced_recipient_that_has_the_message_is_untold(self):
        self.put("alpha", "hard@gone.test")
        self.expect(1, "untold: hard@gone.test", "untold=1", args=("--window", "9"))

    def test_a_recipient_nobody_listed_is_untold(self):
        self.put("alpha", "stranger@alpha.test")
        self.expect(1, "untold: stranger@alpha.test")

    def test_a_message_made_for_another_is_mixed(self):
        os.unlink(os.path.join(self.dir.name, "mail/alpha/m.1"))
        self.put("alpha", "r0@alpha.test", own="r1@alpha.test")
        self.expect(1, "mixed=1", "lost=0")

    def test_an_accepted_recipient_missing_in_the_export_is_lost(self):
        self.expect(1, "lost=1", "recipients=8", accepted=[*self.states, "left@out.test"])

    def test_domains_compare_without_case_and_local_parts_with(self):
        os.unlink(os.path.join(self.dir.name, "mail/alpha/m.1"))
        path = self.put("alpha", "r0@ALPHA.Test", own="r0@alpha.test")
        self.expect(0, "lost=0")
        os.unlink(path)
        self.put("alpha", "R0@alpha.test", own="R0@alpha.test")
        self.expect(1, "lost=1")

    def test_an_unconfirmed_recipient_may_have_it_or_not(self):
        self.states["r0@alpha.test"] = "unconfirmed"
        self.expect(0, "unconfirmed=1")
        os.unlink(os.path.join(self.dir.name, "mail/alpha/m.1"))
        self.expect(0, "unconfirmed=1", "lost=0")

    def test_an_unknown_state_is_refused(self):
        self.states["r0@alpha.test"] = "sort-of-delivered"
        self.expect(1, "unknown state sort-of-delivered")

    def test_unfinished_deliveries_do_not_count(self):
        self.put("anna/tmp", "r0@alpha.test", "Delivered-To: {}\n")
        self.expect(0, "duplicates=0")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
