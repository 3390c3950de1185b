#!/usr/bin/env python3
"""The tool with a store on disks that are really small, really read-only, or somebody else's. usage: disks_test.py KVCACHE"""
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "faults"), os.path.join(HERE, "..", "support")]
from tool import ToolTest  # noqa: E402
import skips  # noqa: E402

TOKENS = 300
FULL = "No space left on device|database or disk is full|are free there"


class Disks(ToolTest):
    def setUp(self):
        super().setUp()
        self.environment = dict(os.environ, KVCACHE_STORE=self.path("disk/store"))
        os.mkdir(self.path("disk"))
        for chat in range(4):
            done = self.run_tool("-q", "create", "--layers", "2", "--heads", "1", "--head-dim", "64", "--tokens", str(TOKENS), "--fill",
                                 "random", "--seed", str(chat), "-o", f"{chat}.safetensors")
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(self.path(f"{chat}.json"), "w", encoding="utf-8") as f:
                json.dump([1000 * chat + i for i in range(TOKENS)], f)

    def mount(self, *options):
        if not shutil.which("mount") or os.geteuid() != 0 or subprocess.run(
                ["mount", *options, self.path("disk")], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("needs the right to mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", "-l", self.path("disk")], check=True)

    def store(self, *words, code=0):
        done = self.run_tool("store", *words, env=self.environment)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done

    def put(self, chat, code=0, *more):
        return self.store("put", f"{chat}.safetensors", "--tokens", f"{chat}.json", "--identity", "m", "--label", f"c{chat}", *more,
                          code=code)

    def labels(self):
        listed = json.loads(self.store("ls", "--json").stdout)
        return sorted(one["label"] for one in listed["entries"] if one["held"] == one["tokens"])

    def get(self, chat, code=0):
        done = self.store("get", "--tokens", f"{chat}.json", "--identity", "m", "--leave", "0", "-o", "got.safetensors", "--force", code=code)
        if code == 0:
            same = self.run_tool("diff", "got.safetensors", f"{chat}.safetensors")
            self.assertIn("no difference", same.stdout)
        return done

    def free(self):
        where = os.statvfs(self.path("disk"))
        return where.f_bavail * where.f_frsize

    def fill(self):
        with open(self.path("disk/other"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"\0" * 4096)
            except OSError:
                pass
        self.assertEqual(self.free(), 0)

    def assert_clean(self, leftovers=False):
        said = self.store("check", "--data").stdout
        self.assertIn("nothing is wrong", said)
        if not leftovers:
            self.assertNotIn("did not end", said)

    def test_a_full_disk(self):
        self.mount("-t", "tmpfs", "-o", "size=3m", "tmpfs")
        self.store("init", "--block", "32")
        self.put(0)
        self.put(1)
        self.fill()
        # Reading goes on.
        self.get(0)
        self.get(1)
        self.assert_clean()
        # A put evicts what was used for longest, and no more than that.
        said = self.put(2).stderr
        self.assertIn("tokens as entry", said)
        self.get(2)
        self.assert_clean()
        # Nothing goes for one that never fits.
        before = self.labels()
        done = self.run_tool("-q", "create", "--layers", "40", "--heads", "1", "--head-dim", "64", "--tokens", str(TOKENS), "-o", "big.safetensors")
        self.assertEqual(done.returncode, 0)
        done = self.store("put", "big.safetensors", "--tokens", "3.json", "--identity", "m", code=5)
        self.assertRegex(done.stderr, FULL)
        self.assertIn(self.path("disk/store"), done.stderr)
        self.assertIn("hint: free some space", done.stderr)
        self.assertEqual(self.labels(), before)
        self.assert_clean()
        # What is on a full disk can be removed.
        free = self.free()
        self.store("rm", "--label", "c2")
        self.store("gc", "--to", "0B")
        self.assertGreater(self.free(), free)
        self.assertEqual(self.labels(), [])
        self.assert_clean()

    def test_a_disk_of_any_size(self):
        self.mount("-t", "tmpfs", "-o", "size=3m", "tmpfs")
        said = set()
        for kilobytes in [4, 16, 40, 64, 96, 128, 160, 200, 240, 300, 400, 560, 700, 900]:
            shutil.rmtree(self.path("disk/store"), ignore_errors=True)
            subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", self.path("disk")], check=True)
            for words in (["init", "--block", "32"],
                          ["put", "0.safetensors", "--tokens", "0.json", "--identity", "m", "--label", "c0"],
                          ["put", "1.safetensors", "--tokens", "1.json", "--identity", "m", "--label", "c1"],
                          ["gc", "--to", "0B"]):
                done = self.run_tool("store", *words, env=self.environment)
                said.add((words[0], done.returncode))
                if done.returncode != 0:
                    if words[0] == "gc" and done.returncode == 2:
                        continue  # there is none
                    self.assertEqual(done.returncode, 5, (kilobytes, words, done.stderr))
                    self.assertRegex(done.stderr, FULL, (kilobytes, words))
                    self.assertIn(self.path("disk/store"), done.stderr, (kilobytes, words))
                    self.assertIn("hint: free some space", done.stderr, (kilobytes, words))
                if os.path.exists(self.path("disk/store/store.db")):
                    done = self.run_tool("store", "check", "--data", env=self.environment)
                    self.assertIn(done.returncode, (0, 5), (kilobytes, words, done.stdout, done.stderr))
                    if done.returncode == 5:
                        self.assertRegex(done.stderr, FULL)
        self.assertTrue({("init", 0), ("init", 5), ("put", 0), ("put", 5), ("gc", 0)} <= said, said)

    def test_no_more_is_evicted_than_is_needed(self):
        self.mount("-t", "tmpfs", "-o", "size=3m", "tmpfs")
        self.store("init", "--block", "32")
        for chat in range(3):
            self.put(chat)
        self.fill()
        done = json.loads(self.put(3, 0, "--json").stdout)["puts"][0]
        self.assertGreater(done["evicted"], 0)
        self.assertLess(done["evicted"], 2.5 * done["bytes"])
        self.assertIn("c3", self.labels())

    def test_a_limit_is_not_far_from_what_is_written(self):
        self.store("init", "--max-size", "1kB")
        said = self.put(0, 4).stderr
        estimate = 1000 * float(re.search(r"it takes up to ([0-9.]+) kB of objects", said)[1])
        self.store("init", "--max-size", "1GB")
        done = json.loads(self.put(0, 0, "--json").stdout)["puts"][0]
        self.assertGreaterEqual(1.01 * estimate, done["bytes"])
        self.assertLess(estimate, 1.15 * done["bytes"])

    def test_a_disk_that_is_too_small_for_a_store(self):
        with open(self.path("image"), "wb") as f:
            f.truncate(600 << 10)
        if not shutil.which("mkfs.ext4") or subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", self.path("image")], check=False).returncode != 0:
            self.skipTest("needs mkfs.ext4")
        self.mount("-o", "loop", self.path("image"))
        self.assertRegex(self.put(0, 5).stderr, FULL)
        self.assertFalse(os.path.exists(self.path("disk/store/objects")))

    def test_a_full_disk_for_what_is_got(self):
        self.mount("-t", "tmpfs", "-o", "size=100k", "tmpfs")
        self.environment["KVCACHE_STORE"] = self.path("store")
        self.put(0)
        for verb, more in (("get", ["--tokens", "0.json", "--identity", "m"]),
                           ("export", [json.loads(self.store("ls", "--json").stdout)["entries"][0]["entry"]])):
            done = self.store(verb, *more, "-o", "disk/out.safetensors", code=5)
            self.assertRegex(done.stderr, FULL)
            self.assertIn("disk/out.safetensors", done.stderr)
            self.assertIn("hint: free some space", done.stderr)
            self.assertEqual(self.names("disk"), [])
        self.assert_clean()

    def test_free_space_is_kept(self):
        self.mount("-t", "tmpfs", "-o", "size=4m", "tmpfs")
        self.store("init", "--block", "32", "--min-free", "60%")
        for chat in range(4):
            self.put(chat)
            self.assertGreater(self.free(), 0.55 * (4 << 20), chat)
            self.get(chat)
        # What others write makes the store give way, the one used last going last.
        self.get(1) if "c1" in self.labels() else self.put(1)
        with open(self.path("disk/other"), "wb") as f:
            f.write(b"x" * (700 << 10))
        self.store("gc")
        self.assertGreater(self.free(), 0.5 * (4 << 20))
        self.assertLessEqual(set(self.labels()), {"c1"})
        self.assert_clean()
        # Pinned ones stay, whatever is asked for.
        self.store("init", "--min-free", "0%")
        self.put(2, 0, "--pin")
        self.store("init", "--min-free", "99%")
        self.store("gc")
        self.assertIn("c2", self.labels())
        self.get(2)

    def test_a_read_only_disk(self):
        self.mount("-t", "tmpfs", "-o", "size=8m", "tmpfs")
        self.store("init", "--block", "32")
        self.put(0)
        self.put(1)
        entry = json.loads(self.store("ls", "--json").stdout)["entries"][0]["entry"]
        subprocess.run(["mount", "-o", "remount,ro", self.path("disk")], check=True)
        self.looked_at(entry)
        self.refused(entry, "Read-only file system")
        # As the hint says.
        self.store("import", self.path("disk/store"), "--store", self.path("mine"))
        self.environment["KVCACHE_STORE"] = self.path("mine")
        self.assertEqual(self.labels(), ["c0", "c1"])
        self.get(1)
        self.assert_clean()

    def looked_at(self, entry):
        self.get(0)
        self.assertEqual(self.store("probe", "--tokens", "1.json", "--identity", "m").returncode, 0)
        self.assertEqual(self.labels(), ["c0", "c1"])
        for words in (["show", entry], ["du"], ["stats"], ["check"]):
            self.store(*words)
        self.assert_clean()
        self.store("export", entry, "-o", "exported.safetensors", "--force")

    def refused(self, entry, reason):
        for words in (["put", "2.safetensors", "--tokens", "2.json", "--identity", "m"], ["rm", entry], ["pin", entry], ["gc"],
                      ["init", "--max-size", "1GB"], ["check", "--repair"], ["check", "--rebuild"], ["import", self.path("disk/store")]):
            done = self.store(*words, code=5)
            self.assertIn(f"the store {self.path('disk/store')} cannot be written to: {reason}", done.stderr, words)
            self.assertIn(f"hint: `kvcache store import {self.path('disk/store')} --store DIR` takes it over", done.stderr, words)

    @unittest.skipUnless(os.geteuid() == 0, "only root can run the tool as another user")
    def test_somebody_elses_store(self):
        self.store("init", "--block", "32")
        self.put(0)
        for folder, _, names in os.walk(self.path("disk/store")):
            os.chmod(folder, 0o755)
            for name in names:
                os.chmod(os.path.join(folder, name), 0o644)
        os.chmod(self.folder, 0o777)
        done = self.run_tool_as(65534, 65534, "store", "probe", "--tokens", "0.json", "--identity", "m", env=self.environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.run_tool_as(65534, 65534, "store", "check", "--data", env=self.environment)
        self.assertIn("nothing is wrong", done.stdout)
        done = self.run_tool_as(65534, 65534, "store", "gc", env=self.environment)
        self.assertEqual(done.returncode, 5)
        self.assertIn("cannot be written to: Permission denied", done.stderr)
        # And one that nobody else may look into.
        os.chmod(self.path("disk/store"), 0o700)
        done = self.run_tool_as(65534, 65534, "store", "ls", env=self.environment)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn(self.path("disk/store"), done.stderr)
        self.assertIn("Permission denied", done.stderr)

    def test_nobody_else_reads_it(self):
        """Although its folder was there before, and may be entered by everybody."""
        os.mkdir(self.path("disk/store"), 0o755)
        self.store("init", "--block", "32")
        self.put(0)
        self.get(0)
        for folder, names, files in os.walk(self.path("disk/store")):
            for name in names:
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode), 0o700, name)
            for name in files:
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode), 0o600, name)


if __name__ == "__main__":
    skips.main()
