"""What the tests of the Python package share: where things are."""
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE, TOOL = (os.path.abspath(a) for a in sys.argv[1:3])
del sys.argv[1:3]
MODELS = os.path.join(SOURCE, "testdata/golden/models/files")
HOSTILE = os.path.join(SOURCE, "testdata/golden/hostile/files")
LLAMA = os.path.join(MODELS, "llama-f16.safetensors")
GEMMA = os.path.join(MODELS, "gemma3_text-bf16.safetensors")


def tool(*arguments, code=0):
    done = subprocess.run([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode != code:
        raise AssertionError("%s: exit code %d\n%s" % (" ".join(arguments), done.returncode, done.stdout))
    return done.stdout


class Case(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)

    def path(self, name):
        return os.path.join(self._folder.name, name)

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()
