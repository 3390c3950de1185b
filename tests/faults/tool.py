"""What the tests of real faults share: a folder of their own and the tool in it."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BINARY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ""


class ToolTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-faults-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def names(self, folder=""):
        return sorted(os.listdir(self.path(folder)))

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def start(self, *arguments, **more):
        """The tool, running. Its output is dropped unless asked for: a full pipe would stop it."""
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([BINARY, *arguments], cwd=self.folder, **{**streams, **more})

    def run_tool(self, *arguments, **more):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.run([BINARY, *arguments], cwd=self.folder, text=True, timeout=120, **{**streams, **more})

    def run_tool_as(self, uid, gid, *arguments, **more):
        """As another user, which only root can do. That user may not be able to reach the build folder."""
        tool = self.path("kvcache-for-all")
        shutil.copy(BINARY, tool)
        os.chmod(tool, 0o755)
        os.chmod(self.folder, 0o777)
        try:
            return subprocess.run([tool, *arguments], cwd=self.folder, text=True, timeout=120, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, user=uid, group=gid, extra_groups=[], **more)
        finally:
            os.unlink(tool)

    def make(self, name, megabytes=0, tokens=None):
        """A random cache of about this size: 8 kB per token."""
        tokens = tokens or max(1, megabytes * 128)
        result = self.run_tool("create", "--layers", "4", "--heads", "4", "--head-dim", "128", "--tokens", str(tokens),
                               "--fill", "random", "-o", name, "--force")
        self.assertEqual(result.returncode, 0, result.stderr)

    def assert_sound(self, name):
        result = self.run_tool("verify", "-q", name)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
