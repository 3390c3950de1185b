#!/usr/bin/env python3
"""Eight processes at once put, get, remove, evict and check one store, and are killed at random. usage: processes_test.py KVCACHE

Nothing is torn, nothing is lost, nobody waits for ever, and what a get gives is bit for bit what was put. KVCACHE_KILL_SECONDS sets how
long (15), KVCACHE_SEED with which random numbers.
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

TOOL = os.path.abspath(sys.argv.pop(1))
SECONDS = float(os.environ.get("KVCACHE_KILL_SECONDS", "15"))
AT_ONCE = 8
STUCK = 300  # seconds
LENGTHS = [40, 46, 52, 64, 100, 128, 200, 256, 300]
CHATS = 3


class Processes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") and "TMPDIR" not in os.environ else None)
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = dict(os.environ, KVCACHE_STORE=os.path.join(self.folder, "store"))
        for chat in range(CHATS):
            self.run_here("-q", "create", "--layers", "3", "--heads", "1", "--head-dim", "32", "--tokens", str(LENGTHS[-1]), "--fill",
                          "random", "--seed", str(chat), "-o", f"{chat}.safetensors")
            for n in LENGTHS:
                self.run_here("-q", "trim", f"{chat}.safetensors", "--to", str(n), "-o", f"{chat}-{n}.safetensors")
                ids = [1000 * chat + i for i in range(n)]
                for name, tokens in ((f"{chat}-{n}.json", ids), (f"{chat}-{n}-next.json", ids + [99999])):
                    with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                        json.dump(tokens, f)
        self.run_here("-q", "store", "init", "--block", "64", "--max-size", "900kB")

    def start(self, *words):
        return subprocess.Popen([TOOL, *words], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                universal_newlines=True)

    def run_here(self, *words):
        process = self.start(*words)
        said = process.communicate(timeout=STUCK)[0]
        self.assertEqual(process.returncode, 0, said)
        return said

    @staticmethod
    def some_command(number):
        chat, n, what = random.randrange(CHATS), random.choice(LENGTHS), random.random()
        if what < 0.5:
            return ["store", "put", f"{chat}-{n}.safetensors", "--tokens", f"{chat}-{n}.json", "--identity", "m", "--label", f"chat{chat}"]
        if what < 0.75:
            return ["store", "get", "--tokens", f"{chat}-{n}-next.json", "--identity", "m", "-o", f"got{number}.safetensors"]
        if what < 0.83:
            return ["store", "rm", "--label", f"chat{chat}"]
        if what < 0.9:
            return ["store", "gc", "--to", "300kB"]
        if what < 0.95:
            return ["store", "check", "--data"]
        return ["store", "ls"]

    def compare(self, number, words, said):
        """What was got is the beginning of the chat."""
        got = f"got{number}.safetensors"
        tokens = said.split(" of ")[0].split()[-1]
        self.run_here("-q", "trim", f"{words[3][0]}.safetensors", "--to", tokens, "-o", f"wanted{number}.safetensors")
        self.assertIn("no difference", self.run_here("diff", got, f"wanted{number}.safetensors"))
        os.remove(os.path.join(self.folder, f"wanted{number}.safetensors"))

    def test_nothing_is_torn_and_nobody_waits_for_ever(self):
        random.seed(os.environ.get("KVCACHE_SEED", "5"))
        running, seen, number = {}, {}, 0
        typical = 0.1  # seconds of a command, as they turn out here
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or running:
            now = time.monotonic()
            while now < end and len(running) < AT_ONCE:
                number += 1
                words = self.some_command(number)
                running[number] = (self.start(*words), words, now, now + random.uniform(0, 1.2 * typical) if random.random() < 0.3 else None)
            for i, (process, words, started, kill_at) in list(running.items()):
                if process.poll() is None:
                    if kill_at and now > kill_at:
                        process.kill()
                    self.assertLess(now - started, STUCK, f"stuck: {words}")
                    continue
                said = process.communicate()[0]
                del running[i]
                if process.returncode >= 0:
                    typical += 0.05 * (now - started - typical)
                code = process.returncode
                seen[words[1], code] = seen.get((words[1], code), 0) + 1
                self.assertIn(code, (0, 1, -9) if words[1] in ("get", "rm") else (0, -9), f"{words}: {said}")
                if words[1] == "get":
                    if code == 0 and i % 4 == 0:
                        self.compare(i, words, said)
                    if os.path.exists(os.path.join(self.folder, f"got{i}.safetensors")):
                        os.remove(os.path.join(self.folder, f"got{i}.safetensors"))
            time.sleep(0.002)
        print(dict(sorted(seen.items())))
        self.assertIn("nothing is wrong", self.run_here("store", "check", "--data"))
        self.run_here("store", "gc")
        self.assertNotIn("did not end", self.run_here("store", "check", "--data"))


if __name__ == "__main__":
    unittest.main()
