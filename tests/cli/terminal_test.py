#!/usr/bin/env python3
"""What is different on a terminal: colours, width, progress bars, questions. usage: terminal_test.py BINARY TESTDATA"""
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
GOLDEN = os.path.join(os.path.abspath(sys.argv.pop(2)), "golden")
BINARY = os.path.abspath(sys.argv.pop(1))

import run_transcript  # noqa: E402
from signals_test import sparse_cache  # noqa: E402


COLOR_VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS")


def on_terminal(*arguments, columns=0, typed="", folder=None, shell=None, **environment):
    """-> what the tool, or a line of a shell, writes to a terminal of this width (0: it does not say) that is its standard output and standard error; its
    input as well, if something is typed there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in COLOR_VARIABLES}
    env.update({"TERM": "xterm"}, **environment)
    process = subprocess.Popen(["/bin/sh", "-c", shell] if shell else [BINARY, *arguments], stdin=slave if typed else subprocess.DEVNULL, stdout=slave, stderr=slave, env=env,
                               cwd=folder)
    if typed:
        os.write(master, typed.encode())
    # Open on this side, too, until everything is read: what the last writer leaves behind may be lost when it closes the terminal.
    text = b""
    while True:
        ended = process.poll() is not None
        if select.select([master], [], [], 0.02)[0]:
            text += os.read(master, 4096)
        elif ended:
            break
    os.close(slave)
    os.close(master)
    return text.decode()


def in_a_pipe(*arguments, **environment):
    env = {k: v for k, v in os.environ.items() if k not in COLOR_VARIABLES}
    return subprocess.run([BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(env, **environment)).stdout.decode()


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

    def test_environment_forces_and_forbids(self):
        for on in ({"FORCE_COLOR": "1"}, {"FORCE_COLOR": "true"}, {"CLICOLOR_FORCE": "1"}, {"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}):
            self.assertIn("\x1b[", in_a_pipe("inspect", "missing", **on), on)
        for off in ({}, {"FORCE_COLOR": "0"}, {"CLICOLOR_FORCE": "0"}, {"CLICOLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"},
                    {"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}):
            self.assertNotIn("\x1b[", in_a_pipe("inspect", "missing", **off), off)
        self.assertNotIn("\x1b[", on_terminal("inspect", "missing", CLICOLOR="0"))
        self.assertNotIn("\x1b[", on_terminal("inspect", "missing", FORCE_COLOR="0"))
        self.assertNotIn("\x1b[", in_a_pipe("--color", "never", "inspect", "missing", FORCE_COLOR="1"))

    def test_pipe_gets_none(self):
        done = subprocess.run([BINARY, "inspect", "missing"], stderr=subprocess.PIPE)
        self.assertNotIn(b"\x1b[", done.stderr)


class Bars(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-terminal-")
        self.addCleanup(folder.cleanup)
        self.big, self.small = (os.path.join(folder.name, name) for name in ("big", "small"))
        sparse_cache(self.big, 1 << 20)
        sparse_cache(self.small, 16)
        self.out = os.path.join(folder.name, "out")

    def test_long_work_shows_a_bar_that_goes_away(self):
        text = on_terminal("--color", "never", "trim", self.big, "-n", "1", "--gzip", "-o", self.out)
        self.assertRegex(text, r"writing \[#* *\] +\d+%  [0-9.]+( [kMG]?B)? of [0-9.]+ [kMG]?B  [0-9.]+ [kMG]?B/s  \d+ s left")
        self.assertRegex(text, r"\r\x1b\[Ktrimmed 1 of 1048576 tokens: 1048575 left; wrote[^\x1b]*\r\n$")

    def test_bar_keeps_to_one_line_of_any_width(self):
        text = on_terminal("--color", "never", "trim", self.big, "-n", "1", "--gzip", "-o", self.out, columns=30)
        bars = [bar for bar in text.split("\r\x1b[K") if bar.startswith("writing")]
        self.assertTrue(bars)
        self.assertLess(max(map(len, bars)), 30)

    def test_no_bar_when_it_is_quick_or_unwanted(self):
        self.assertNotIn("writing", on_terminal("trim", self.small, "-n", "1", "-o", self.out))
        self.assertNotIn("writing [", on_terminal("--no-progress", "trim", self.big, "-n", "1", "--gzip", "--force", "-o", self.out))


def columns(text):
    """As wcwidth() has it, for what is in these tests."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


