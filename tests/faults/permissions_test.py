#!/usr/bin/env python3
"""Caches hold people's prompts: who may read outputs, and what links lead to. usage: permissions_test.py BINARY"""
import os
import stat
import unittest

from tool import ToolTest
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import skips  # noqa: E402


class Permissions(ToolTest):
    def setUp(self):
        super().setUp()
        self.make("in.safetensors", tokens=3)

    def mode(self, name):
        return stat.S_IMODE(os.lstat(self.path(name)).st_mode)

    def trim(self, *arguments, **more):
        result = self.run_tool("trim", "in.safetensors", "-n", "1", *arguments, **more)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_new_file_has_what_the_umask_gives(self):
        for umask, mode in ((0o000, 0o666), (0o022, 0o644), (0o077, 0o600), (0o277, 0o400)):
            if os.path.exists(self.path("out")):
                os.remove(self.path("out"))
            self.trim("-o", "out", "--force", preexec_fn=lambda umask=umask: os.umask(umask))
            self.assertEqual(self.mode("out"), mode)

    def test_a_replaced_output_keeps_its_own(self):
        self.trim("-o", "out")
        for mode in (0o600, 0o640, 0o644):
            os.chmod(self.path("out"), mode)
            self.trim("-o", "out", "--force")
            self.assertEqual(self.mode("out"), mode)

    def test_in_place_keeps_the_mode(self):
        for mode in (0o600, 0o640, 0o664, 0o400):
            os.chmod(self.path("in.safetensors"), mode)
            self.trim("--in-place")
            self.assertEqual(self.mode("in.safetensors"), mode)

    @unittest.skipUnless(os.geteuid() == 0, "only root can run the tool as another user")
    def test_in_place_gives_no_other_group_what_the_old_one_had(self):
        os.chown(self.path("in.safetensors"), 65534, 1000)
        for before, after in ((0o640, 0o600), (0o664, 0o644), (0o660, 0o600), (0o604, 0o604)):
            os.chown(self.path("in.safetensors"), 65534, 1000)
            os.chmod(self.path("in.safetensors"), before)
            result = self.run_tool_as(65534, 100, "trim", "in.safetensors", "-n", "0", "--in-place")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual((self.mode("in.safetensors"), os.stat(self.path("in.safetensors")).st_gid), (after, 100))

    def test_in_place_drops_what_runs_as_somebody_else(self):
        os.chmod(self.path("in.safetensors"), 0o4755)
        self.trim("--in-place")
        self.assertEqual(self.mode("in.safetensors"), 0o755)

    def test_in_place_replaces_what_a_link_leads_to(self):
        os.mkdir(self.path("there"))
        os.rename(self.path("in.safetensors"), self.path("there/cache"))
        os.symlink("there/cache", self.path("in.safetensors"))
        before = self.read("there/cache")
        self.trim("--in-place")
        self.assertTrue(os.path.islink(self.path("in.safetensors")))
        self.assertFalse(os.path.islink(self.path("there/cache")))
        self.assertLess(len(self.read("there/cache")), len(before))
        self.assertEqual((self.names(), self.names("there")), (["in.safetensors", "there"], ["cache"]))

    def test_an_output_through_a_dangling_link(self):
        os.symlink("later", self.path("out"))
        self.trim("-o", "out")
        self.assertTrue(os.path.islink(self.path("out")))
        self.assertTrue(os.path.isfile(self.path("later")))

    def test_a_link_to_the_input_is_the_input(self):
        os.symlink("in.safetensors", self.path("out"))
        result = self.run_tool("trim", "in.safetensors", "-n", "1", "-o", "out", "--force")
        self.assertEqual(result.returncode, 2)
        self.assertIn("is the input itself", result.stderr)


if __name__ == "__main__":
    skips.main()
