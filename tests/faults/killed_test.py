#!/usr/bin/env python3
"""Killed at random moments, again and again: the old file or the complete new one. usage: killed_test.py BINARY

KVCACHE_KILLS sets how often (200).
"""
import os
import random
import signal
import time
import unittest

from tool import ToolTest

KILLS = int(os.environ.get("KVCACHE_KILLS", "200"))
# A signal that comes before main() has installed its handlers ends the process as any other.
EXIT_CODES = {signal.SIGINT: {0, 130, -2}, signal.SIGTERM: {0, 143, -15}, signal.SIGKILL: {0, -9}}


class Killed(ToolTest):
    def setUp(self):
        super().setUp()
        self.make("in.safetensors", megabytes=30)
        started = time.monotonic()
        self.command("out.safetensors").wait()
        self.duration = time.monotonic() - started
        self.wanted = self.read("out.safetensors")
        os.remove(self.path("out.safetensors"))

    def command(self, output):
        # With work for both cores, so that signals meet the tool in all its states.
        return self.start("quantize", "in.safetensors", "--bits", "4", "-o", output, "--force")

    def test_old_or_new(self):
        random.seed(os.environ.get("KVCACHE_SEED", "6"))
        seen = {}
        for i in range(KILLS):
            number = random.choice(list(EXIT_CODES))
            old = b"old" if i % 2 else None
            if old:
                with open(self.path("out.safetensors"), "wb") as f:
                    f.write(old)
            process = self.command("out.safetensors")
            time.sleep(random.uniform(0, 1.2 * self.duration))
            process.send_signal(number)
            code = process.wait(timeout=60)

            self.assertIn(code, EXIT_CODES[number])
            seen[code] = seen.get(code, 0) + 1
            names = self.names()
            if number == signal.SIGKILL:
                # Between naming the new file and renaming it over the old one nobody can clean up after us.
                for name in [n for n in names if n.endswith(".kvcache-tmp")]:
                    names.remove(name)
                    os.remove(self.path(name))
            there = "out.safetensors" in names
            self.assertEqual(names, ["in.safetensors"] + ["out.safetensors"] * there)
            text = self.read("out.safetensors") if there else None
            self.assertTrue(text == self.wanted or (text == old and code != 0), f"exit code {code}, {text and len(text)} bytes")
            if code in (130, 143):
                self.assertEqual(text, old, f"exit code {code} with a new file")
            if there:
                os.remove(self.path("out.safetensors"))
        print("exit codes:", dict(sorted(seen.items())))

    def test_standard_output_is_complete_or_the_exit_code_tells(self):
        random.seed(os.environ.get("KVCACHE_SEED", "6"))
        os.mkdir(self.path("tmp"))
        for _ in range(KILLS // 10):
            number = random.choice(list(EXIT_CODES))
            with open(self.path("out"), "wb") as out:
                process = self.start("quantize", "in.safetensors", "--bits", "4", "-o", "-", stdout=out,
                                     env={**os.environ, "TMPDIR": self.path("tmp")})
                time.sleep(random.uniform(0, 1.2 * self.duration))
                process.send_signal(number)
                code = process.wait(timeout=60)
            self.assertIn(code, EXIT_CODES[number])
            text = self.read("out")
            self.assertTrue(self.wanted.startswith(text) and (code != 0 or text == self.wanted), f"exit code {code}, {len(text)} bytes")
            self.assertEqual(self.names("tmp"), [])

    def test_of_several_files_each_is_old_or_new(self):
        random.seed(os.environ.get("KVCACHE_SEED", "6"))
        old, names = self.read("in.safetensors"), ["a.safetensors", "b.safetensors", "c.safetensors"]
        for _ in range(KILLS // 10):
            number = random.choice(list(EXIT_CODES))
            for name in names:
                with open(self.path(name), "wb") as f:
                    f.write(old)
            process = self.start("quantize", *names, "--bits", "4", "--in-place")
            time.sleep(random.uniform(0, 3.5 * self.duration))
            process.send_signal(number)
            code = process.wait(timeout=60)
            self.assertIn(code, EXIT_CODES[number])
            if number == signal.SIGKILL:
                for name in [n for n in self.names() if n.endswith(".kvcache-tmp")]:
                    os.remove(self.path(name))
            self.assertEqual(self.names(), sorted([*names, "in.safetensors"]))
            new = [self.read(name) != old for name in names]
            self.assertTrue(all(self.read(name) in (old, self.wanted) for name in names))
            self.assertEqual(new, sorted(new, reverse=True), "one after the other")
            self.assertTrue(code != 0 or all(new), f"exit code {code}, {new}")


if __name__ == "__main__":
    unittest.main()
