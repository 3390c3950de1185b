#!/usr/bin/env python3
"""What libkvcache_c shows to the world.

usage: interface_test.py LIBRARY EXAMPLE TOOL SOURCE WORK CC [--write-abi]   (--write-abi: with a release, its ABI is what later ones keep)
"""
import os
import platform
import re
import shutil
import subprocess
import sys
import unittest

LIBRARY, EXAMPLE, TOOL, SOURCE, WORK, CC = sys.argv[1:7]
WRITE_ABI = "--write-abi" in sys.argv
del sys.argv[1:]
HEADER = os.path.join(SOURCE, "include/kvcache/kvcache_c.h")
MODULE = os.path.join(SOURCE, "include/kvcache/kvcache.modulemap")
ABI = os.path.join(SOURCE, "tests/capi/kvcache_c.abi")
CACHE = os.path.join(SOURCE, "testdata/golden/models/files/llama-f16.safetensors")


def run(*command, ok=True, text=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, input=text, cwd=WORK)
    if ok and done.returncode != 0:
        raise AssertionError("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout


def prototypes():
    """Of all functions of the header: result, name, parameters."""
    with open(HEADER, encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.DOTALL)
    return re.findall(r"^KVCACHE_API ([\w ]+[ *]+)(kvcache_\w+)\((.*?)\);", text, re.MULTILINE | re.DOTALL)


def path(name):
    found = os.path.join(WORK, name)
    if os.path.exists(found):
        os.remove(found)
    return found


class Names(unittest.TestCase):
    @unittest.skipUnless(sys.platform == "linux" and shutil.which("nm"), "nm of Linux")
    def test_those_of_the_header_and_no_others(self):
        shown = {line.split()[-1] for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines()}
        # Sanitizers have names of their own.
        shown = {name for name in shown if not name.startswith(("__asan", "__odr_asan", "__tsan", "__ubsan"))}
        self.assertEqual(sorted(shown), sorted(name for _, name, _ in prototypes()))

    @unittest.skipUnless(sys.platform == "linux" and shutil.which("readelf"), "readelf of Linux")
    def test_its_name_is_that_of_the_abi(self):
        with open(HEADER, encoding="utf-8") as f:
            major = re.search(r"define KVCACHE_ABI_MAJOR (\d+)", f.read()).group(1)
        self.assertIn("[libkvcache_c.so.%s]" % major, run("readelf", "-d", LIBRARY))


class Bytes(unittest.TestCase):
    def test_c_and_the_tool_write_the_same(self):
        by_c, by_tool = path("by-c"), path("by-tool")
        self.assertRegex(run(EXAMPLE, CACHE, "7", by_c), r"^7 tokens removed, 36 left, \d+ bytes\n$")
        run(TOOL, "trim", CACHE, "-n", "7", "-o", by_tool)
        with open(by_c, "rb") as c, open(by_tool, "rb") as tool:
            self.assertEqual(c.read(), tool.read())

    def test_the_example_refuses(self):
        no = path("no")
        self.assertIn("layer 0 (RotatingKVCache) cannot be trimmed",
                      run(EXAMPLE, CACHE.replace("llama-f16", "gemma3_text-bf16"), "7", no, ok=False))
        self.assertFalse(os.path.exists(no))


class Module(unittest.TestCase):
    """For Swift: compiled where there is a compiler for it, else read as clang reads it for Swift."""

    @unittest.skipUnless(shutil.which("swiftc"), "no Swift")
    def test_swift_imports_it(self):
        source = path("program.swift")
        with open(source, "w", encoding="utf-8") as f:
            f.write("import KVCacheC\nprint(kvcache_abi_version() >> 16, kvcache_save_options_defaults().overwrite)\n")
        run("swiftc", "-Xcc", "-fmodule-map-file=" + MODULE, "-L", os.path.dirname(LIBRARY), source, "-o", path("program"))

    @unittest.skipUnless(shutil.which("clang"), "no clang")
    def test_clang_imports_it(self):
        program = """@import KVCacheC;
int main(void) {
  kvcache_save_options options = kvcache_save_options_defaults();
  return (int)kvcache_abi_version() + options.overwrite + KVCACHE_IMPOSSIBLE;
}
"""
        arguments = ["-x", "objective-c", "-fmodules", "-fmodule-map-file=" + MODULE, "-fmodules-cache-path=" + WORK, "-Werror",
                     "-fsyntax-only", "-"]
        run("clang", *arguments, text=program)
        self.assertIn("error", run("clang", *arguments, text=program.replace("@import KVCacheC;", "@import NoSuchModule;"), ok=False))

    def test_it_is_c_and_c_plus_plus(self):
        # Included, as users have it: read by itself, its functions in the header would be unused ones of that source.
        for language, standard in (("c", "c11"), ("c", "c17"), ("c++", "c++11"), ("c++", "c++20")):
            strict = ["-Wstrict-prototypes"] if language == "c" else []
            run(CC, "-x", language, "-std=" + standard, "-Wall", "-Wextra", "-Wpedantic", *strict, "-Werror", "-fsyntax-only", "-",
                text='#include "%s"\n' % HEADER)


@unittest.skipUnless(shutil.which("abidw") and platform.machine() == "x86_64" and sys.platform == "linux", "no libabigail")
class Abi(unittest.TestCase):
    """Types and functions are compared with those of the last release. A library without debugging information tells no types, so the
    header stands for it: functions of its prototypes that do nothing."""

    def stand_in(self, header=HEADER):
        with open(path("stand_in.c"), "w", encoding="utf-8") as f:
            f.write('#include "%s"\n' % header)
            for result, name, parameters in prototypes():
                value = "" if result.strip() == "void" else " return 0;"
                named = ", ".join(p if p.strip() == "void" else p for p in parameters.split(","))
                f.write("%s%s(%s) {%s }\n" % (result, name, named, value))
        library = path("libstand_in.so")
        run(CC, "-std=c11", "-g", "-gdwarf-4", "-shared", "-fPIC", "-Wl,-soname,libkvcache_c.so", os.path.join(WORK, "stand_in.c"), "-o", library)
        return library

    def test_it_is_that_of_the_last_release(self):
        if WRITE_ABI:
            run("abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--out-file", ABI, self.stand_in())
        # Additions are for a minor version.
        done = subprocess.run(["abidiff", "--no-added-syms", ABI, self.stand_in()], stdout=subprocess.PIPE, universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_change_is_seen(self):
        with open(HEADER, encoding="utf-8") as f:
            text = f.read()
        changed = os.path.join(WORK, "changed.h")
        with open(changed, "w", encoding="utf-8") as f:
            f.write(re.sub(r"  int64_t rows;", "  int32_t rows;", text))
        done = subprocess.run(["abidiff", ABI, self.stand_in(changed)], stdout=subprocess.PIPE, universal_newlines=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("rows", done.stdout)


if __name__ == "__main__":
    unittest.main()
