#!/usr/bin/env python3
"""Several at one file: an error or a consistent result, never a mixture. usage: concurrency_test.py BINARY"""
import os
import shutil
import time
import unittest

from tool import ToolTest


class Concurrency(ToolTest):
    def test_two_writers_that_may_replace(self):
        self.make("in.safetensors", megabytes=2)
        for length in ("100", "120"):
            self.assertEqual(self.run_tool("trim", "in.safetensors", "--to", length, "-o", length).returncode, 0)
        either = [self.read("100"), self.read("120")]
        for _ in range(10):
            both = [self.start("trim", "in.safetensors", "--to", length, "-o", "out", "--force") for length in ("100", "120")]
            self.assertEqual([process.wait() for process in both], [0, 0])
            self.assertIn(self.read("out"), either)
        self.assertEqual(self.names(), ["100", "120", "in.safetensors", "out"])

    def test_of_two_writers_of_a_new_file_one_wins(self):
        self.make("in.safetensors", megabytes=2)
        for _ in range(10):
            both = [self.start("trim", "in.safetensors", "--to", length, "-o", "out") for length in ("100", "120")]
            self.assertEqual(sorted(process.wait() for process in both), [0, 2])
            self.assert_sound("out")
            os.remove(self.path("out"))
        self.assertEqual(self.names(), ["in.safetensors"])

    def test_readers_during_replacements(self):
        self.make("a.safetensors", tokens=300)
        reader_codes = set()
        for length in range(290, 275, -1):
            writer = self.start("trim", "a.safetensors", "--to", str(length), "--in-place")
            while writer.poll() is None:
                reader_codes.add(self.run_tool("verify", "--data", "a.safetensors").returncode)
            self.assertEqual(writer.returncode, 0)
        self.assertLessEqual(reader_codes, {0})
        self.assertEqual(self.names(), ["a.safetensors"])

    def test_a_file_that_becomes_shorter(self):
        self.make("whole", megabytes=8)
        size = os.path.getsize(self.path("whole"))
        for i in range(8):
            shutil.copy(self.path("whole"), self.path("in.safetensors"))
            process = self.start("trim", "in.safetensors", "-n", "1", "--gzip", "-o", "out")
            time.sleep(0.02 * i)
            os.truncate(self.path("in.safetensors"), size // 3)
            code = process.wait()
            self.assertIn(code, (0, 3, 5))
            self.assertEqual(os.path.exists(self.path("out")), code == 0)
            self.assertEqual(len(self.names()), 2 + (code == 0))
            if code == 0:
                self.assert_sound("out")
                os.remove(self.path("out"))

    def test_a_file_that_grows(self):
        self.make("in.safetensors", megabytes=10)
        for command in (["verify", "--data", "in.safetensors"], ["trim", "in.safetensors", "-n", "1", "-o", "out"]):
            process = self.start(*command)
            with open(self.path("in.safetensors"), "ab") as f:
                while process.poll() is None:
                    f.write(b"x" * 4096)
                    f.flush()
            self.assertEqual(process.returncode, 0)
        self.assert_sound("out")


if __name__ == "__main__":
    unittest.main()
