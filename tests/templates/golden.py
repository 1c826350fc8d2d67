#!/usr/bin/python3
"""golden.py POSTHASTE: every case of the public golden-liquid suite that is in data/ renders through
`posthaste render --batch` to what it says, or is refused where it says so. What this test adds of
its own: the cases of data/liquid.jsonl, judged by what Shopify's Ruby does; an answer for each line whatever it holds, and one template with its data as files."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

EXE = sys.argv[1]
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
DATA = os.path.join(FOLDER, "golden-liquid-a.json")


def run(words, text=""):
    return subprocess.run([EXE, "render", *words], input=text.encode(), capture_output=True,
                          check=False)


def batch(lines, *words):
    out = run([*words, "--batch", "-"], "".join(lines))
    assert out.returncode == 0 and out.stderr == b"", out.stderr
    return [json.loads(line) for line in out.stdout.decode().splitlines()]


def is_right(case, answer):
    if case.get("invalid"):
        return set(answer) == {"error"} and answer["error"] != ""
    return set(answer) == {"result"} and \
        answer["result"] in case.get("results", [case.get("result")])


class Golden(unittest.TestCase):
    def test_every_case_of_the_suite(self):
        with open(DATA, encoding="utf-8") as f:
            cases = json.load(f)["tests"]
        fields = ("template", "data", "templates")
        answers = batch(json.dumps({k: c[k] for k in fields if k in c}) + "\n" for c in cases)
        self.assertEqual(len(answers), len(cases))
        self.assertGreater(len(cases), 500)
        for case, answer in zip(cases, answers):
            with self.subTest(case["name"]):
                self.assertTrue(is_right(case, answer), f"{case['template']!r}: got {answer}")

    def test_every_case_of_our_own(self):
        with open(os.path.join(FOLDER, "liquid.jsonl"), encoding="utf-8") as f:
            lines = f.readlines()
        self.assertGreater(len(lines), 680)
        for line, answer in zip(lines, batch(lines), strict=True):
            with self.subTest(line):
                self.assertTrue(is_right(json.loads(line), answer), f"{line}: got {answer}")

    def test_a_line_that_is_wrong_gets_an_answer_too(self):
        lines = ["{", "[]", "{}", '{"template": 1}', "", '{"template": "a", "data": [1]}',
                 '{"template": "a", "templates": {"x": 1}}', '{"template": "{{ x"}',
                 '{"template": "{{ x | base64_decode }}", "data": {"x": "/w=="}}',
                 '{"template": "{% include \'p\' %}", "templates": {"p": "a\\n{% if %}"}}',
                 '{"template": "a", "data": {"x": ' + "[" * 70 + "]" * 70 + "}}"]
        answers = batch(line + "\n" for line in lines)
        self.assertEqual(len(answers), len(lines))
        for line, answer in zip(lines, answers):
            self.assertEqual(list(answer), ["error"], line)
        self.assertEqual(answers[7]["error"],
                         'template:1:1: "{{" is never closed; expected "}}"')
        self.assertEqual(answers[9]["error"], "p:2:7: expected a variable, a quoted text or a "
                         "number, found the end of the braces")

    def test_html_is_escaped_when_asked(self):
        line = json.dumps({"template": "{{ x }}{{ x | raw }}{{ nosuch }}", "data": {"x": "<é\n"}})
        self.assertEqual(batch([line]), [{"result": "<é\n<é\n"}])
        self.assertEqual(batch([line], "--html"), [{"result": "&lt;é\n<é\n"}])

    def test_a_template_with_its_data_and_partials(self):
        with tempfile.TemporaryDirectory() as folder:
            def write(name, text):
                path = os.path.join(folder, name)
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
                return path
            data = write("data.json", '{"n": [1, 2.50, "x"]}')
            write("p.liquid", "<{{ i }}>")
            main = write("main.txt", "{% for i in n %}{% include 'p' %}{% endfor %}\n")
            out = run([main, "--data", data, "--partials", folder])
            self.assertEqual((out.returncode, out.stdout), (0, b"<1><2.5><x>\n"))
            bad = write("bad.txt", "a\n  {{ 1 | nosuch }}")
            out = run([bad])
            self.assertEqual((out.returncode, out.stdout), (1, b""))
            self.assertIn(b':2:10: unknown filter "nosuch"', out.stderr)
            self.assertEqual(run([main, "--data", write("no.json", "{")]).returncode, 1)
            self.assertEqual(run([os.path.join(folder, "none")]).returncode, 1)
        self.assertEqual(run([]).returncode, 2)
        self.assertEqual(run(["--batch", "x", "y"]).returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
