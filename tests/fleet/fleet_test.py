#!/usr/bin/env python3
"""Many processes on one store of several hosts, killed at any moment; services that fail. usage: fleet_test.py BINARY

KVCACHE_FLEET_SECONDS: how long they are at it (15)."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "remote"), os.path.join(HERE, "..", "support")]
import s3_server  # noqa: E402
import services  # noqa: E402
import skips  # noqa: E402

BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
SECONDS = float(os.environ.get("KVCACHE_FLEET_SECONDS", "15"))
LONG = SECONDS > 60
GRACE = 2
WORKERS = 4
BLOCK = 4
LENGTHS = (3, 7, 8, 12, 13, 20, 31, 40)


def name_of(prompt):
    return "-".join(map(str, prompt))


class Fleet(unittest.TestCase):
    """PostgreSQL, and the small service of tests/remote, which can be told to fail."""

    @classmethod
    def setUpClass(cls):
        try:
            cls.database = services.Postgres()
        except services.Missing as missing:
            raise unittest.SkipTest(str(missing)) from None
        cls.database.__enter__()
        cls.addClassCleanup(cls.database.__exit__)
        cls.service = s3_server.Service(conditional=False)
        cls.service.__enter__()
        cls.addClassCleanup(cls.service.__exit__)
        cls.folder = tempfile.mkdtemp(prefix="kvcache-fleet-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        # Caches whose keys and values are known functions of their tokens: prefixes of one long one for each of some prompts.
        cls.caches = {}
        for seed in range(3):
            whole = os.path.join(cls.folder, "whole%d" % seed)
            cls.run_tool("create", "-q", "--layers", "2", "--heads", "1", "--head-dim", "8", "--tokens", "40", "--fill", "random", "--seed",
                         str(seed), "-o", whole)
            for length in LENGTHS:
                path = os.path.join(cls.folder, "%d-%d.safetensors" % (seed, length))
                if length == 40:
                    os.rename(whole, path)
                else:
                    cls.run_tool("trim", "-q", whole, "--to", str(length), "-o", path)
                ids = os.path.join(cls.folder, "%d-%d.json" % (seed, length))
                with open(ids, "w", encoding="ascii") as file:
                    json.dump([1000 * seed + n for n in range(length)], file)
                cls.caches[seed, length] = (path, ids)

    def setUp(self):
        self.service.reset()
        self.number = getattr(type(self), "number", 0) + 1
        type(self).number = self.number
        self.store = self.address(cache=os.path.join(self.folder, "cache%d" % self.number))
        self.run_tool("store", "init", "--block", str(BLOCK), "-q", "--store", self.store)

    def address(self, cache):
        return "%s?schema=t%d&grace_seconds=%d&cache=%s&objects=s3://fleet/t%d" % (self.database.url, self.number, GRACE, cache, self.number)

    @classmethod
    def environment(cls):
        return dict(os.environ, HOME=cls.folder, **cls.service.environment())

    @classmethod
    def run_tool(cls, *arguments, codes=(0,)):
        done = subprocess.run([BINARY, *arguments], env=cls.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode not in codes:
            raise AssertionError("%s: exit status %d: %s" % (" ".join(arguments), done.returncode, done.stderr.decode()))
        return done

    def put(self, seed, length, codes=(0,)):
        path, ids = self.caches[seed, length]
        return self.run_tool("store", "put", path, "--tokens", ids, "--identity", "m", "--store", self.store, "-q", codes=codes)

    def get(self, seed, length, out, codes=(0,), store=None):
        """Tokens of the hit, which is compared; None for a miss or an error."""
        done = self.run_tool("store", "get", "--tokens", self.caches[seed, length][1], "--leave", "0", "--identity", "m", "--store",
                             store or self.store, "--json", "--force", "-o", out, codes=codes)
        if done.returncode != 0:
            self.assertFalse(os.path.exists(out) and done.returncode == 5 and os.path.getsize(out) == 0)
            return None
        tokens = json.loads(done.stdout)["resume_at"]
        self.compare(out, seed, tokens)
        return tokens

    def compare(self, out, seed, tokens):
        # What is evicted leaves any number of blocks.
        expected = self.caches.get((seed, tokens), (None,))[0]
        if not expected:
            expected = out + ".expected"
            self.run_tool("trim", "-q", self.caches[seed, 40][0], "--to", str(tokens), "--force", "-o", expected)
        found = self.run_tool("diff", "--json", out, expected, codes=(0, 1))
        self.assertEqual(found.returncode, 0, found.stdout.decode())

    def check(self):
        found = json.loads(self.run_tool("store", "check", "--data", "--json", "--store", self.store, codes=(0, 1)).stdout)
        self.assertEqual(found["problems"], [])
        return found

    def objects(self):
        return [name for name in self.service.objects if name.startswith("fleet/t%d/objects/" % self.number)]

    def test_turns_are_stored_once_and_got_from_every_host(self):
        self.put(0, 12)
        self.put(0, 20)
        out = os.path.join(self.folder, "out1")
        other = self.address(os.path.join(self.folder, "other"))
        self.assertEqual(self.get(0, 40, out), 20)
        self.assertEqual(self.get(0, 40, out, store=other), 20)
        self.assertEqual(self.get(0, 40, out, store=other), 20)
        self.assertEqual(self.get(0, 7, out), 7)
        self.assertEqual(self.get(1, 7, out, codes=(1,)), None)
        self.check()
        # Another store may not take these objects for its own, nor this one other objects.
        self.run_tool("store", "ls", "--store", self.store.replace("objects=s3://fleet/t", "objects=s3://fleet/u"), codes=(2,))
        self.run_tool("store", "init", "--store", self.store.replace("schema=t", "schema=other"), codes=(2,))
        # Its database is lost.
        self.database.sql("DROP SCHEMA t%d CASCADE" % self.number)
        self.run_tool("store", "get", "--tokens", self.caches[0, 7][1], "--identity", "m", "--store", self.store, "-o", out, codes=(2,))
        self.run_tool("store", "check", "--rebuild", "--store", self.store)
        self.assertEqual(self.get(0, 40, out), 20)
        self.check()
        # And all of it goes.
        self.run_tool("store", "rm", "--all", "--purge", "-q", "--store", self.store)
        self.assertEqual(self.objects(), [])

    def test_each_fault_gives_the_right_bytes_or_an_error(self):
        out = os.path.join(self.folder, "out2")
        # Each request of each command; in a short run the first, the fourth, ...
        step = 1 if LONG else 3
        for command, faults in (("put", ("503", "reset", "lost", "short")), ("get", ("reset", "short", "whole", "etag", "range")),
                                ("gc", ("503", "reset", "short"))):
            for place, fault in enumerate(faults):
                for number in range(1 + place % step, 14, step):
                    if command == "put":
                        self.run_tool("store", "rm", "--all", "--purge", "-q", "--store", self.store)
                    else:
                        self.put(0, 12)
                    self.service.reset({number: fault})
                    if command == "put":
                        self.put(0, 12, codes=(0, 5))
                    elif command == "get":
                        self.assertIn(self.get(0, 12, out, codes=(0, 5)), (12, None))
                    else:
                        self.run_tool("store", "gc", "-q", "--store", self.store, codes=(0, 5))
                    asked = len(self.service.requests)
                    self.service.reset()
                    if asked < number:
                        break
                self.check()
        self.put(0, 12)
        self.service.reset({"all": "503"})
        failed = self.run_tool("store", "get", "--tokens", self.caches[0, 12][1], "--identity", "m", "--store", self.store, "-o", out + "x",
                               codes=(5,))
        self.assertIn(b"s3://fleet/", failed.stderr)
        self.assertFalse(os.path.exists(out + "x"))
        self.service.reset()

    def test_killed_processes_leave_a_sound_store(self):
        self.put(0, 3)
        end = time.monotonic() + SECONDS
        errors, counts = [], {"put": 0, "get": 0, "hit": 0, "rm": 0, "gc": 0, "killed": 0}
        lock = threading.Lock()

        def work(worker):
            chance = random.Random(worker)
            out = os.path.join(self.folder, "out-%d-%d" % (self.number, worker))
            where = self.address(os.path.join(self.folder, "host%d" % (worker % 2)))
            while time.monotonic() < end and not errors:
                what = chance.choices(("put", "get", "rm", "gc"), (5, 5, 2, 1))[0]
                seed, length = chance.randrange(3), chance.choice(LENGTHS)
                path, ids = self.caches[seed, length]
                arguments = {"put": ["put", path, "--tokens", ids, "--identity", "m", "-q"],
                             "get": ["get", "--tokens", ids, "--leave", "0", "--identity", "m", "--json", "--force", "-o", out],
                             "rm": ["rm", "--older-than", "1s", "-q"],
                             "gc": ["gc", "--to", "%dKB" % chance.choice((0, 20, 200)), "-q"]}[what]
                process = subprocess.Popen([BINARY, "store", *arguments, "--store", where], env=self.environment(),
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                killed = chance.random() < 0.3
                if killed:
                    time.sleep(chance.random() * 0.3)
                    process.send_signal(signal.SIGKILL)
                stdout, stderr = process.communicate()
                with lock:
                    counts[what] += 1
                    counts["killed"] += killed
                try:
                    if process.returncode == 0 and what == "get" and not (killed and not stdout):
                        tokens = json.loads(stdout)["resume_at"]
                        with lock:
                            counts["hit"] += 1
                        self.compare(out, seed, tokens)
                    elif process.returncode not in (0, -signal.SIGKILL) and (what, process.returncode) != ("get", 1):
                        # A get that takes longer than the grace may find that what it wanted was evicted, and says so.
                        if not (what == "get" and process.returncode == 5):
                            raise AssertionError("%s: exit status %d: %s" % (what, process.returncode, stderr.decode()))
                except Exception as error:  # the others end, too, and it is raised below
                    errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("processes: %s" % counts, file=sys.stderr)
        if errors:
            raise errors[0]
        self.check()
        # What was left behind is gone once its grace is over.
        time.sleep(GRACE + 0.5)
        for _ in range(2):
            self.run_tool("store", "gc", "-q", "--store", self.store)
        found = self.check()
        self.assertEqual(found["leftovers"], 0)
        known = self.database.sql("SELECT count(*) FROM t%d.entry" % self.number)
        self.assertEqual(len([n for n in self.objects() if ".entry." in n]), int(known))
        self.run_tool("store", "rm", "--all", "--purge", "-q", "--store", self.store)
        self.assertEqual(self.objects(), [])


if __name__ == "__main__":
    skips.main()
