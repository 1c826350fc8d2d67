#!/usr/bin/python3
"""Scripts explain themselves, and refuse silly input in one line with status 2."""

import os
import subprocess
import sys
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts")

# command, words of the one line
WRONG = [
    ("setup --frobnicate", 'unknown option "--frobnicate"'),
    ("quickstart --recipients", "needs a number"),
    ("quickstart --recipients 12", "from 100 to 10,000,000"),
    ("quickstart --recipients 1e6", "from 100 to 10,000,000"),
    ("tap-up --name", "needs a value"),
    ("tap-up --name averyveryverylongname", "1 to 15"),
    ("tap-up --name a/b", "1 to 15"),
    ("tap-up --net 10.26.0.1", "10.26.0.1"),
    ("tap-up --net 10.26.0.300/24", "10.26.0.300/24"),
    ("tap-up --net 10.26.0.0/24", "host address"),
    ("tap-up --net6 fe80::zz/64", "fe80::zz/64"),
    ("tap-up --owner no-such-user-here", "no-such-user-here"),
    ("tap-down --name a/b", "1 to 15"),
    ("tap-down --frobnicate", "unknown option"),
    ("bench", "NAME"),
    ("bench nothing", "nothing"),
    ("bench smtp --row A", "name of a row"),
    ("sim", "--seeds"),
    ("sim --seeds many", "takes a number"),
    ("test --frobnicate", "unknown option"),
]


class Args(unittest.TestCase):
    def run_script(self, words):
        name, *args = words.split()
        return subprocess.run([os.path.join(SCRIPTS, name), *args], capture_output=True,
                              text=True, check=False, timeout=20)

    def test_every_script_has_help(self):
        for name in sorted(os.listdir(SCRIPTS)):
            if not os.access(os.path.join(SCRIPTS, name), os.X_OK) or name == "lib" or \
                    os.path.isdir(os.path.join(SCRIPTS, name)):
                continue
            with self.subTest(name):
                done = self.run_script(name + " --help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(name, done.stdout.split("\n")[0])
                self.assertGreater(len(done.stdout), 100)

    def test_wrong_input_is_one_line_and_status_2(self):
        for words, want in WRONG:
            with self.subTest(words):
                done = self.run_script(words)
                self.assertEqual(done.returncode, 2, done)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertIn(want, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
