#!/usr/bin/env python3
"""kvcache formats --json: it fits its schema, and says what the rest of the tool does. usage: formats_json_test.py BINARY TESTDATA"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

from verify_formats_test import debian

TESTDATA = os.path.abspath(sys.argv.pop(2)) if __name__ == "__main__" else ""
BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schemas", "formats-1.json")


def kvcache(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False)


class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = json.loads(kvcache("formats", "--json").stdout)

    def test_fits_its_schema(self):
        jsonschema = debian("jsonschema")
        with open(SCHEMA, encoding="utf-8") as f:
            validator = jsonschema.Draft7Validator(json.load(f))
        self.assertEqual([e.message for e in validator.iter_errors(self.document)], [])

    def test_every_release_is_an_id(self):
        file = os.path.join(TESTDATA, "golden", "dialects", "files", "kv-f16.P4.safetensors")
        ids = [f"{entry['runtime']}@{release['version']}" for entry in self.document["formats"] for release in entry["releases"]]
        self.assertGreater(len(ids), 40)
        run = kvcache("verify", "--json", file, *(word for id in ids for word in ("--for", id)))
        refused = {finding["message"].split(": ")[0] for finding in json.loads(run.stdout)["files"][0]["findings"]}
        read_by = next(entry["read_by"] for entry in self.document["formats"] if entry["id"] == "mlx-lm@2026-08")
        for entry in self.document["formats"]:
            for release in entry["releases"]:
                id = f"{entry['runtime']}@{release['version']}"
                self.assertEqual(id not in refused, "KVCache" in read_by.get(entry["id"], []), id)

    def test_writable_is_what_create_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            for entry in self.document["formats"]:
                out = os.path.join(folder, entry["letter"] + ".safetensors")
                run = kvcache("create", "--layers", "1", "--heads", "1", "--head-dim", "4", "--tokens", "2", "--to", entry["id"], "-o", out)
                self.assertEqual(run.returncode, 0 if entry["writable"] else 2, run.stderr)


if __name__ == "__main__":
    unittest.main()
