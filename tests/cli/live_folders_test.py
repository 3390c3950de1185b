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
            # One stays: whoever lists a folder in which every name moves all the time may see none of them.
            moving = files[1:]

            def serve():
                turn = 0
                while not stop.is_set():
                    path = moving[turn % len(moving)]
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

    def vmlx_blocks(self, statement, row):
        """A folder of two blocks, whose index has a row of each. -> path, stems"""
        store = os.path.join(self.folder, "vmlx")
        shutil.rmtree(store, ignore_errors=True)
        stems = [hashlib.sha256(b"%d" % i).hexdigest() for i in range(2)]
        meta = json.dumps({"__layer_types__": {"0": "KVCache"}}).encode()
        header = {"__vmlx_block_meta__": {"dtype": "U8", "shape": [len(meta)], "data_offsets": [0, len(meta)]}}
        for stem, tokens in zip(stems, (64, 32)):
            at = len(meta)
            for name in ("layer_0_keys", "layer_0_values"):
                header[name] = {"dtype": "F16", "shape": [1, 1, tokens, 2], "data_offsets": [at, at + 4 * tokens]}
                at += 4 * tokens
            text = json.dumps(header).encode()
            os.makedirs(os.path.join(store, "blocks", stem[:2]), exist_ok=True)
            with open(os.path.join(store, "blocks", stem[:2], stem + ".safetensors"), "wb") as f:
                f.write(struct.pack("<Q", len(text)) + text + meta + bytes(at - len(meta)))
        database = sqlite3.connect(os.path.join(store, "block_index.db"))
        database.execute(statement)
        for stem in stems:
            database.execute("INSERT INTO blocks VALUES (%s)" % ",".join("?" * len(row(stem))), row(stem))
        database.commit()
        database.close()
        return store, stems

    def test_prune_takes_blocks_of_vmlx_out_of_their_index(self):
        for statement, column, row in (
                ("CREATE TABLE blocks (block_hash TEXT PRIMARY KEY, file_name TEXT NOT NULL, num_tokens INTEGER, parent_hash TEXT)",
                 "block_hash", lambda stem: (stem, "blocks/%s/%s.safetensors" % (stem[:2], stem), 64, None)),
                ("CREATE TABLE blocks (hash TEXT NOT NULL, model_key TEXT NOT NULL, PRIMARY KEY (hash, model_key))",
                 "hash", lambda stem: (stem, "m"))):
            store, stems = self.vmlx_blocks(statement, row)
            done = self.tool("prune", store, "--tokens", ">40", "--yes", "--json")
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertEqual(json.loads(done.stdout)["totals"]["deleted"]["files"], 1)
            rows = sqlite3.connect(os.path.join(store, "block_index.db")).execute("SELECT %s FROM blocks" % column).fetchall()
            self.assertEqual(rows, [(stems[1],)])
            self.assertEqual([name for name in listing(store) if name.endswith(".safetensors")],
                             ["blocks/%s/%s.safetensors" % (stems[1][:2], stems[1])])
        # What nobody knows is left alone.
        store, _ = self.vmlx_blocks("CREATE TABLE blocks (digest TEXT)", lambda stem: (stem,))
        before = listing(store)
        done = self.tool("prune", store, "--tokens", ">40", "--yes")
        self.assertEqual(done.returncode, 5, done.stdout)
        self.assertIn(b"only its server can delete", done.stderr)
        self.assertEqual(listing(store), before)

    def test_prune_takes_entries_out_of_a_list_that_is_known_by_its_looks(self):
        files = os.path.join(TESTDATA, "golden", "models", "files")
        def entry(name, tokens, size):
            return {"file": name + ".safetensors", "tokens": tokens, "nbytes": size}
        manifests = [
            # A list, an order of names, a count and a sum.
            ({"version": 1, "count": 2, "total_bytes": 30, "lru": ["a.safetensors", "b.safetensors"],
              "entries": [entry("a", [1, 2], 10), entry("b", [3], 20)]},
             {"version": 1, "count": 1, "total_bytes": 20, "lru": ["b.safetensors"], "entries": [entry("b", [3], 20)]}),
            # By keys of their own, which other members speak of.
            ({"MANIFEST_VERSION": 2, "models": {"m": {"k1": entry("a", [1, 2], 10), "k2": entry("b", [3], 20)}},
              "order": ["k2", "k1"], "used": {"k1": 7, "k2": 8}},
             {"MANIFEST_VERSION": 2, "models": {"m": {"k2": entry("b", [3], 20)}}, "order": ["k2"], "used": {"k2": 8}}),
            ([entry("a", [1, 2], 10), entry("b", [3], 20)], [entry("b", [3], 20)]),
            ({"lru": [{"model": "m", "cache": entry("a", [1, 2], 10)}, {"model": "m", "cache": entry("b", [3], 20)}]},
             {"lru": [{"model": "m", "cache": entry("b", [3], 20)}]}),
            # What may be about it in a way that nobody knows.
            ({"order": [1, 0], "entries": [entry("a", [1, 2], 10), entry("b", [3], 20)]}, None),
            ({"last": {"name": "a.safetensors"}, "entries": [entry("a", [1, 2], 10), entry("b", [3], 20)]}, None),
        ]
        store = os.path.join(self.folder, "list")
        for manifest, wanted in manifests:
            shutil.rmtree(store, ignore_errors=True)
            os.makedirs(store)
            for name, case in (("a", "llama-f16"), ("b", "llama-f16")):
                shutil.copyfile(os.path.join(files, case + ".safetensors"), os.path.join(store, name + ".safetensors"))
            os.utime(os.path.join(store, "a.safetensors"), (1, 1))
            with open(os.path.join(store, "manifest.json"), "w") as f:
                json.dump(manifest, f)
            before = listing(store)
            done = self.tool("prune", store, "--older-than", "30d", "--yes")
            if wanted is None:
                self.assertEqual(done.returncode, 5, done.stdout)
                self.assertIn(b"its form is not known", done.stderr)
                self.assertEqual(listing(store), before)
                continue
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            with open(os.path.join(store, "manifest.json")) as f:
                self.assertEqual(json.load(f), wanted)
            self.assertEqual(sorted(listing(store)), ["b.safetensors", "manifest.json"])

    def test_entries_are_verified_as_the_prompt_caches_that_they_are(self):
        for case, ending in (("vllm-mlx-dense-bf16", "entry_0.safetensors"), ("rapid-dense-bf16", "entry_0.safetensors")):
            store = self.copy(case)
            done = self.tool("verify", "-r", "--json", store, "--for", "mlx-lm")
            entry = next(file for file in json.loads(done.stdout)["files"] if file["path"].endswith(ending))
            self.assertTrue(entry["format"].startswith("mlx-lm@"), entry)
            self.assertTrue(entry["loads_in"]["mlx-lm@0.31"]["ok"])
            alone = json.loads(self.tool("verify", "--json", entry["path"], "--for", "mlx-lm").stdout)["files"][0]
            self.assertEqual(entry["loads_in"], alone["loads_in"])
            sidecar = next(file for file in json.loads(done.stdout)["files"] if file["path"].endswith("_tokens.bin"))
            self.assertEqual((sidecar["format"], sidecar["loads_in"]), (None, {}))

    def test_an_index_of_another_schema_is_not_guessed_at(self):
        store = self.copy("vllm-mlx-ssd-dense-bf16")
        database = sqlite3.connect(os.path.join(store, "index.db"))
        database.execute("UPDATE schema_version SET version = 2")
        database.commit()
        database.close()
        found = json.loads(self.tool("verify", "--json", "-r", store).stdout)["files"]
        self.assertIn("KV902", [finding["code"] for file in found for finding in file["findings"]])
        done = self.tool("convert", store, "--tokens", self.ids("vllm-mlx-ssd-dense-bf16"), "--to", "mlx-lm", "-o",
                         os.path.join(self.folder, "out.safetensors"))
        self.assertEqual(done.returncode, 4, done.stderr)
        before = listing(store)
        self.assertEqual(self.tool("prune", store, "--older-than", "0s", "--yes").returncode, 5)
        self.assertEqual(listing(store), before)

    def test_prune_leaves_an_index_of_an_unknown_version(self):
        """Nobody can say what else in it tells of an entry: neither it nor the entries change."""
        def expect_left(store):
            before = listing(store)
            done = self.tool("prune", store, "--older-than", "0s", "--yes")
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn(b"known here", done.stderr)
            self.assertEqual(listing(store), before)

        for case, versions in (("vllm-mlx-dense-bf16", (3, 5, "4", None)), ("rapid-dense-bf16", (1, 4))):
            store = self.copy(case)
            path = next(os.path.join(base, "index.json") for base, _, names in os.walk(store) if "index.json" in names)
            with open(path, encoding="utf-8") as f:
                index = json.load(f)
            for version in versions:
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(dict(index, version=version), f)
                before = listing(store)
                done = self.tool("prune", store, "--older-than", "0s", "--yes")
                self.assertEqual((done.returncode, listing(store)), (5, before), (case, version, done.stderr))
        store, _ = self.vmlx_blocks("CREATE TABLE blocks (block_hash TEXT PRIMARY KEY)", lambda stem: (stem,))
        database = sqlite3.connect(os.path.join(store, "block_index.db"))
        database.execute("PRAGMA user_version = 2")
        database.commit()
        database.close()
        expect_left(store)

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
