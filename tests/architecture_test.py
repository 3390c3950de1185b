#!/usr/bin/env python3
"""Fails when an include breaks the rules of docs/architecture.md, whose table this reads."""
import fnmatch
import os
import re
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
ROW = re.compile(r"^\|\s*`(\w+)`\s*\|[^|]*\|([^|]*)\|([^|]*)\|\s*$", re.MULTILINE)
# POSIX, Linux and macOS. <csignal> and <cstdio> are standard C++ and not meant here.
PLATFORM = re.compile(r"(unistd|fcntl|signal|pthread|dirent|dlfcn|poll|termios|pwd|grp|copyfile|windows|io|spawn)\.h$|(sys|linux|mach)/")


class Rule:
    """The table of docs/architecture.md."""

    def __init__(self, root):
        with open(os.path.join(root, "docs", "architecture.md"), encoding="utf-8") as f:
            rows = ROW.findall(f.read())
        self.headers = {folder: re.findall(r"`([^`]+)`", headers) for folder, headers, _ in rows}
        self.allowed = {folder: {folder, *re.findall(r"`([^`]+)`", allowed)} for folder, _, allowed in rows}

    def owner(self, public_header):
        """The folder that a path below include/kvcache belongs to."""
        owners = [folder for folder, globs in self.headers.items() if any(fnmatch.fnmatch(public_header, g) for g in globs)]
        return owners[0] if len(owners) == 1 else None


def sources(root, folder):
    for parent, _, files in os.walk(os.path.join(root, folder)):
        for name in sorted(files):
            if name.endswith((".h", ".cpp")):
                yield os.path.relpath(os.path.join(parent, name), root)


def violations(root):
    rule = Rule(root)
    if not rule.allowed:
        return ["docs/architecture.md: its table of folders cannot be read"]
    found = []
    for path in [*sources(root, "include"), *sources(root, "src")]:
        parts = path.split(os.sep)
        public = parts[0] == "include"
        folder = rule.owner("/".join(parts[2:])) if public else parts[1]
        if folder not in rule.allowed:
            found.append(f"{path}: belongs to no folder of the table in docs/architecture.md")
            continue
        with open(os.path.join(root, path), encoding="utf-8") as f:
            for bracket, name in INCLUDE.findall(f.read()):
                problem = judge(root, rule, path, folder, public, bracket == '"', name)
                if problem:
                    found.append(f"{path}: includes {name}: {problem}")
    return found


def judge(root, rule, path, folder, public, quoted, name):
    """What is wrong with one include, or None."""
    if not quoted:
        if PLATFORM.match(name) and folder != "platform":
            return "platform calls belong to src/platform"
        if public and not re.fullmatch(r"[a-z_0-9]+", name):
            return "a public header includes the standard library and kvcache/ only"
        if name in ("iostream", "print") and folder != "cli":
            return "the library never prints"
        return None
    if name.startswith("kvcache/"):
        target, file = rule.owner(name[len("kvcache/"):]), os.path.join("include", name)
    elif public:
        return "a public header includes the standard library and kvcache/ only"
    else:
        target, file = name.split("/")[0], os.path.join("src", name)
    if not os.path.isfile(os.path.join(root, file)):
        return "no such file; ours are included as \"kvcache/...\" or \"FOLDER/...\""
    if target not in rule.allowed[folder]:
        return f"{folder} may not include {target}"
    return None


class ThisTree(unittest.TestCase):
    def test_every_include_keeps_the_rules(self):
        self.assertEqual(violations(ROOT), [])

    def test_the_table_has_every_folder(self):
        folders = {name for name in os.listdir(os.path.join(ROOT, "src")) if os.path.isdir(os.path.join(ROOT, "src", name))}
        self.assertEqual(folders, set(Rule(ROOT).allowed))

    def test_the_folders_form_layers(self):
        seen = set()
        for folder, allowed in Rule(ROOT).allowed.items():
            self.assertLessEqual(allowed - {folder}, seen, f"{folder} may include a folder that stands below it in the table")
            seen.add(folder)


class BrokenTree(unittest.TestCase):
    """One bad include each, in a tree with this project's table."""

    def complaints(self, path, include):
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(ROOT, "docs", "architecture.md"), encoding="utf-8") as f:
                table = f.read()
            for file, text in (("docs/architecture.md", table), ("include/kvcache/cache.h", ""), ("include/kvcache/tensor.h", ""),
                               ("src/cli/style.h", ""), ("src/tensor/layout.h", ""), (path, f"#include {include}\n")):
                os.makedirs(os.path.dirname(os.path.join(root, file)), exist_ok=True)
                with open(os.path.join(root, file), "w", encoding="utf-8") as f:
                    f.write(text)
            return violations(root)

    def test_each_rule(self):
        for path, include, complaint in (
                ("src/tensor/x.cpp", '"kvcache/tensor.h"', None), ("src/tensor/x.cpp", '"tensor/layout.h"', None),
                ("src/tensor/x.cpp", '"kvcache/cache.h"', "tensor may not include cache"),
                ("src/cache/x.cpp", '"cli/style.h"', "cache may not include cli"),
                ("include/kvcache/tensor.h", '"kvcache/cache.h"', "tensor may not include cache"),
                ("src/tensor/x.cpp", '"layout.h"', "no such file"), ("src/tensor/x.cpp", '"kvcache/none.h"', "no such file"),
                ("src/cli/x.cpp", "<unistd.h>", "platform calls"), ("src/tensor/x.cpp", "<sys/stat.h>", "platform calls"),
                ("src/platform/x.cpp", "<unistd.h>", None), ("include/kvcache/tensor.h", "<span>", None),
                ("include/kvcache/tensor.h", "<fmt/core.h>", "standard library"), ("src/cache/x.cpp", "<iostream>", "never prints"),
                ("include/kvcache/new.h", "<span>", "belongs to no folder"), ("src/new/x.cpp", "<span>", "belongs to no folder")):
            with self.subTest(path=path, include=include):
                found = self.complaints(path, include)
                self.assertEqual(len(found), 1 if complaint else 0, found)
                self.assertIn(complaint or "", " ".join(found))


if __name__ == "__main__":
    unittest.main()
