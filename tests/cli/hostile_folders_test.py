#!/usr/bin/env python3
"""Folders that are made to harm: a million entries, loops of links, databases of others, archives that would fill the disk, paths
that lead out. Each gets an answer, in bounded memory and time.

usage: hostile_folders_test.py BINARY TESTDATA
KVCACHE_LARGE=1 makes the million of it; otherwise a hundredth.
"""
import json
import os
import resource
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

BINARY, TESTDATA = (os.path.abspath(p) for p in (sys.argv.pop(1), sys.argv.pop(1)))
GOLDEN = os.path.join(TESTDATA, "golden", "foreign")
LARGE = bool(os.environ.get("KVCACHE_LARGE"))
# A sanitizer reserves terabytes of addresses for itself: only what is answered counts there.
SANITIZED = bool(os.environ.get("KVCACHE_SANITIZED"))
H64 = "0123456789abcdef" * 4


class HostileFolders(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-hostile-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *names):
        path = os.path.join(self.folder, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, data, *names):
        with open(self.path(*names), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return self.path(*names)

    def copy(self, case, name="store"):
        shutil.copytree(os.path.join(GOLDEN, case, "store"), self.path(name), copy_function=shutil.copyfile)
        return self.path(name)

    def tool(self, *words, megabytes=0, seconds=120):
        """-> (exit status, output, complaints). Memory is that of the process' data."""
        def limit():
            if megabytes and not SANITIZED:
                resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
        done = subprocess.run([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds, preexec_fn=limit)
        return done.returncode, done.stdout, done.stderr.decode()

    def answers(self, store, megabytes=256):
        """Every command ends by itself with one of its own exit codes, and says why. -> complaints by command."""
        ids = self.write("[1, 2, 3, 4, 5, 6, 7, 8]", "ids.json")
        out = {}
        for words in (("ls", "--json", store), ("verify", "--json", "-r", store), ("explain", store, "--tokens", ids, "--json"),
                      ("inspect", "--json", store), ("report", store, "-o", self.path("page.html"), "--force"),
                      ("convert", store, "--tokens", ids, "--to", "mlx-lm", "-o", self.path("out.safetensors"), "--force"),
                      ("convert", store, "--all", "--to", "mlx-lm", "-o", self.path("all") + "/"),
                      ("prune", store, "--older-than", "0s")):
            code, _, said = self.tool(*words, megabytes=megabytes)
            self.assertIn(code, (0, 1, 2, 3, 4, 5), "%s: %s" % (words[0], said))
            self.assertNotIn("memory", said)
            out.setdefault(words[0], said)
            shutil.rmtree(self.path("all"), ignore_errors=True)
        return out

    def test_very_many_entries(self):
        per_folder = 62_500 if LARGE else 625
        for digit in "0123456789abcdef":
            os.makedirs(self.path("omlx", digit), exist_ok=True)
            for i in range(per_folder):
                os.close(os.open(self.path("omlx", digit) + "/%s%063x.safetensors" % (digit, i), os.O_CREAT | os.O_WRONLY))
        # Of a report as JSON no more than a part is held in memory.
        for words, megabytes in ((("ls", "--json", self.path("omlx")), 6144), (("verify", self.path("omlx"), "-r", "-q"), 1024),
                                 (("verify", self.path("omlx"), "-r", "--json"), 1024), (("explain", self.path("omlx"), "--json"), 6144)):
            code, out, said = self.tool(*words, megabytes=megabytes if LARGE else 1024, seconds=600)
            self.assertIn(code, (0, 1, 3), said)
            if words[-1] == "--json" and words[0] == "verify":
                paths = [file["path"] for file in json.loads(out)["files"]]
                self.assertEqual((len(paths), len(set(paths))), (16 * per_folder, 16 * per_folder))
            if words[0] == "explain":
                self.assertEqual(json.loads(out)["places"][0]["unreadable"]["files"], 16 * per_folder)

    def test_too_many_entries_in_one_folder(self):
        # A sound block under a million names: what each of them costs is little, and none is left out.
        count = 1_000_000 if LARGE else 2_000
        case = os.path.join(GOLDEN, "apc-block-bf16", "store")
        block = next(os.path.join(base, name) for base, _, names in os.walk(case) for name in names if name.startswith("shard_"))
        first = self.path("apc", "shard_%032x.safetensors" % 0)
        for i in range(count):
            name = self.path("apc", "shard_%032x.safetensors" % i)
            try:
                os.link(first, name) if i > 0 else shutil.copyfile(block, name)
            except OSError:  # as many names as a file can have
                first = name
                shutil.copyfile(block, name)
        ids = self.write("[1, 2, 3]", "ids.json")
        for words in (("ls", "--limit", "3", self.path("apc")), ("explain", self.path("apc"), "--tokens", ids),
                      ("convert", self.path("apc"), "--tokens", ids, "--to", "mlx-lm", "-o", self.path("out.safetensors")),
                      ("prune", self.path("apc"), "--keep-bytes", "0", "--dry-run", "-q")):
            code, out, said = self.tool(*words, megabytes=3072 if LARGE else 128, seconds=600)
            self.assertIn(code, (0, 1), said)
            if words[0] == "ls":
                self.assertIn(("%d files" % count).encode(), out)
            if words[0] == "convert":
                self.assertIn("no chain of blocks", said)

    def test_an_index_without_end(self):
        entries = ",".join('{"index":%d,"num_tokens":1,"memory_bytes":1}' % i for i in range(800_000 if LARGE else 10_000))
        store = self.path("vllm", "m")
        self.write('{"version":4,"model_fingerprint":"x","entries":[%s]}' % entries, "vllm", "m", "index.json")
        self.write(b"", "vllm", "m", "entry_0.safetensors")
        said = self.answers(store, megabytes=512)
        self.assertIsNotNone(said)
        self.write("[" * 100_000, "vllm", "m", "index.json")
        self.answers(store)
        self.write('{"version":4,"model_fingerprint":"x","entries":[' + "1," * 3_000_000 + "1]}", "vllm", "m", "index.json")
        self.answers(store)
        findings = [finding for file in json.loads(self.tool("verify", "--json", "-r", store)[1])["files"] for finding in file["findings"]]
        said = next(finding for finding in findings if "more than 2,097,152 values" in finding["message"])
        self.assertNotIn("cut off", said["message"])
        self.assertIn("by itself", json.dumps(said))

    def test_loops_of_links(self):
        store = self.copy("omlx-dense-bf16")
        os.symlink("..", os.path.join(store, "0-loop"))
        digit = next(name for name in os.listdir(store) if len(name) == 1)
        os.symlink("../" + digit, os.path.join(store, digit, "e"))
        free = next(d for d in "0123456789abcdef" if not os.path.exists(os.path.join(store, d)))
        os.symlink(".", os.path.join(store, free))
        os.symlink(H64 + ".safetensors", os.path.join(store, digit, H64 + ".safetensors"))
        self.answers(store)
        code, out, _ = self.tool("ls", "--json", store)
        self.assertEqual(code, 0)
        self.assertNotIn(b"0-loop", out)
        # An entry that is a link to elsewhere is none, and what it leads to is not opened.
        secret = self.write(b"secret", "secret")
        os.symlink(secret, os.path.join(store, digit, digit + H64[1:] + ".safetensors"))
        for words in (("ls", "--json", store), ("verify", "--json", "-r", store)):
            self.assertNotIn(b"secret", self.tool(*words)[1])
        ssd = self.copy("vllm-mlx-ssd-dense-bf16", "ssd")
        entry = os.path.join(ssd, "data", sorted(os.listdir(os.path.join(ssd, "data")))[0])
        shutil.rmtree(entry)
        os.symlink("..", entry)
        self.answers(ssd)

    def test_databases_with_another_schema(self):
        for statements in (["CREATE TABLE other(a)"], ["CREATE TABLE entries(a, b)"], [],
                           ["CREATE VIEW entries AS SELECT 1 AS token_hash, 2 AS tokens_blob, 3 AS num_tokens, '../../x' AS file_path"],
                           ["CREATE TABLE entries(token_hash, tokens_blob, num_tokens, file_path)",
                            "INSERT INTO entries VALUES (1, 2, 'x', NULL), (NULL, NULL, NULL, '../../../etc'), ('a', x'00', -1, '/')"],
                           # Rows without end.
                           ["CREATE VIEW entries AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                            "SELECT i AS token_hash, zeroblob(4) AS tokens_blob, 1 AS num_tokens, 'x' AS file_path FROM n"],
                           ["CREATE TABLE entries(token_hash, tokens_blob, num_tokens, file_path)",
                            "CREATE TRIGGER t BEFORE DELETE ON entries BEGIN SELECT load_extension('x'); END",
                            "INSERT INTO entries VALUES ('a', x'00', 1, '%s')" % H64]):
            store = self.copy("vllm-mlx-ssd-dense-bf16", "ssd")
            os.remove(os.path.join(store, "index.db"))
            database = sqlite3.connect(os.path.join(store, "index.db"))
            for statement in statements:
                database.execute(statement)
            database.commit()
            database.close()
            self.answers(store)
            shutil.rmtree(store)
        store = self.copy("vllm-mlx-ssd-dense-bf16", "ssd")
        self.write(os.urandom(4096), "ssd", "index.db")
        self.answers(store)

    def test_archives_that_would_fill_the_disk(self):
        bomb = self.path("bomb.omlxzip")
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("manifest.json", '{"restorable_tokens":1}')
            z.writestr("blocks/%s.safetensors" % H64, bytes(50 << 20))
        said = self.answers(bomb, megabytes=128)
        self.assertIn("compressed", said["convert"])
        # Members that share their bytes, and one that says to be larger than the file.
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_STORED) as z:
            z.writestr("manifest.json", "{}")
            z.writestr("blocks/a", bytes(100))
        with open(bomb, "rb") as f:
            data = bytearray(f.read())
        entry = data.rindex(b"PK\x01\x02")
        for offset, value in ((42, 0), (24, 0xFFFFFFF0)):
            broken = bytearray(data)
            struct.pack_into("<I", broken, entry + offset, value)
            if offset == 24:
                struct.pack_into("<I", broken, entry + 20, value)
            self.write(bytes(broken), "bomb.omlxzip")
            self.answers(bomb, megabytes=128)

    def test_paths_that_lead_out(self):
        outside = self.write(b"outside", "outside.safetensors")
        for name in ("../outside.safetensors", outside, "..\\outside.safetensors", "a/../../outside.safetensors"):
            with zipfile.ZipFile(self.path("out.omlxzip"), "w", zipfile.ZIP_STORED) as z:
                z.writestr("manifest.json", json.dumps({"format_version": 1, "block_size": 4, "restorable_tokens": 4, "token_ids": [1, 2, 3, 4], "blocks": [
                    {"hash": H64, "path": name, "size": 7, "sha256": H64, "token_count": 4}]}))
                z.writestr(name, b"outside")
            said = self.answers(self.path("out.omlxzip"))
            self.assertIn("leads out", said["convert"])
            self.write(json.dumps([{"file": name, "tokens": [1, 2, 3]}]), "list", "manifest.json")
            shutil.copyfile(os.path.join(TESTDATA, "golden", "models", "files", "llama-f16.safetensors"),
                            self.path("list", "a.safetensors"))
            self.answers(self.path("list"))
            snapshot = {"header": {"signature": {"modelId": "m", "kvDType": "bf16", "buildVersion": "1"}, "blockSize": 4, "indexLayout": 1},
                        "byHash": {H64: {"fileName": name, "tokenCount": 4}},
                        "files": {name: {"fileName": name, "byteSize": 7, "lastAccess": 1, "ownedBoundaries": []}}, "totalBytes": 7, "clock": 1}
            self.write(json.dumps(snapshot), "swift", "index.json")
            self.answers(self.path("swift"))
        with open(outside, "rb") as f:
            self.assertEqual(f.read(), b"outside")


if __name__ == "__main__":
    unittest.main()
