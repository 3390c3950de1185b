#!/usr/bin/env python3
"""Folders of servers that are at work: files that come, are renamed and go, indexes with a write-ahead log, locks of others.

usage: live_folders_test.py BINARY TESTDATA
"""
import hashlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BINARY, TESTDATA = (os.path.abspath(p) for p in (sys.argv.pop(1), sys.argv.pop(1)))
GOLDEN = os.path.join(TESTDATA, "golden", "foreign")

# Held in a process of its own until a line comes: "lock" takes the write lock, "open" only keeps a connection with a log.
HOLDER = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[2], isolation_level=None)
c.execute("PRAGMA journal_mode=WAL")
c.execute("UPDATE entries SET accessed_at = accessed_at + 1")
if sys.argv[1] == "lock": c.execute("BEGIN IMMEDIATE")
print("ready", flush=True)
sys.stdin.readline()
"""


def listing(folder):
    """Every name, with what is in the files."""
    out = {}
    for base, dirs, files in os.walk(folder):
        for name in dirs:
            out[os.path.relpath(os.path.join(base, name), folder) + "/"] = ""
        for name in files:
            with open(os.path.join(base, name), "rb") as f:
                out[os.path.relpath(os.path.join(base, name), folder)] = hashlib.sha256(f.read()).hexdigest()
    return out


class LiveFolders(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-live-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def copy(self, case):
        path = os.path.join(self.folder, case)
        shutil.copytree(os.path.join(GOLDEN, case, "store"), path, copy_function=shutil.copyfile)
        return path

    def ids(self, case):
        tokens = os.path.join(GOLDEN, case, "tokens")
        return os.path.join(tokens, sorted(os.listdir(tokens))[0])

    def tool(self, *words):
        return subprocess.run([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)

    def look(self, store, case):
        """All that only looks: none of it may fail because of what others do."""
        out = os.path.join(self.folder, "out.safetensors")
        for words, codes in ((("ls", "--json", store), (0,)), (("verify", "--json", "-r", store), (0, 1)),
                             (("explain", store, "--tokens", self.ids(case), "--json"), (0, 1)),
                             (("inspect", "--json", store), (0,)), (("report", store, "-o", out + ".html", "--force"), (0,)),
                             (("convert", store, "--tokens", self.ids(case), "--to", "mlx-lm@2026-08", "-o", out, "--force"),
                              (0, 1, 3, 4, 5))):
            done = self.tool(*words)
            self.assertIn(done.returncode, codes, "%s: %s" % (words[0], done.stderr.decode()))
            if "--json" in words:
                json.loads(done.stdout)

    def held(self, how, database):
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, how, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(holder.stdout.readline(), b"ready\n")
        self.addCleanup(holder.wait)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.stdin.close)
        return holder

    def test_a_server_that_writes_renames_and_deletes(self):
        for case in ("omlx-dense-bf16", "apc-exact-three-turns", "rapid-dense-bf16"):
            store = self.copy(case)
            files = [os.path.join(base, name) for base, _, names in os.walk(store) for name in names if name.endswith(".safetensors")]
            contents = {}
            for path in files:
                with open(path, "rb") as f:
                    contents[path] = f.read()
            stop = threading.Event()

            def serve():
                turn = 0
                while not stop.is_set():
                    path = files[turn % len(files)]
                    turn += 1
                    if os.path.exists(path):
                        os.remove(path)
                    # As servers do: a part under another name first, then all of it, then its own name.
                    staged = path[:-len(".safetensors")] + "_tmp.safetensors"
                    with open(staged, "wb") as f:
                        f.write(contents[path][:100])
                        f.flush()
                        time.sleep(0.0005)
                        f.write(contents[path][100:])
                    os.rename(staged, path)

            server = threading.Thread(target=serve)
            server.start()
            try:
                with self.subTest(case):
                    for _ in range(3):
                        self.look(store, case)
            finally:
                stop.set()
                server.join()
            # It has come to rest: all is there, and nothing else.
            self.assertEqual(sorted(files), sorted(os.path.join(base, name) for base, _, names in os.walk(store) for name in names
                                                   if name.endswith(".safetensors")))

    def test_nothing_is_written_beside_a_log(self):
        case = "vllm-mlx-ssd-dense-bf16"
        store = self.copy(case)
        database = os.path.join(store, "index.db")
        holder = self.held("open", database)
        before = listing(store)
        self.assertIn("index.db-wal", before)
        self.look(store, case)
        self.assertEqual(listing(store), before)
        rows = json.loads(self.tool("explain", store, "--json").stdout)["places"][0]["entries"]
        self.assertGreater(rows, 0)
        holder.stdin.close()

    def test_what_only_looks_changes_nothing_anywhere(self):
        for case in sorted(os.listdir(GOLDEN)):
            tokens = os.path.join(GOLDEN, case, "tokens")
            if not case.endswith("bf16") or not os.path.isdir(tokens):
                continue
            store = self.copy(case)
            before = listing(store)
            self.look(store, case)
            self.tool("prune", store, "--older-than", "0s")
            self.assertEqual(listing(store), before, case)

    def test_prune_changes_an_index_that_others_have_open(self):
        store = self.copy("vllm-mlx-ssd-dense-bf16")
        database = os.path.join(store, "index.db")
        holder = self.held("open", database)
        before = listing(store)
        done = self.tool("prune", store, "--older-than", "0s", "--yes", "--json")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        deleted = json.loads(done.stdout)["totals"]["deleted"]["files"]
        self.assertGreater(deleted, 0)
        after = listing(store)
        self.assertEqual({name for name in after if name not in before}, set(), "nothing is written beside what goes")
        self.assertEqual([name for name in after if name.startswith("data/") and name != "data/"], [])
        holder.stdin.close()
        holder.wait()
        self.assertEqual(sqlite3.connect(database).execute("SELECT count(*) FROM entries").fetchone(), (0,))

    def test_prune_is_refused_while_an_index_is_locked(self):
        store = self.copy("vllm-mlx-ssd-dense-bf16")
        holder = self.held("lock", os.path.join(store, "index.db"))
        before = listing(store)
        done = self.tool("prune", store, "--older-than", "0s", "--yes")
        self.assertEqual(done.returncode, 5, done.stdout)
        self.assertIn(b"the index is locked: a server is using it", done.stderr)
        self.assertEqual(listing(store), before)
        holder.stdin.close()
        holder.wait()
        self.assertEqual(self.tool("prune", store, "--older-than", "0s", "--yes").returncode, 0)
        self.assertEqual([name for name in listing(store) if name.startswith("data/") and name != "data/"], [])

    def test_prune_takes_entries_out_of_json_indexes(self):
        for case, count in (("vllm-mlx-dense-bf16", "num_entries"), ("rapid-dense-bf16", "num_entries")):
            store = self.copy(case)
            before = listing(store)
            with open(os.path.join(store, "index.json") if os.path.exists(os.path.join(store, "index.json")) else
                      next(os.path.join(base, "index.json") for base, _, names in os.walk(store) if "index.json" in names)) as f:
                path, index = f.name, json.load(f)
            done = self.tool("prune", store, "--tokens", ">40", "--yes")
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            with open(path) as f:
                left = json.load(f)
            self.assertEqual(left[count], len(left["entries"]))
            self.assertLess(len(left["entries"]), len(index["entries"]))
            for entry in left["entries"]:
                self.assertIn(entry, index["entries"])
                self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), "entry_%d.safetensors" % entry["index"])))
            after = listing(store)
            self.assertEqual({name for name in after if name not in before}, set())
            names = {os.path.basename(name) for name in after}
            for entry in index["entries"]:
                kept = entry in left["entries"]
                for ending in (".safetensors", "_tokens.bin"):
                    self.assertEqual("entry_%d%s" % (entry["index"], ending) in names, kept)
            # What is left is what a server's own rules find sound.
            self.assertIn(self.tool("verify", "-r", store).returncode, (0, 1))

    def test_prune_leaves_an_entry_that_changes_meanwhile_and_its_row(self):
        # A torn index is no list to take anything out of: nothing goes.
        store = self.copy("vllm-mlx-dense-bf16")
        path = next(os.path.join(base, "index.json") for base, _, names in os.walk(store) if "index.json" in names)
        with open(path, "r+") as f:
            f.truncate(os.path.getsize(path) // 2)
        before = listing(store)
        done = self.tool("prune", store, "--older-than", "0s", "--yes")
        self.assertEqual(done.returncode, 5, done.stdout)
        self.assertEqual(listing(store), before)


if __name__ == "__main__":
    unittest.main()
