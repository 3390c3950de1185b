"""What tests of a store of several hosts have in common: PostgreSQL, the small service of tests/remote, which can be told to fail, and caches
to put and to get."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "remote"), os.path.join(HERE, "..", "support")]
import s3_server  # noqa: E402
import services  # noqa: E402

SECONDS = float(os.environ.get("KVCACHE_FLEET_SECONDS", "15"))
LONG = SECONDS > 60
GRACE = 2
BLOCK = 4
LENGTHS = (3, 7, 8, 12, 13, 20, 31, 40)


class FleetCase(unittest.TestCase):
    binary = ""
    listen = "127.0.0.1"  # what both services listen at

    @classmethod
    def setUpClass(cls):
        try:
            cls.database = services.Postgres(cls.listen)
        except services.Missing as missing:
            raise unittest.SkipTest(str(missing)) from None
        cls.database.__enter__()
        cls.addClassCleanup(cls.database.__exit__)
        cls.service = s3_server.Service(conditional=False, listen=cls.listen)
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
        done = subprocess.run([cls.binary, *arguments], env=cls.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode not in codes:
            raise AssertionError("%s: exit status %d: %s" % (" ".join(arguments), done.returncode, done.stderr.decode()))
        return done

    def put(self, seed, length, codes=(0,), more=()):
        path, ids = self.caches[seed, length]
        return self.run_tool("store", "put", path, "--tokens", ids, "--identity", "m", "--store", self.store, "-q", *more, codes=codes)

    def get(self, seed, length, out, codes=(0,), store=None, more=()):
        """Tokens of the hit, which is compared; None for a miss or an error."""
        done = self.run_tool("store", "get", "--tokens", self.caches[seed, length][1], "--leave", "0", "--identity", "m", "--store",
                             store or self.store, "--json", "--force", "-o", out, *more, codes=codes)
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

    def nothing_is_left_behind(self):
        """After the time of grace only what has rows, and after a purge nothing."""
        time.sleep(GRACE + 0.5)
        for _ in range(2):
            self.run_tool("store", "gc", "-q", "--store", self.store)
        found = self.check()
        self.assertEqual(found["leftovers"], 0)
        known = self.database.sql("SELECT count(*) FROM t%d.entry" % self.number)
        self.assertEqual(len([n for n in self.objects() if ".entry." in n]), int(known))
        self.run_tool("store", "rm", "--all", "--purge", "-q", "--store", self.store)
        self.assertEqual(self.objects(), [])
