#!/usr/bin/env python3
"""A folder of 500 mixed files: ls, prune and verify each say what they are. usage: mixed_folder_test.py BINARY TESTDATA"""
import collections
import glob
import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

TESTDATA = os.path.abspath(sys.argv.pop(2)) if __name__ == "__main__" else ""
BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
FILES = 500


def container(metadata, size):
    """A safetensors file of one tensor of bytes."""
    header = {"__metadata__": metadata, "x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def read(path):
    with open(path, "rb") as f:
        return f.read()


class MixedFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="kvcache-mixed-")
        cls.folder = cls.temporary.name
        real = sorted(glob.glob(os.path.join(TESTDATA, "golden", "models", "files", "*.safetensors")))
        # Each kind in turn, in folders of folders. What is made is remembered by path.
        cls.made = collections.defaultdict(set)
        makers = [cls.cache, cls.cache, cls.cut_cache, cls.block, cls.cut_block, cls.weights, cls.cut_weights, cls.zipped, cls.noise,
                  cls.text]
        for i in range(FILES):
            folder = os.path.join(cls.folder, "all", str(i % 7), str(i % 3))
            os.makedirs(folder, exist_ok=True)
            maker = makers[i % len(makers)]
            path = os.path.join(folder, "%03d.safetensors" % i)
            cls.made[maker.__name__].add(os.path.relpath(maker(path, real[i % len(real)], i), cls.folder))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @staticmethod
    def cache(path, real, _):
        shutil.copy(real, path)
        return path

    @staticmethod
    def cut_cache(path, real, _):
        write(path, read(real)[:-1])
        return path

    @staticmethod
    def block(path, _, i):
        write(path, container({"omlx_cache_format_version": "2", "model_name": "qwen", "token_count": "256"}, i + 10))
        return path

    @staticmethod
    def cut_block(path, _, i):
        write(path, container({"omlx_cache_format_version": "2", "model_name": "qwen", "token_count": "256"}, i + 10)[:-1])
        return path

    @staticmethod
    def weights(path, _, i):
        write(path, container({"format": "mlx"}, i + 10))
        return path

    @staticmethod
    def cut_weights(path, _, i):
        write(path, container({"format": "mlx"}, i + 10)[:-3])
        return path

    @staticmethod
    def zipped(path, real, _):
        with gzip.open(path + ".gz", "wb", compresslevel=1) as f:
            f.write(read(real))
        return path + ".gz"

    @staticmethod
    def noise(path, _, i):
        write(path, b"\xa5" * (i + 1))
        return path

    @staticmethod
    def text(path, _, i):
        # Not even the name of a cache.
        path = path.replace(".safetensors", ".txt")
        write(path, b"notes %d" % i)
        return path

    def run_tool(self, code, *arguments):
        done = subprocess.run([BINARY, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def all_files(self):
        return {os.path.relpath(os.path.join(parent, name), self.folder)
                for parent, _, names in os.walk(os.path.join(self.folder, "all")) for name in names}

    def test_ls_names_every_file(self):
        listing = self.run_tool(0, "ls", "all", "--json")
        kinds = collections.defaultdict(set)
        for file in listing["files"]:
            kinds[file["kind"]].add(file["path"])
        self.assertEqual(kinds["cache"], self.made["cache"] | self.made["zipped"])
        self.assertEqual(kinds["omlx block"], self.made["block"])
        self.assertEqual(kinds["broken"], self.made["cut_cache"] | self.made["cut_block"] | self.made["noise"])
        self.assertEqual(listing["totals"]["not_caches"], len(self.made["weights"] | self.made["cut_weights"]))
        self.assertEqual(sum(model["files"] for model in listing["models"]), len(listing["files"]))

    def test_prune_chooses_broken_caches_and_nothing_else(self):
        before = self.all_files()
        plan = self.run_tool(0, "prune", "all", "--dry-run", "--broken", "--json")
        chosen = {file["path"] for file in plan["files"] if file["action"] == "delete"}
        self.assertEqual(chosen, self.made["cut_cache"] | self.made["cut_block"])
        self.assertTrue(all(file["reason"] for file in plan["files"]), "every decision is explained")
        self.assertEqual(self.all_files(), before)

    def test_verify_reports_every_damaged_cache_and_counts_what_is_none(self):
        report = self.run_tool(3, "verify", "-r", "all", "--json")
        self.assertEqual({file["path"] for file in report["not_caches"]},
                         self.made["weights"] | self.made["cut_weights"] | self.made["block"])
        log = self.run_tool(3, "verify", "-r", "all", "--format", "sarif")
        with_errors = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
                       for result in log["runs"][0]["results"] if result["level"] == "error"}
        self.assertEqual(with_errors, self.made["cut_cache"] | self.made["cut_block"] | self.made["noise"])

    def test_what_prune_deletes_is_what_it_said(self):
        copy = os.path.join(self.folder, "copy")
        shutil.copytree(os.path.join(self.folder, "all"), copy)
        broken = {path.replace("all", "copy", 1) for path in self.made["cut_cache"] | self.made["cut_block"]}
        done = self.run_tool(0, "prune", "copy", "--broken", "--yes", "--json")
        self.assertEqual({file["path"] for file in done["files"] if file["action"] == "deleted"}, broken)
        left = {os.path.relpath(os.path.join(parent, name), self.folder) for parent, _, names in os.walk(copy) for name in names}
        self.assertEqual(left, {path.replace("all", "copy", 1) for path in self.all_files()} - broken)


if __name__ == "__main__":
    unittest.main()
