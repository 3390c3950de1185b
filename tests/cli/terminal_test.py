#!/usr/bin/env python3
"""What is different on a terminal: colours and progress bars. usage: terminal_test.py BINARY"""
import os
import pty
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
BINARY = os.path.abspath(sys.argv.pop(1))

from signals_test import sparse_cache  # noqa: E402


def on_terminal(*arguments, **environment):
    """-> what the tool writes to a terminal that is its standard output and standard error."""
    master, slave = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    env.update({"TERM": "xterm"}, **environment)
    process = subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    text = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # EIO: the last writer has closed it
            break
        if not part:
            break
        text += part
    os.close(master)
    process.wait()
    return text.decode()


class Colors(unittest.TestCase):
    def test_terminal_gets_colors(self):
        self.assertIn("\x1b[", on_terminal("inspect", "missing"))

    def test_colors_can_be_unwanted(self):
        self.assertNotIn("\x1b[", on_terminal("--color", "never", "inspect", "missing"))
        self.assertNotIn("\x1b[", on_terminal("inspect", "missing", NO_COLOR="1"))
        self.assertNotIn("\x1b[", on_terminal("inspect", "missing", TERM="dumb"))

    def test_always_means_always(self):
        self.assertIn("\x1b[", on_terminal("inspect", "--color", "always", "missing", NO_COLOR="1"))
        done = subprocess.run([BINARY, "--color=always", "inspect", "missing"], stderr=subprocess.PIPE)
        self.assertIn(b"\x1b[", done.stderr)

    def test_pipe_gets_none(self):
        done = subprocess.run([BINARY, "inspect", "missing"], stderr=subprocess.PIPE)
        self.assertNotIn(b"\x1b[", done.stderr)


class Bars(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-terminal-")
        self.addCleanup(folder.cleanup)
        self.big, self.small = (os.path.join(folder.name, name) for name in ("big", "small"))
        sparse_cache(self.big, 128 << 10)
        sparse_cache(self.small, 16)
        self.out = os.path.join(folder.name, "out")

    def test_long_work_shows_a_bar_that_goes_away(self):
        text = on_terminal("--color", "never", "trim", self.big, "-n", "1", "--gzip", "-o", self.out)
        self.assertIn("writing [", text)
        self.assertRegex(text, r"\r\x1b\[Ktrimmed 1 of 131072 tokens: 131071 left; wrote .*\r\n$")

    def test_no_bar_when_it_is_quick_or_unwanted(self):
        self.assertNotIn("writing", on_terminal("trim", self.small, "-n", "1", "-o", self.out))
        self.assertNotIn("writing [", on_terminal("--no-progress", "trim", self.big, "-n", "1", "--gzip", "--force", "-o", self.out))


if __name__ == "__main__":
    unittest.main()
