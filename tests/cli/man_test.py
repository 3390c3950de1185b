#!/usr/bin/env python3
"""The committed man pages: made by this tool, sound, and with examples that work. usage: man_test.py BINARY MAN EXAMPLES.t"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import skips  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run_transcript  # noqa: E402

BINARY, MAN, EXAMPLES = map(os.path.abspath, sys.argv[1:4])
del sys.argv[1:]


def pages(folder):
    out = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            out[name] = f.read()
    return out


def commands():
    text = subprocess.run([BINARY, "--help"], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    return re.findall(r"^  ([a-z]+)  +\S", text[text.index("\nLooking:"):text.index("\nExamples:")], re.MULTILINE)


def plain(text):
    """Text of mdoc as it is shown."""
    for escape, shown in ((r"\-", "-"), (r"\(aq", "'"), (r"\(ga", "`"), (r"\(ha", "^"), (r"\(ti", "~"), (r"\&", ""), (r"\e", "\\")):
        text = text.replace(escape, shown)
    return text


class Pages(unittest.TestCase):
    def test_they_are_what_the_tool_makes(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([BINARY, "generate", "man", "-o", folder], check=True)
            made, committed = pages(folder), pages(MAN)
        self.assertEqual(sorted(made), sorted(committed), "scripts/generate makes man/ anew")
        for name, text in made.items():
            self.assertEqual(text, committed[name], name + ": scripts/generate makes it anew")

    def test_every_command_has_one(self):
        self.assertEqual(sorted(os.listdir(MAN)), sorted(["kvcache.1", "kvcache-findings.7", "kvcache-formats.7", *("kvcache-%s.1" % c for c in commands())]))

    def test_documents_are_whole(self):
        """Every code and every class has its entry in section 7."""
        text = plain(pages(MAN)["kvcache-findings.7"])
        codes = re.findall(r"^\| (KV\d+) ", open(os.path.join(MAN, "..", "docs", "findings.md"), encoding="utf-8").read(), re.MULTILINE)
        self.assertGreater(len(codes), 90)
        self.assertEqual([code for code in codes if "\n.It " + code + "\n" not in text], [])
        self.assertIn("\n.It RotatingKVCache\n", plain(pages(MAN)["kvcache-formats.7"]))

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is missing: scripts/setup --ci installs it")
    def test_mandoc_has_nothing_to_say(self):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *(os.path.join(MAN, name) for name in sorted(os.listdir(MAN)))],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(done.stdout, "")

    def test_every_example_is_run(self):
        with open(EXAMPLES, encoding="utf-8") as f:
            run = {line for _, command, _ in run_transcript.parse(f.read(), "  ") for line in command}
        # Those of the shells are in completion_test.py; this one is no command.
        with open(os.path.join(os.path.dirname(EXAMPLES), "completion_test.py"), encoding="utf-8") as f:
            run |= {"kvcache COMMAND --help", *re.findall(r'"((?:source|kvcache) [^"\\n]*completion [^"]*)\\n?"', f.read())}
        shown = {plain(line) for name, text in pages(MAN).items() if name.endswith(".1")
                 for line in re.findall(r"^\.Bd -literal[^\n]*\n(.*)\n\.Ed$", text, re.MULTILINE)}
        self.assertGreaterEqual(len(shown), 2 * len(commands()))
        self.assertEqual(sorted(shown - run), [], "not in " + EXAMPLES)


if __name__ == "__main__":
    skips.main()
