#!/usr/bin/env python3
"""Places that refuse to be written to: exit code 5, the reason, and nothing left behind. usage: limits_test.py BINARY"""
import os
import resource
import shutil
import subprocess
import unittest

from tool import ToolTest
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import skips  # noqa: E402


# Known before anything is written, or, where other files come between, met while writing.
FULL = "are free there|No space left on device"


class Limits(ToolTest):
    def setUp(self):
        super().setUp()
        self.make("in.safetensors", megabytes=2)

    def refused(self, result, reason):
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertRegex(result.stderr, reason)
        self.assertEqual(len(result.stderr.splitlines()), 2 if "hint:" in result.stderr else 1)

    def small_disk(self, size):
        os.mkdir(self.path("disk"))
        mounted = shutil.which("mount") and os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path("disk")], stderr=subprocess.DEVNULL).returncode == 0
        if not mounted:
            self.skipTest("needs the right to mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", self.path("disk")], check=True)

    def test_full_disk(self):
        self.small_disk("1m")
        for more in ([], ["--gzip"]):
            result = self.run_tool("trim", "in.safetensors", "-n", "1", "-o", "disk/out.safetensors", *more)
            self.refused(result, FULL)
            self.assertEqual(self.names("disk"), [])

    def test_full_disk_keeps_what_would_be_replaced(self):
        self.small_disk("3m")
        shutil.copy(self.path("in.safetensors"), self.path("disk/in.safetensors"))
        before = self.read("disk/in.safetensors")
        self.refused(self.run_tool("trim", "disk/in.safetensors", "-n", "1", "--in-place"), FULL)
        self.assertEqual(self.names("disk"), ["in.safetensors"])
        self.assertEqual(self.read("disk/in.safetensors"), before)

    def test_full_disk_for_decompression(self):
        self.assertEqual(self.run_tool("trim", "in.safetensors", "-n", "0", "--gzip", "-o", "in.gz").returncode, 0)
        self.small_disk("1m")
        result = self.run_tool("verify", "in.gz", env={**os.environ, "TMPDIR": self.path("disk")})
        self.assertEqual(result.returncode, 5, result.stdout)
        self.assertEqual(self.names("disk"), [])

    def test_file_size_limit(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        for old in (False, True):
            if old:
                shutil.copy(self.path("in.safetensors"), self.path("out.safetensors"))
            result = self.run_tool("trim", "in.safetensors", "-n", "1", "-o", "out.safetensors", "--force", preexec_fn=limit)
            self.refused(result, "File too large")
            self.assertEqual(self.names(), ["in.safetensors"] + ["out.safetensors"] * old)
        self.assertEqual(self.read("out.safetensors"), self.read("in.safetensors"))

    def test_read_only_folder(self):
        os.mkdir(self.path("closed"), 0o555)
        # Root may write everywhere: there another user has to try.
        os.chmod(self.path("in.safetensors"), 0o644)
        arguments = ["trim", "in.safetensors", "-n", "1", "-o", "closed/out.safetensors"]
        result = self.run_tool_as(65534, 65534, *arguments) if os.geteuid() == 0 else self.run_tool(*arguments)
        self.refused(result, "Permission denied")
        self.assertEqual(self.names("closed"), [])

    def test_no_such_folder(self):
        self.refused(self.run_tool("trim", "in.safetensors", "-n", "1", "-o", "none/out.safetensors"), "No such file or directory")

    def test_a_reader_that_left(self):
        for arguments in (["inspect", "in.safetensors", "--json"], ["verify", "in.safetensors"], ["--help"]):
            reader, writer = os.pipe()
            os.close(reader)
            result = self.run_tool(*arguments, stdout=writer)
            os.close(writer)
            self.assertEqual((result.returncode, result.stderr), (5, ""), arguments)

    def test_standard_output_that_is_full_or_closed(self):
        with open("/dev/full", "wb") as full:
            self.refused(self.run_tool("trim", "in.safetensors", "-n", "1", "-o", "-", stdout=full), "No space left on device")
        reader, writer = os.pipe()
        os.close(reader)
        self.refused(self.run_tool("trim", "in.safetensors", "-n", "1", "-o", "-", stdout=writer), "Broken pipe")
        os.close(writer)

    def test_full_disk_for_what_goes_to_standard_output(self):
        self.small_disk("1m")
        for more in ([], ["--gzip"]):
            result = self.run_tool("trim", "in.safetensors", "-n", "1", "-o", "-", *more, env={**os.environ, "TMPDIR": self.path("disk")})
            self.refused(result, FULL)
            self.assertEqual((result.stdout, self.names("disk")), ("", []))

    def test_full_disk_for_one_of_several(self):
        self.small_disk("3m")
        self.make("small.safetensors", tokens=8)
        before = self.read("small.safetensors")
        for name in ("in", "small"):
            shutil.copy(self.path(f"{name}.safetensors"), self.path(f"disk/{name}.safetensors"))
        result = self.run_tool("trim", "disk/in.safetensors", "disk/small.safetensors", "-n", "1", "--in-place")
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertRegex(result.stderr, FULL)
        self.assertIn("2 files: 1 written, 1 failed", result.stderr)
        self.assertEqual(self.names("disk"), ["in.safetensors", "small.safetensors"])
        self.assertEqual(self.read("disk/in.safetensors"), self.read("in.safetensors"))
        self.assertNotEqual(self.read("disk/small.safetensors"), before)
        self.assert_sound("disk/small.safetensors")

    def test_a_summary_that_nobody_reads_does_not_undo_the_work(self):
        self.assertEqual(self.run_tool("merge", "in.safetensors", "in.safetensors", "-o", "batch.safetensors").returncode, 0)
        with open("/dev/full", "w") as full:
            for arguments in (["trim", "in.safetensors", "-n", "1", "-o", "out.safetensors", "--json"],
                              ["extract", "batch.safetensors", "--all", "-o", "parts", "--json"],
                              ["quantize", "in.safetensors", "--bits", "4", "--report", "-o", "q.safetensors"]):
                result = self.run_tool(*arguments, stdout=full)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("warning: standard output", result.stderr)
            for more in (["--json"], []):
                os.makedirs(self.path("old"), exist_ok=True)
                shutil.copy(self.path("in.safetensors"), self.path("old/a.safetensors"))
                result = self.run_tool("prune", "old", "--older-than", "0s", *more, stdout=full)
                self.assertEqual((result.returncode, self.names("old")), (5, ["a.safetensors"]), result.stderr)
                result = self.run_tool("prune", "old", "--older-than", "0s", "--yes", *more, stdout=full)
                self.assertEqual((result.returncode, self.names("old")), (0, []), result.stderr)
                self.assertIn("warning: standard output", result.stderr)
            for arguments in (["trim", "in.safetensors", "-n", "1", "-o", "out2.safetensors"],
                              ["extract", "batch.safetensors", "--all", "-o", "parts2"],
                              ["mask", "batch.safetensors", "--queries", "2", "--array", "-o", "mask.safetensors"],
                              ["report", "in.safetensors", "-o", "report.html"]):
                result = self.run_tool(*arguments, stderr=full)
                self.assertEqual(result.returncode, 0, result.stdout)
        self.assert_sound("out.safetensors")
        self.assert_sound("parts/batch-1.safetensors")


if __name__ == "__main__":
    skips.main()
