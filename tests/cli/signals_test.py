#!/usr/bin/env python3
"""Stopped by a signal: the right exit code, at once, and nothing left behind. usage: signals_test.py BINARY"""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""


def sparse_cache(path, rows):
    """One layer of 2 x rows KiB of zeros that take no space on disk."""
    end = rows * 1024
    header = {"__metadata__": {"0.0": "", "2.0": "KVCache"},
              "0.0": {"dtype": "F16", "shape": [1, 1, rows, 512], "data_offsets": [0, end]},
              "0.1": {"dtype": "F16", "shape": [1, 1, rows, 512], "data_offsets": [end, 2 * end]}}
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + 2 * end)


class Signals(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-signals-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(self.path("tmp"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *arguments, **more):
        # A background job of a script starts with SIGINT ignored, and the tool would rightly keep it so.
        process = subprocess.Popen([BINARY, *arguments], cwd=self.folder, env=dict(os.environ, TMPDIR=self.path("tmp")),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **more)
        self.addCleanup(process.kill)
        return process

    def stop(self, process, number):
        process.send_signal(number)
        started = time.monotonic()
        _, errors = process.communicate(timeout=20)
        self.assertLess(time.monotonic() - started, 5)
        return process.returncode, errors.decode()

    def test_an_interrupted_write_leaves_nothing(self):
        sparse_cache(self.path("big.safetensors"), 4 << 20)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            # Compressing 8 GB takes long enough to be in the middle of it.
            process = self.start("trim", "big.safetensors", "-n", "1", "--gzip", "-o", "out.safetensors")
            time.sleep(0.5)
            self.assertIsNone(process.poll(), "still writing")
            got, errors = self.stop(process, number)
            self.assertEqual(got, code, errors)
            self.assertIn("kvcache trim: out.safetensors: ", errors)
            self.assertEqual(sorted(os.listdir(self.folder)), ["big.safetensors", "tmp"])
            self.assertEqual(os.listdir(self.path("tmp")), [])

    def test_an_interrupted_replacement_keeps_the_old_file(self):
        sparse_cache(self.path("big.safetensors"), 4 << 20)
        before = os.stat(self.path("big.safetensors"))
        process = self.start("trim", "big.safetensors", "-n", "1", "--gzip", "--in-place")
        time.sleep(0.5)
        self.assertEqual(self.stop(process, signal.SIGINT)[0], 130)
        after = os.stat(self.path("big.safetensors"))
        self.assertEqual((after.st_ino, after.st_size), (before.st_ino, before.st_size))
        self.assertEqual(sorted(os.listdir(self.folder)), ["big.safetensors", "tmp"])

    def test_waiting_for_input_ends_at_once(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.start("verify", "-", stdin=subprocess.PIPE)
            process.stdin.write(b"\x00\x01")
            process.stdin.flush()
            time.sleep(0.3)
            self.assertEqual(self.stop(process, number)[0], code)
            self.assertEqual(os.listdir(self.path("tmp")), [])


if __name__ == "__main__":
    unittest.main()
