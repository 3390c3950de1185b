#!/usr/bin/env python3
"""What others run: the GitHub Action, the pre-commit hooks, the tap, and gathering a release. usage: integrations_test.py BINARY ROOT

The action and the hooks are run as their files say; servers, Docker and Homebrew themselves are not.
"""
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

try:
    import yaml
except ImportError:  # a Python that is not Debian's
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        import yaml
    except ImportError:
        print("python3-yaml is not installed: scripts/setup does it")
        sys.exit(77)

ROOT = os.path.abspath(sys.argv.pop(2)) if __name__ == "__main__" else ""
BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
SOUND = os.path.join("testdata", "golden", "models", "files", "llama-f16.safetensors")
BROKEN = os.path.join("testdata", "golden", "hostile", "files", "rotating-r1-keep-is-window.safetensors")


def load(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return yaml.safe_load(f)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Integrations(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="kvcache-integrations-")
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        shutil.copy(BINARY, os.path.join(self.bin, "kvcache"))
        self.work = os.path.join(self.folder, "work")
        os.mkdir(self.work)
        shutil.copy(os.path.join(ROOT, SOUND), os.path.join(self.work, "good one.safetensors"))
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder, "GITHUB_ACTION_PATH": ROOT}

    def add_broken(self, name="bad.safetensors"):
        shutil.copy(os.path.join(ROOT, BROKEN), os.path.join(self.work, name))

    def step(self, number, inputs, **more):
        """Runs a step of action.yml as a runner does: by its shell, with its inputs in the environment."""
        action = load("action.yml")
        step = action["runs"]["steps"][number]
        values = {name: str(of.get("default", "")) for name, of in action["inputs"].items()}
        values.update(inputs)
        environment = {**self.environment, **more}
        for name, expression in step["env"].items():
            environment[name] = re.sub(r"\$\{\{ *inputs\.([a-z]+) *\}\}", lambda match: values[match[1]], expression)
        return subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], cwd=self.work, env=environment,
                              capture_output=True, text=True, check=False)

    def verify(self, **inputs):
        return self.step(1, inputs, PATH=self.bin + ":/usr/bin:/bin")

    def test_action_annotates_what_is_wrong(self):
        run = self.verify()
        self.assertEqual((run.returncode, "::error" in run.stdout), (0, False), run.stdout + run.stderr)
        self.add_broken()
        run = self.verify(paths=". .")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertRegex(run.stdout, r"::error file=(\./)?bad\.safetensors,title=KV411")

    def test_action_passes_its_inputs_on(self):
        self.assertEqual(self.verify(**{"for": "mlx-swift-lm"}).returncode, 1)
        self.add_broken("scratch.safetensors")
        self.assertEqual(self.verify(exclude="scratch*", data="true", strict="true").returncode, 0)
        self.assertEqual(self.verify(paths="nowhere").returncode, 5)

    def test_action_gets_a_release(self):
        release = os.path.join(self.folder, "release")
        os.mkdir(release)
        name = "kvcache-9.9.9-linux-" + os.uname().machine
        shutil.copy(BINARY, os.path.join(release, name))
        with open(BINARY, "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Quiet(*a, directory=release))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        url = "http://127.0.0.1:%d" % server.server_address[1]
        path = os.path.join(self.folder, "github-path")
        for sums, code in (("0" * 64, 1), (digest, 0)):
            with open(os.path.join(release, "SHA256SUMS"), "w", encoding="utf-8") as f:
                f.write("%s  %s\n" % (sums, name))
            run = self.step(0, {"version": "v9.9.9", "repository": "someone/kvcache"}, KVCACHE_ACTION_URL=url, RUNNER_TEMP=self.folder,
                            GITHUB_PATH=path)
            self.assertEqual(run.returncode != 0, code != 0, run.stdout + run.stderr)
        with open(path, encoding="utf-8") as f:
            place = f.read().strip()
        run = subprocess.run([os.path.join(place, "kvcache"), "--version"], capture_output=True, text=True, check=True)
        self.assertRegex(run.stdout, r"^kvcache \d")

    def hook(self, name, files):
        hook = next(hook for hook in load(".pre-commit-hooks.yaml") if hook["id"] == name)
        wanted = [file for file in files if re.search(hook["files"], file)]
        command = hook["entry"].split()
        if hook["language"] == "script":
            command[0] = os.path.join(ROOT, command[0])
        return wanted, subprocess.run([*command, *wanted], cwd=self.work, env={**self.environment, "PATH": self.bin + ":/usr/bin:/bin"},
                                      capture_output=True, text=True, check=False)

    def test_hook_verifies_what_is_staged(self):
        self.add_broken()
        wanted, run = self.hook("kvcache-verify", ["good one.safetensors", "README.md", "x.safetensors.py"])
        self.assertEqual((wanted, run.returncode, run.stdout), (["good one.safetensors"], 0, ""), run.stderr)
        _, run = self.hook("kvcache-verify", ["good one.safetensors", "bad.safetensors"])
        self.assertEqual(run.returncode, 1)
        self.assertIn("KV411", run.stdout)

    def test_hook_refuses_metadata(self):
        _, run = self.hook("kvcache-strip", ["good one.safetensors"])
        self.assertEqual(run.returncode, 1)
        self.assertIn("model", run.stdout)
        subprocess.run([BINARY, "-q", "metadata", "good one.safetensors", "strip", "--in-place"], cwd=self.work, check=True)
        _, run = self.hook("kvcache-strip", ["good one.safetensors"])
        self.assertEqual((run.returncode, run.stdout), (0, ""))

    def test_tap(self):
        tarball = os.path.join(self.folder, "kvcache-9.9.9.tar.gz")
        with open(tarball, "wb") as f:
            f.write(b"source")
        tap = os.path.join(self.folder, "homebrew-tap")
        url = "https://example.org/kvcache-9.9.9.tar.gz"
        subprocess.run([os.path.join(ROOT, "scripts", "tap"), tap, "9.9.9", tarball, url], check=True)
        with open(os.path.join(tap, "Formula", "kvcache.rb"), encoding="utf-8") as f:
            formula = f.read()
        self.assertIn('url "%s"' % url, formula)
        self.assertIn('sha256 "%s"' % hashlib.sha256(b"source").hexdigest(), formula)

    def test_gather_release(self):
        parts = os.path.join(self.folder, "parts")
        for machine, files in (("a", {"source.tar.gz": "s", "tool-a": "1", "SHA256SUMS": "x"}), ("b", {"source.tar.gz": "s", "tool-b": "2"})):
            os.makedirs(os.path.join(parts, machine))
            for name, text in files.items():
                with open(os.path.join(parts, machine, name), "w", encoding="utf-8") as f:
                    f.write(text)
        command = [os.path.join(ROOT, "scripts", "gather-release"), parts, os.path.join(self.folder, "out")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(sorted(os.listdir(command[2])), ["SHA256SUMS", "source.tar.gz", "tool-a", "tool-b"])
        subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=command[2], check=True)
        with open(os.path.join(parts, "b", "source.tar.gz"), "w", encoding="utf-8") as f:
            f.write("other")
        self.assertNotEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)

    def test_workflows_and_images_name_what_is_here(self):
        for name in (".github/workflows/ci.yml", ".github/workflows/release.yml"):
            for job in load(name)["jobs"].values():
                for step in job["steps"]:
                    for script in re.findall(r"\bscripts/[a-z-]+", step.get("run", "")):
                        self.assertTrue(os.access(os.path.join(ROOT, script), os.X_OK), "%s: %s" % (name, script))
        with open(os.path.join(ROOT, "packaging", "docker", "Dockerfile"), encoding="utf-8") as f:
            for sources in re.findall(r"^COPY --from=build ((?:/src/[^ ]+ )+)", f.read(), re.M):
                for source in sources.split():
                    if "/build/" not in source:
                        self.assertTrue(os.path.exists(os.path.join(ROOT, source[len("/src/"):])), source)


if __name__ == "__main__":
    unittest.main()
