#!/usr/bin/env python3
"""The version of a checkout, of a tarball of `git archive`, and of a copy that knows nothing. usage: version_test.py SOURCE CMAKE"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, CMAKE = sys.argv[1:3]
del sys.argv[1:]
NAMES = ("KVCACHE_VERSION", "KVCACHE_VERSION_FULL", "KVCACHE_COMMIT_TIME")


class Version(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.checkout = os.path.join(self.folder, "checkout")
        os.makedirs(os.path.join(self.checkout, "cmake"))
        for name in (".gitattributes", "cmake/version.cmake", "cmake/commit.txt"):
            shutil.copy(os.path.join(SOURCE, name), os.path.join(self.checkout, name))
        with open(os.path.join(self.checkout, "VERSION"), "w") as f:
            f.write("1.2.3\n")
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "one")

    def git(self, *arguments):
        identity = {"GIT_%s_%s" % (who, what): value for who in ("AUTHOR", "COMMITTER")
                    for what, value in (("NAME", "n"), ("EMAIL", "n@localhost"), ("DATE", "1700000000 +0000"))}
        return subprocess.run(("git", "-C", self.checkout) + arguments, check=True, stdout=subprocess.PIPE,
                              env=dict(os.environ, **identity)).stdout

    def version(self, folder):
        script = os.path.join(self.folder, "show.cmake")
        with open(script, "w") as f:
            f.write("include(%s/cmake/version.cmake)\n" % folder)
            f.writelines('message("%s=${%s}")\n' % (name, name) for name in NAMES)
        done = subprocess.run((CMAKE, "-P", script), check=True, stderr=subprocess.PIPE, universal_newlines=True)
        return re.findall(r"=(.*)", done.stderr)

    def tarball(self):
        folder = os.path.join(self.folder, "unpacked")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        subprocess.run(("tar", "-x", "-C", folder), check=True, input=self.git("archive", "HEAD"))
        return self.version(folder)

    def head(self):
        return self.git("rev-parse", "HEAD").decode()[:12]

    def test_without_a_tag_the_commit_follows(self):
        expected = ["1.2.3", "1.2.3+" + self.head(), "1700000000"]
        self.assertEqual(self.version(self.checkout), expected)
        self.assertEqual(self.tarball(), expected)

    def test_the_tagged_commit_is_the_version_alone(self):
        self.git("tag", "v1.2.3")
        expected = ["1.2.3", "1.2.3", "1700000000"]
        self.assertEqual(self.version(self.checkout), expected)
        self.assertEqual(self.tarball(), expected)

    def test_after_the_tag_the_distance_from_it_follows(self):
        self.git("tag", "v1.2.3")
        self.git("commit", "-q", "--allow-empty", "-m", "two")
        expected = ["1.2.3", "1.2.3+v1.2.3-1-g" + self.head(), "1700000000"]
        self.assertEqual(self.version(self.checkout), expected)
        self.assertEqual(self.tarball(), expected)

    def test_a_copy_without_git_has_the_version_alone(self):
        shutil.rmtree(os.path.join(self.checkout, ".git"))
        self.assertEqual(self.version(self.checkout), ["1.2.3", "1.2.3", ""])


unittest.main()
