#!/usr/bin/env python3
"""Runs a transcript against the tool and fails where it says something else.

usage: run_transcript.py BINARY TESTDATA TRANSCRIPT [--update] [--installed]

A transcript reads like a session in a terminal:

    What this is about, in words: lines without indentation are comments.

      $ kvcache trim kv.safetensors -n 1x -o out.safetensors
      kvcache trim: -n: '1x' is not an integer from 0 to 9223372036854775807
      [2]

Commands are indented by two spaces and start with "$ "; a line that starts with "> " continues one. What follows is what they print,
standard output and standard error as they come, and last the exit code in brackets unless it is 0. A line that ends in " (re)" is a
regular expression for the whole line. All commands of a transcript run in one shell (/bin/sh) in one empty folder, where
$OPS, $MODELS, $DIALECTS, $HOSTILE and $REPORTS are the files of the golden cases, and $CONFIGS is testdata/configs.

A Markdown file (.md) is one as well: its blocks are indented by four spaces, and only those with a "$ " count. There `testdata` is a
link to the test data, as it is at the top of a checkout; with --installed there is none, and $HOME is an empty folder.

--update rewrites the transcript with what was printed. Read the difference before you commit it.
"""
import os
import re
import subprocess
import sys
import tempfile

MARK = "--- end of command"


def parse(text, indent):
    """-> [(comment lines, command lines, expected lines)], the last one with comment only."""
    n = len(indent)
    blocks, comment, command, expected = [], [], [], []
    for line in text.splitlines():
        if line.startswith(indent + "$ "):
            if command:
                blocks.append((comment, command, expected))
                comment, expected = [], []
            command = [line[n + 2:]]
        elif line.startswith(indent + "> ") and command and not expected:
            command.append(line[n + 2:])
        elif line.startswith(indent) and command:
            expected.append(line[n:])
        else:
            if command:
                blocks.append((comment, command, expected))
                comment, command, expected = [], [], []
            comment.append(line)
    blocks.append((comment, command, expected))
    return blocks


def run(binary, testdata, blocks, link, home=None):
    """What every command printed, with its exit code as the last line unless it is 0."""
    script = "".join("%s\nprintf '\\n%s %%s\\n' $?\n" % ("\n".join(command), MARK) for _, command, _ in blocks if command)
    env = {"PATH": os.path.dirname(binary) + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb", "TZ": "UTC"}
    for name in ("ops", "models", "dialects", "hostile", "reports"):
        env[name.upper()] = os.path.join(testdata, "golden", name, "files")
    if home:
        env["HOME"] = home
    env["CONFIGS"] = os.path.join(testdata, "configs")
    with tempfile.TemporaryDirectory(prefix="kvcache-transcript-") as folder:
        if link:
            os.symlink(testdata, os.path.join(folder, "testdata"))
        done = subprocess.run(["/bin/sh"], input=script.encode(), cwd=folder, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)
    text = done.stdout.decode("utf-8", "backslashreplace").replace(testdata, "TESTDATA")
    *outputs, rest = re.split(r"\n%s (\d+)\n" % MARK, text)
    results = []
    for output, code in zip(outputs[::2], outputs[1::2]):
        lines = output.split("\n") if output else []
        if lines and lines[-1] == "":
            lines.pop()
        results.append(lines + (["[%s]" % code] if code != "0" else []))
    if rest:
        results[-1:] = [results[-1] + rest.splitlines()] if results else []
    return results


def agrees(expected, got):
    def one(want, line):
        return re.fullmatch(want[:-5], line) is not None if want.endswith(" (re)") else want == line
    return len(expected) == len(got) and all(map(one, expected, got))


def render(blocks, results, indent):
    out, results = [], iter(results)
    for comment, command, expected in blocks:
        out += comment
        if command:
            got = next(results)
            out.append(indent + "$ " + command[0])
            out += [indent + "> " + line for line in command[1:]]
            out += [indent + line for line in (expected if agrees(expected, got) else got)]
    return "\n".join(out) + "\n"


def main():
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    binary, testdata, path = (os.path.abspath(p) for p in sys.argv[1:4])
    markdown = path.endswith(".md")
    indent = "    " if markdown else "  "
    with open(path, encoding="utf-8") as f:
        blocks = parse(f.read(), indent)
    commands = [block for block in blocks if block[1]]
    if "--installed" in sys.argv[4:]:
        with tempfile.TemporaryDirectory(prefix="kvcache-home-") as home:
            results = run(binary, testdata, blocks, False, home)
            if os.listdir(home):
                print("left in $HOME: " + ", ".join(os.listdir(home)))
                return 1
    else:
        results = run(binary, testdata, blocks, markdown)
    if "--update" in sys.argv[4:]:
        text = render(blocks, results, indent)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return 0
    failed = 0 if len(results) == len(commands) and commands else 1
    for (_, command, expected), got in zip(commands, results):
        if agrees(expected, got):
            continue
        failed += 1
        print("\n".join(["$ " + "\n> ".join(command), *("- " + line for line in expected), *("+ " + line for line in got), ""]))
    print("%s: %d commands, %d failed" % (os.path.basename(path), len(commands), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