class Width(unittest.TestCase):
    """Whatever the width, the same words, none of them broken, and no line too long that could have been broken."""

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="kvcache-width-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = temporary.name
        for name, source in (("gemma.safetensors", "models/files/gemma3_text-bf16"), ("my chat.safetensors", "models/files/llama-f16"),
                             ("list.safetensors", "ops/files/cache-list"), ("differs.safetensors", "hostile/files/layers-batch-differs"),
                             ("通义千问.safetensors", "models/files/llama-f16-trim7")):
            shutil.copy(os.path.join(GOLDEN, source + ".safetensors"), os.path.join(cls.folder, name))

    COMMANDS = (["inspect", "--layers", "--tensors", "gemma.safetensors"], ["inspect", "通义千问.safetensors"],
                ["verify", "--for", "all", "my chat.safetensors", "differs.safetensors"], ["verify", "-r", "."],
                ["diff", "my chat.safetensors", "通义千问.safetensors"], ["diff", "my chat.safetensors", "gemma.safetensors"],
                ["estimate", "--like", "gemma.safetensors", "--tokens", "3000"], ["formats"], ["models", "gemma3_text"],
                ["explain", "KV411"], ["explain", "P4"], ["explain", "RotatingKVCache"], ["explain", "KV41"],
                ["trim", "gemma.safetensors", "-n", "3", "-o", "out"], ["trim", "missing.safetensors", "-n", "3", "-o", "out"],
                ["check", "my chat.safetensors"], ["convert", "my chat.safetensors", "--to", "swfit", "-o", "out"],
                ["prune", ".", "--broken", "--dry-run"], ["--help"], ["verify", "--help"], ["convert", "--help"], ["prune", "--help"])

    @staticmethod
    def words(text):
        # A command is continued by a backslash, and what it is about moves before it as a comment.
        return sorted(word for word in text.split() if word not in ("\\", "#"))

    def test_of_everything(self):
        for command in self.COMMANDS:
            wide = self.words(on_terminal("--color", "never", *command, columns=2000, folder=self.folder))
            for width in (40, 60, 80, 120, 200):
                text = on_terminal("--color", "never", *command, columns=width, folder=self.folder).replace("\r\n", "\n")
                self.assertEqual(self.words(text), wide, "%r at %d" % (command, width))
                for line in text.splitlines():
                    one = line.removesuffix(" \\")
                    quoted = re.search(r"'.*'|\".*\"", one)
                    if columns(line) > width and not quoted:
                        self.assertEqual(len(one.split()), 1, "%r at %d" % (command, width))

    def test_colors_take_no_place(self):
        for command in (["inspect", "gemma.safetensors"], ["verify", "-r", "."]):
            plain = on_terminal("--color", "never", *command, columns=50, folder=self.folder)
            colored = on_terminal("--color", "always", *command, columns=50, folder=self.folder)
            self.assertEqual(re.sub("\x1b\\[[0-9;]*m", "", colored), plain)

    def test_errors_are_one_line_in_a_pipe(self):
        self.assertEqual(len(in_a_pipe("inspect", "/" + 50 * "no such folder/" + "chat.safetensors", COLUMNS="40").splitlines()), 1)

    def test_columns_variable_counts_where_no_terminal_knows(self):
        narrow = in_a_pipe("explain", "KV411", COLUMNS="40")
        self.assertLessEqual(max(map(len, narrow.splitlines())), 40)
        self.assertEqual(on_terminal("explain", "KV411", COLUMNS="40").replace("\r\n", "\n"), narrow.replace("KV411:", "\x1b[1mKV411\x1b[0m:", 1))
        self.assertGreater(max(map(len, in_a_pipe("explain", "KV411").splitlines())), 60)
        self.assertGreater(max(map(len, on_terminal("explain", "KV411", columns=80, COLUMNS="40").splitlines())), 60)


class Tour(unittest.TestCase):
    """What README.md shows, on terminals of several widths: the same words, and no line that is longer than it had to be."""

    def session(self, commands, width):
        with tempfile.TemporaryDirectory(prefix="kvcache-tour-") as folder:
            path = os.path.dirname(BINARY) + ":" + os.environ["PATH"]
            for command in commands:
                text = on_terminal(shell=command, columns=width, folder=folder, NO_COLOR="1", PATH=path, LC_ALL="C.UTF-8")
                yield command, re.sub(r"[^\n]*\r\x1b\[K", "", text.replace("\r\n", "\n"))

    def test_of_readme(self):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md"), encoding="utf-8") as f:
            commands = ["\n".join(command) for _, command, _ in run_transcript.parse(f.read(), "    ") if command]
        self.assertGreater(len(commands), 30)
        wide = dict(self.session(commands, 2000))
        for width in (40, 80, 200):
            for command, text in self.session(commands, width):
                # A mask is a picture, which comes in strips where there is no room for it.
                if not command.startswith("kvcache mask "):
                    self.assertEqual(Width.words(text), Width.words(wide[command]), "%s at %d" % (command, width))
                if "|" in command or "--format" in command:
                    continue  # a pipe is as wide as what comes, and annotations are lines for a server
                for line in text.splitlines():
                    one = line.removesuffix(" \\")
                    if columns(line) > width and not re.search(r"'.*'|\".*\"", one):
                        self.assertEqual(len(one.split()), 1, "%s at %d" % (command, width))


class Questions(unittest.TestCase):
    def prune(self, typed, *options):
        with tempfile.TemporaryDirectory(prefix="kvcache-prune-") as folder:
            shutil.copy(os.path.join(GOLDEN, "hostile/files/layers-batch-differs.safetensors"), os.path.join(folder, "x.safetensors"))
            text = on_terminal("--color", "never", "prune", ".", "--broken", *options, typed=typed, folder=folder)
            return text, os.listdir(folder)

    def test_prune_asks(self):
        for answer in ("n\n", "\n", "no\n", "\x04"):
            text, left = self.prune(answer)
            self.assertIn("[y/N]", text)
            self.assertTrue(text.endswith("nothing was deleted\r\n"), text)
            self.assertEqual(left, ["x.safetensors"])
        text, left = self.prune("y\n")
        self.assertIn("deleted 1 of 1 cache", text)
        self.assertEqual(left, [])

    def test_prune_does_not_ask_where_it_is_told(self):
        text, left = self.prune("y\n", "--dry-run")
        self.assertNotIn("[y/N]", text)
        self.assertEqual(left, ["x.safetensors"])
        text, left = self.prune("n\n", "--yes")
        self.assertNotIn("[y/N]", text)
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
