#!/usr/bin/env python3
"""Runs the examples of the store. usage: examples_test.py KVCACHE EXAMPLES_DIR STORE_EXAMPLE TESTDATA"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOL, EXAMPLES, PROGRAM, TESTDATA = (os.path.abspath(a) for a in sys.argv[1:5])
del sys.argv[1:]


class Example(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        bin_folder = os.path.join(self.folder, "bin")
        os.mkdir(bin_folder)
        os.symlink(TOOL, os.path.join(bin_folder, "kvcache"))
        self.environment = dict(os.environ, KVCACHE_STORE=os.path.join(self.folder, "kept"),
                                PATH=bin_folder + os.pathsep + os.environ["PATH"])

    def write(self, name, ids):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(ids, f)
        return path

    def run_here(self, *command):
        done = subprocess.run(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_a_chat_is_kept_over_turns(self):
        model = os.path.join(self.folder, "model")
        os.mkdir(model)
        with open(os.path.join(model, "config.json"), "w", encoding="utf-8") as f:
            json.dump({"model_type": "llama", "num_hidden_layers": 4}, f)
        with open(os.path.join(model, "model.safetensors"), "wb") as f:
            f.write(b"weights")
        for turn, tokens in (("1", 700), ("2", 1500)):
            self.write(f"{turn}/prompt.json", list(range(tokens)))
        said = self.run_here(os.path.join(EXAMPLES, "keep-chat.sh"), model, "1", "2")
        self.assertIn("miss: ", said)
        self.assertIn("700 of 1500 tokens", said)
        listed = json.loads(self.run_here("kvcache", "store", "ls", "--json"))
        self.assertEqual(sorted(entry["tokens"] for entry in listed["entries"]), [700, 1500])

    def test_the_program_finds_what_it_has_put(self):
        cache = os.path.join(self.folder, "cache.safetensors")
        self.run_here("kvcache", "create", "--layers", "4", "--heads", "4", "--head-dim", "128", "--tokens", "700", "-o", cache)
        tokens = self.write("tokens.json", list(range(700)))
        prompt = self.write("prompt.json", list(range(650)) + [5])
        said = self.run_here(PROGRAM, self.environment["KVCACHE_STORE"], "llama", cache, tokens, prompt, "out.safetensors")
        self.assertIn("hit: 650 of 651 tokens", said)
        facts = json.loads(self.run_here("kvcache", "inspect", "--json", "out.safetensors"))
        self.assertEqual(facts["totals"]["tokens"], 650)
        self.assertIn("mlx-swift-lm@3.31", facts["format_candidates"])


if __name__ == "__main__":
    unittest.main()
