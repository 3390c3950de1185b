#!/usr/bin/env python3
"""Every document that --json prints fits its schema in schemas/, and has no key that is not in it. usage: json_schemas_test.py BINARY TESTDATA"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

from verify_formats_test import debian

TESTDATA = os.path.abspath(sys.argv.pop(2)) if __name__ == "__main__" else ""
BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schemas")
GOLDEN = os.path.join(TESTDATA, "golden")
LLAMA = os.path.join(GOLDEN, "models", "files", "llama-f16.safetensors")
SHORTER = os.path.join(GOLDEN, "models", "files", "llama-f16-trim7.safetensors")
GEMMA = os.path.join(GOLDEN, "models", "files", "gemma3_text-bf16.safetensors")
BATCH = os.path.join(GOLDEN, "reports", "files", "batch.safetensors")


def files(folder, step=1):
    return sorted(glob.glob(os.path.join(GOLDEN, folder, "files", "*.safetensors")))[::step]


def undeclared(document, schema, root, place=""):
    """Keys that the schema says nothing of."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    if isinstance(document, dict):
        for key, value in document.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if inner is None:
                if "properties" in schema:
                    yield place + "/" + key
            elif isinstance(inner, dict):
                yield from undeclared(value, inner, root, place + "/" + key)
    elif isinstance(document, list) and isinstance(schema.get("items"), dict):
        for value in document:
            yield from undeclared(value, schema["items"], root, place + "[]")


class Schemas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.jsonschema = debian("jsonschema")
        cls.schemas = {}
        for path in glob.glob(os.path.join(SCHEMAS, "*.json")):
            with open(path, encoding="utf-8") as f:
                schema = json.load(f)
            cls.jsonschema.Draft7Validator.check_schema(schema)
            cls.schemas["kvcache.%s/%s" % tuple(os.path.basename(path)[: -len(".json")].rsplit("-", 1))] = schema

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="kvcache-schemas-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def check(self, *arguments):
        run = subprocess.run([BINARY, *arguments, "--json"], cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertTrue(run.stdout, "%s: %s" % (arguments, run.stderr))
        document = json.loads(run.stdout)
        for one in document if isinstance(document, list) else [document]:
            schema = self.schemas[one["schema"]]
            errors = ["%s: %s" % ("/".join(map(str, e.absolute_path)), e.message[:200])
                      for e in self.jsonschema.Draft7Validator(schema).iter_errors(one)]
            self.assertEqual(errors, [], arguments)
            self.assertEqual(sorted(set(undeclared(one, schema, schema))), [], arguments)
        return document

    def test_commands_with_json_have_a_schema(self):
        listed = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
        for name in re.findall(r"^  ([a-z]+) ", listed, re.M):
            shown = subprocess.run([BINARY, name, "--help"], capture_output=True, text=True, check=False).stdout
            if "--json" in shown:
                self.assertIn("kvcache.%s/1" % name, self.schemas)
        shown = subprocess.run([BINARY, "store", "--help"], capture_output=True, text=True, check=False).stdout
        for name in re.findall(r"^  ([a-z]+) ", shown.partition("Commands:")[2].partition("Examples:")[0], re.M):
            self.assertIn("--json", subprocess.run([BINARY, "store", name, "--help"], capture_output=True, text=True, check=False).stdout)
            self.assertIn("kvcache.store-%s/1" % ("get" if name == "probe" else name), self.schemas)

    def test_looking(self):
        self.check("inspect", *files("models"), *files("dialects", 5), *files("ops", 20)[:1])
        self.check("inspect", "--stats", LLAMA, GEMMA, BATCH)
        self.check("ls", GOLDEN)
        self.check("ls", os.path.join(GOLDEN, "models"), "--duplicates")
        for other in (LLAMA, SHORTER, GEMMA):
            self.check("diff", LLAMA, other)
        self.check("mask", LLAMA, "--queries", "2")
        self.check("mask", BATCH, "--queries", "2")
        self.check("estimate", "--like", LLAMA, "--tokens", "4k")
        self.check("estimate", "--config", os.path.join(TESTDATA, "configs", "gemma3_text.json"), "--fits", "1GB")
        self.check("models")
        self.check("models", "llama")

    def test_checking(self):
        self.check("verify", *files("hostile"), *files("models"))
        self.check("verify", "-r", "--fix", "--for", "mlx-lm", os.path.join(GOLDEN, "reports"))
        self.check("formats")

    def test_editing(self):
        for command in (["trim", "-n", "1"], ["quantize", "--bits", "8", "--group-size", "32", "--report"], ["convert", "--dtype", "bf16"],
                        ["unrotate"], ["stamp"], ["repair"]):
            self.check(command[0], LLAMA, *command[1:], "-o", command[0])
        self.check("dequantize", "quantize", "-o", "dequantized")
        self.check("trim", LLAMA, GEMMA, "-n", "1", "-o", "several/")
        self.check("repair", *files("reports"), "-o", "repaired/")
        self.check("metadata", LLAMA, "list")
        self.check("metadata", LLAMA, "set", "a=b", "-o", "set")

    def test_the_store(self):
        if "without the prefix store" in subprocess.run([BINARY, "store", "ls", "--store", "none"], cwd=self.folder, capture_output=True, text=True,
                                       check=False).stderr:
            self.skipTest("built without the store")
        for name, ids in (("all", list(range(43))), ("some", list(range(20)) + [99])):
            with open(os.path.join(self.folder, name), "w", encoding="ascii") as f:
                json.dump(ids, f)
        who = ["--identity", "llama", "--store", "s"]
        self.check("store", "init", "--max-size", "50G", "--min-free", "5%", "--max-age", "30d", "--block", "16", "--store", "s")
        put, = self.check("store", "put", LLAMA, "--tokens", "all", "--label", "chat", *who)["puts"]
        entry = put["entry"][:12]
        self.assertEqual(self.check("store", "probe", "--tokens", "some", *who)["resume_at"], 20)
        self.assertEqual(self.check("store", "probe", "--tokens", "some", "--identity", "other", "--store", "s")["resume_at"], 0)
        self.check("store", "get", "--tokens", "some", *who, "-o", "got")
        for command in (["ls"], ["show", entry], ["du"], ["stats"], ["pin", entry], ["unpin", entry], ["check", "--data"],
                        ["gc", "--to", "1GB"], ["export", entry, "-o", "exported"]):
            self.check("store", *command, "--store", "s")
        self.check("store", "import", "exported", "--identity", "llama", "--store", "other")
        self.check("store", "rm", "--all", "--purge", "--store", "s")

    def test_batches_and_folders(self):
        self.check("merge", LLAMA, SHORTER, "-o", "batch")
        self.check("extract", "batch", "-i", "0", "-o", "one")
        self.check("extract", "batch", "--all", "-o", "all")
        self.check("filter", "batch", "--keep", "0", "-o", "filtered")
        self.check("extend", "batch", "batch", "-o", "extended")
        self.check("align", "batch", "--right-padding", "0,0", "-o", "aligned")
        self.check("create", "--layers", "1", "--heads", "1", "--head-dim", "8", "-o", "p.safetensors")
        self.check("report", "p.safetensors", "-o", "page.html")
        self.check("prune", ".", "--older-than", "0s")
        self.check("prune", GOLDEN, "--broken")


if __name__ == "__main__":
    unittest.main()
