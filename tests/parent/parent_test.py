#!/usr/bin/env python3
"""kvcache within another project that uses Highway too, by add_subdirectory and by FetchContent.

usage: parent_test.py BUILD SOURCE CMAKE [CMAKE-ARGUMENT...]   (what BUILD was configured with, so that a compiler cache helps)
"""
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import skips  # noqa: E402

BUILD, SOURCE = (os.path.abspath(a) for a in sys.argv[1:3])
CMAKE, *ARGUMENTS = sys.argv[3:]
del sys.argv[1:]
HERE = os.path.dirname(os.path.abspath(__file__))
OWN_FLAGS = "-O1 -DNDEBUG -DOF_THE_PARENT"


def run(*command, folder=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd=folder)
    if done.returncode != 0:
        raise AssertionError("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout


def configure(*arguments, source=HERE, build=BUILD):
    return run(CMAKE, "-S", source, "-B", build, "-G", "Ninja", *ARGUMENTS, *arguments)


class Parent(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(BUILD, ignore_errors=True)

    def test_1_both_ways(self):
        """The second finds what the first has built: the objects are the same."""
        for way in ("OFF", "ON"):
            with self.subTest(WITH_FETCH_CONTENT=way):
                configure("-DKVCACHE_FOLDER=" + SOURCE, "-DWITH_FETCH_CONTENT=" + way)
                plan = run("ninja", "-C", BUILD, "-n", "program")
                self.assertNotIn("src/cli", plan, "the library alone")
                self.assertNotIn("libkvcache.so", plan, "the static one alone")
                run("ninja", "-C", BUILD, "program")
                self.assertIn("sum 2016, Highway is its own, kvcache as well,", run(os.path.join(BUILD, "program")))

    @unittest.skipUnless(sys.platform == "linux", "nm of Linux")
    def test_2_defines_nothing_of_highway(self):
        library = [os.path.join(folder, "libkvcache.a") for folder, _, names in os.walk(BUILD) if "libkvcache.a" in names]
        symbols = run("nm", "-C", "--defined-only", *library)
        self.assertIn("kvcache::quantize(", symbols)
        self.assertEqual([line for line in symbols.splitlines() if "hwy::" in line], [])


class Flags(unittest.TestCase):
    """Configured only."""

    def flags(self, name, *arguments, source=SOURCE):
        build = BUILD + "-" + name
        shutil.rmtree(build, ignore_errors=True)
        self.addCleanup(shutil.rmtree, build, True)
        run(CMAKE, "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *arguments)
        return run("ninja", "-C", build, "-t", "commands", "kv_platform")

    def test_a_packager_gives_the_flags(self):
        commands = self.flags("packager", "-DCMAKE_CXX_FLAGS_RELEASE=" + OWN_FLAGS, "-DCMAKE_CXX_FLAGS=-D_FORTIFY_SOURCE=3",
                              "-DKVCACHE_TESTS=OFF", "-DKVCACHE_TOOL=OFF")
        self.assertIn(OWN_FLAGS, commands)
        self.assertNotIn("-O2", commands)
        self.assertNotIn("_FORTIFY_SOURCE=2", commands)

    def test_a_parent_gives_the_flags(self):
        commands = self.flags("flags", "-DCMAKE_CXX_FLAGS_RELEASE=" + OWN_FLAGS, "-DKVCACHE_FOLDER=" + SOURCE, source=HERE)
        self.assertIn(OWN_FLAGS, commands)
        self.assertNotIn("-Werror", commands)

    def test_else_they_are_ours(self):
        self.assertIn("-O2 -DNDEBUG", self.flags("default", "-DKVCACHE_TESTS=OFF", "-DKVCACHE_TOOL=OFF"))


if __name__ == "__main__":
    skips.main()
