#!/usr/bin/env python3
"""A cache quantized to 4 bits and back: diff measures the error that quantize --report names. usage: ... BINARY TESTDATA"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

TESTDATA = os.path.abspath(sys.argv.pop(2)) if __name__ == "__main__" else ""
BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""


class QuantizationError(unittest.TestCase):
    def run_tool(self, code, *arguments):
        done = subprocess.run([BINARY, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def check(self, original):
        """Two ways to the same figures: while quantizing, and by comparing the files."""
        report = self.run_tool(0, "quantize", original, "--bits", "4", "--group-size", "32", "--report", "--json", "-o", "q4")
        self.run_tool(0, "dequantize", "q4", "--json", "-o", "back")
        for other in ("back", "q4"):
            layers = self.run_tool(1, "diff", original, other, "--json")["layers"]
            self.assertEqual(len(layers), len(report["layers"]))
            for layer, expected in zip(layers, report["layers"]):
                self.assertTrue(expected["quantized"])
                self.assertEqual([part["part"] for part in layer["values"]], ["keys", "values"])
                for part in layer["values"]:
                    stats = expected[part["part"]]
                    self.assertGreater(part["rms_error"], 0)
                    self.assertEqual(part["max_error"], stats["max_abs_error"])
                    self.assertAlmostEqual(part["rms_error"] / stats["rmse"], 1, places=9)

    def test_diff_agrees_with_the_report(self):
        with tempfile.TemporaryDirectory(prefix="kvcache-error-") as self.folder:
            self.check(os.path.join(TESTDATA, "golden", "models", "files", "llama-f16.safetensors"))

    def test_in_more_than_one_tile(self):
        with tempfile.TemporaryDirectory(prefix="kvcache-error-") as self.folder:
            self.run_tool(0, "create", "--layers", "2", "--heads", "4", "--head-dim", "64", "--tokens", "1500", "--dtype", "bf16",
                          "--fill", "random", "--json", "-o", "big")
            self.check("big")


if __name__ == "__main__":
    unittest.main()
