#!/usr/bin/env python3
"""kvcache prune: what the system refuses, where links lead, Ctrl-C, and what it takes for broken. usage: prune_test.py BINARY"""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import skips  # noqa: E402

BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
NOBODY = 65534

HEADER = json.dumps({"__metadata__": {"0.0": "", "2.0": "KVCache"},
                     "0.0": {"dtype": "F16", "shape": [1, 1, 2, 4], "data_offsets": [0, 16]},
                     "0.1": {"dtype": "F16", "shape": [1, 1, 2, 4], "data_offsets": [16, 32]}}).encode()
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "testdata", "golden")
# Errors that a sound file of another program or version may have.
PROVE_NOTHING = {"KV112", "KV122", "KV123", "KV201", "KV202", "KV301", "KV312", "KV432", "KV503"}
CACHE = struct.pack("<Q", len(HEADER)) + HEADER + bytes(32)


class Prune(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-prune-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, *names, data=CACHE):
        for name in names:
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
            with open(self.path(name), "wb") as f:
                f.write(data)

    def names(self, folder=""):
        return sorted(os.path.relpath(os.path.join(parent, name), self.path(folder))
                      for parent, folders, files in os.walk(self.path(folder))
                      for name in files + [f for f in folders if os.path.islink(os.path.join(parent, f))])

    def prune(self, *arguments, binary=BINARY, **more):
        return subprocess.run([binary, "prune", *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60, **more)

    def test_broken_is_what_verify_proves(self):
        """Over all files of all golden cases: what goes has an error that proves it, what verify finds nothing in stays."""
        os.mkdir(self.path("all"))
        for kind in sorted(os.listdir(GOLDEN)):
            folder = os.path.join(GOLDEN, kind, "files")
            folder = folder if os.path.isdir(folder) else os.path.join(GOLDEN, kind)
            for name in sorted(os.listdir(folder)):
                source = os.path.join(folder, name)
                if name.endswith((".safetensors", ".gz")) and os.path.isfile(source):
                    shutil.copy(source, self.path("all/%s-%s" % (kind, name)))
        plan = json.loads(self.prune("all", "--broken", "--json").stdout)
        actions = {f["path"]: f["action"] for f in plan["files"]}
        names = sorted("all/" + name for name in self.names("all"))
        checked = subprocess.run([BINARY, "verify", "--json", *names], cwd=self.folder, stdout=subprocess.PIPE, timeout=120)
        deleted = 0
        for report in json.loads(checked.stdout)["files"]:
            errors = {f["code"] for f in report["findings"] if f["severity"] == "error"}
            action = actions.get(report["path"], "keep")
            if action == "delete":
                deleted += 1
                self.assertTrue(errors - PROVE_NOTHING, report["path"])
            elif any(code.startswith(("KV4", "KV80")) and code not in ("KV421", "KV471") for code in errors - PROVE_NOTHING) and "KV301" not in errors:
                self.fail("%s is kept with %s" % (report["path"], errors))
            if not errors:
                self.assertEqual(action, "keep", report["path"])
        self.assertGreater(deleted, 50)

    def test_what_cannot_be_deleted_is_reported_and_the_rest_goes(self):
        self.make("all/a/1.safetensors", "all/b/2.safetensors", "all/c/3.safetensors")
        more, binary = {}, BINARY
        if os.getuid() == 0:
            # Root may delete everything.
            binary = shutil.copy(BINARY, self.path("kvcache"))
            for parent, _, files in os.walk(self.folder):
                os.chown(parent, NOBODY, NOBODY)
            more["user"] = NOBODY
        os.chmod(self.path("all/b"), 0o555)
        result = self.prune("all", "--keep-bytes", "0", "--yes", binary=binary, **more)
        os.chmod(self.path("all/b"), 0o755)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertEqual(self.names("all"), ["b/2.safetensors"])
        self.assertIn("all/b/2.safetensors: cannot be deleted: Permission denied", result.stderr)
        self.assertIn("deleted 2 of 3 caches", result.stdout)

    def test_a_folder_that_cannot_be_read_is_reported_and_the_rest_goes(self):
        self.make("all/a/1.safetensors", "all/b/2.safetensors")
        more, binary = {}, BINARY
        if os.getuid() == 0:
            binary = shutil.copy(BINARY, self.path("kvcache"))
            for parent, _, files in os.walk(self.folder):
                os.chown(parent, NOBODY, NOBODY)
            more["user"] = NOBODY
        os.chmod(self.path("all/b"), 0o300)
        result = self.prune("all", "--keep-bytes", "0", "--yes", binary=binary, **more)
        os.chmod(self.path("all/b"), 0o755)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertEqual(self.names("all"), ["b/2.safetensors"])
        self.assertIn("all/b: this folder cannot be read: Permission denied", result.stderr)

    def test_links_lead_nowhere(self):
        self.make("outside/deep/1.safetensors", "outside/2.safetensors", "all/3.safetensors")
        os.symlink("../outside/deep", self.path("all/folder"))
        os.symlink("../outside/2.safetensors", self.path("all/4.safetensors"))
        os.symlink("nowhere", self.path("all/5.safetensors"))
        result = self.prune("all", "--keep-bytes", "0", "--yes")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.names("all"), ["4.safetensors", "5.safetensors", "folder"])
        self.assertEqual(self.names("outside"), ["2.safetensors", "deep/1.safetensors"])

    def test_a_folder_may_be_named_by_a_link(self):
        self.make("real/1.safetensors")
        os.symlink("real", self.path("link"))
        self.assertEqual(self.prune("link", "real/", "--keep-bytes", "0", "--yes").returncode, 0)
        self.assertEqual(self.names("real"), [])

    def test_oldest_first(self):
        for age, name in enumerate(("young", "middle", "old")):
            self.make("all/%s.safetensors" % name)
            stamp = time.time() - 86400 * (age + 1)
            os.utime(self.path("all/%s.safetensors" % name), (stamp, stamp))
        self.assertEqual(self.prune("all", "--keep-bytes", str(len(CACHE)), "--yes").returncode, 0)
        self.assertEqual(self.names("all"), ["young.safetensors"])

    def test_a_model_file_is_never_deleted_whatever_it_is_called(self):
        weights = CACHE.replace(b'"2.0": "KVCache"', b'"format": "ptpt"')
        self.make("all/model.safetensors", data=weights)
        self.make("all/cut.safetensors", data=weights[:-1])
        self.make("all/noise.safetensors", data=b"\xff" * 1000)
        self.make("all/empty.safetensors", data=b"")
        for criterion in (("--broken",), ("--keep-bytes", "0"), ("--older-than", "0s"), ("--model", "")):
            self.assertEqual(self.prune("all", *criterion, "--yes").returncode, 0)
        self.assertEqual(len(self.names("all")), 4)

    def test_every_cut_of_a_cache(self):
        """As soon as the header is complete a cut cache is known; before that it could be anything."""
        for size in range(len(CACHE)):
            self.make("all/%03d.safetensors" % size, data=CACHE[:size])
        result = self.prune("all", "--broken", "--yes", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.names("all"), ["%03d.safetensors" % size for size in range(8 + len(HEADER))])
        self.assertEqual(json.loads(result.stdout)["totals"]["deleted"]["files"], 32)

    def test_interrupted_between_two_files(self):
        names = ["all/%04d.safetensors" % i for i in range(2000)]
        for _ in range(5):
            self.make(*names)
            process = subprocess.Popen([BINARY, "prune", "all", "--keep-bytes", "0", "--yes", "--json"], cwd=self.folder,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while os.path.exists(self.path(names[0])) and process.poll() is None:
                pass
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
            actions = {file["path"]: file["action"] for file in json.loads(output)["files"]}
            # What was said is what was done, interrupted or not.
            self.assertEqual({name for name in names if os.path.exists(self.path(name))},
                             {name for name in names if actions[name] == "delete"})
            if process.returncode == 130:
                self.assertIn("kvcache prune: interrupted: ", errors)
                return
            self.assertEqual(process.returncode, 0, errors)
        self.skipTest("this machine deletes faster than a signal arrives")


if __name__ == "__main__":
    skips.main()
