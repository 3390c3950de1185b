#!/usr/bin/env python3
"""The Python package as a user gets it: a wheel, looked into; a fresh environment that it is installed in; examples and a tour there.

usage: package_test.py SOURCE LIBRARY TOOL WORK
"""
import base64
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import unittest
import zipfile

SOURCE, LIBRARY, TOOL, WORK = (os.path.abspath(a) for a in sys.argv[1:5])
del sys.argv[1:]
PACKAGE = os.path.join(SOURCE, "bindings/python")
LLAMA = os.path.join(SOURCE, "testdata/golden/models/files/llama-f16.safetensors")
PYTHON = os.path.join(WORK, "venv/bin/python")

# README's tour in Python: what is run, and what it prints.
TOUR = [
    ("cache = kvcache.open('chat.safetensors'); print(cache.format, cache.tokens, len(cache.layers), cache.layers[0].class_name)",
     "mlx-lm@0.31 43 4 KVCache"),
    ("print(cache.layers[3].window, cache.trimmable, cache.bytes)", "None True 44032"),
    ("print(cache.loads_in['mlx-swift-lm@3.31'].reason)",
     "layer 0 (KVCache): it is saved as mlx-lm@0.31 saves it (empty text as metadata)"),
    ("print([finding.code for _, finding in kvcache.verify('chat.safetensors', load_in='mlx-swift-lm').findings])", "['KV720']"),
    ("print(cache.convert('mlx-swift-lm').save('swift.safetensors').bytes, kvcache.open('swift.safetensors').format)",
     "44800 mlx-swift-lm@3.33"),
    ("q4 = cache.quantize(4, 32); print(q4.save('q4.safetensors').bytes, q4.layers[0].bits)", "15808 4"),
    ("print(cache.trim(7).save('shorter.safetensors').bytes)", "37632"),
    ("batch = kvcache.merge([cache, kvcache.open('shorter.safetensors')]); print(batch.layers[0].left_padding)", "[0, 7]"),
    ("print(batch.extract(1).tokens, bytes(batch.extract(1).to_bytes()) == open('shorter.safetensors', 'rb').read())", "36 True"),
    ("""try: kvcache.open('wrapped.safetensors').trim(7)
except kvcache.ImpossibleError as error: print(error.message)""",
     "layer 0 (RotatingKVCache) cannot be trimmed: the window of 16 has wrapped: 27 of its first tokens are gone"),
]


def run(*command, ok=True, folder=WORK, text=None, **environment):
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "KVCACHE_LIBRARY", "VIRTUAL_ENV")}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd=folder, input=text,
                          env=dict(clean, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INDEX="1", **environment))
    if ok and done.returncode != 0:
        raise AssertionError("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout


def setUpModule():
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    try:
        # Debian's numpy is seen in it; nothing is fetched.
        run(sys.executable, "-m", "venv", "--system-site-packages", os.path.join(WORK, "venv"))
    except AssertionError as error:
        print(error)
        print("no venv here")
        sys.exit(77)
    shutil.copy(LLAMA, os.path.join(WORK, "chat.safetensors"))
    shutil.copy(LLAMA.replace("llama-f16", "gemma3_text-bf16"), os.path.join(WORK, "wrapped.safetensors"))
    for folder in ("one", "two"):
        run(PYTHON, "-m", "pip", "wheel", "--no-deps", "-w", folder, PACKAGE, "--config-settings", "library=" + LIBRARY)
    run(PYTHON, "-m", "pip", "install", "--no-deps", *wheels("one"))


def wheels(folder):
    return [os.path.join(WORK, folder, name) for name in os.listdir(os.path.join(WORK, folder))]


class Wheel(unittest.TestCase):
    def setUp(self):
        self.path, = wheels("one")
        self.wheel = zipfile.ZipFile(self.path)
        self.addCleanup(self.wheel.close)
        with open(os.path.join(SOURCE, "VERSION"), encoding="ascii") as f:
            self.info = "kvcache-%s.dist-info" % f.readline().strip()

    def test_it_has_what_belongs_in_it_and_nothing_else(self):
        names = self.wheel.namelist()
        library = "kvcache/libkvcache_c." + ("dylib" if sys.platform == "darwin" else "so")
        python = sorted("kvcache/" + name for name in os.listdir(os.path.join(PACKAGE, "src/kvcache")) if name.endswith(".py"))
        self.assertEqual(sorted(names), sorted([*python, "kvcache/py.typed", library] + [
            "%s/%s" % (self.info, name) for name in ("LICENSE", "METADATA", "RECORD", "WHEEL")]))
        self.assertEqual(names[-1], self.info + "/RECORD")

    def test_its_record_is_right(self):
        rows = [row.split(",") for row in self.wheel.read(self.info + "/RECORD").decode().split("\n") if row]
        self.assertEqual([name for name, _, _ in rows], self.wheel.namelist())
        for name, digest, size in rows[:-1]:
            data = self.wheel.read(name)
            self.assertEqual((digest, size), ("sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(),
                                              str(len(data))), name)

    def test_its_tag_says_where_it_runs(self):
        tag = re.fullmatch(r"kvcache-[^-]+-(py3-none-[^-]+)\.whl", os.path.basename(self.path)).group(1)
        self.assertIn("Tag: %s\n" % tag, self.wheel.read(self.info + "/WHEEL").decode())
        self.assertIn("Root-Is-Purelib: false\n", self.wheel.read(self.info + "/WHEEL").decode())
        self.assertIn(platform.machine(), tag)

    @unittest.skipUnless(sys.platform == "linux" and shutil.which("objdump"), "objdump of Linux")
    def test_what_it_wants_of_the_system(self):
        """As auditwheel looks: a manylinux tag promises glibc's symbols, and no library beyond those that every Linux has."""
        library = os.path.join(WORK, "looked-into.so")
        with open(library, "wb") as f:
            f.write(self.wheel.read("kvcache/libkvcache_c.so"))
        needed = set(re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", library)))
        everywhere = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libz.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
        wanted = max(tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_([\d.]+)", run("objdump", "-T", library)))
        tag = re.search(r"manylinux_(\d+)_(\d+)_", self.path)
        self.assertEqual(tag is not None, needed <= everywhere, (self.path, needed))
        if tag:
            self.assertEqual(tuple(map(int, tag.groups())), max(wanted, (2, 17)))
        shown = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
        self.assertEqual([name for name in shown if not name.startswith("kvcache_")], [])
        self.assertNotIn("RPATH", run("objdump", "-p", library))
        self.assertNotIn("RUNPATH", run("objdump", "-p", library))

    def test_made_again_it_has_the_same_bytes(self):
        one, two = wheels("one") + wheels("two")
        self.assertEqual(os.path.basename(one), os.path.basename(two))
        with open(one, "rb") as a, open(two, "rb") as b:
            self.assertEqual(hashlib.sha256(a.read()).digest(), hashlib.sha256(b.read()).digest())

    def test_a_source_distribution_has_the_library(self):
        code = "import sys; sys.path.insert(0, 'build_backend'); import kvcache_build; print(kvcache_build.build_sdist(%r))" % WORK
        name = run(PYTHON, "-c", code, folder=PACKAGE).strip()
        listed = run("tar", "tzf", name).splitlines()
        for wanted in ("pyproject.toml", "PKG-INFO", "src/kvcache/__init__.py", "build_backend/kvcache_build.py", "library/CMakeLists.txt",
                       "library/include/kvcache/kvcache_c.h", "library/src/capi/open.cpp"):
            self.assertIn(name[:-len(".tar.gz")] + "/" + wanted, listed)
        self.assertEqual([entry for entry in listed if entry.endswith((".so", ".pyc", ".o"))], [])


class Installed(unittest.TestCase):
    def test_it_is_the_installed_one(self):
        where = run(PYTHON, "-c", "import kvcache; print(kvcache.__file__); print(kvcache.__version__)").split()
        self.assertTrue(where[0].startswith(os.path.join(WORK, "venv")), where)
        with open(os.path.join(SOURCE, "VERSION"), encoding="ascii") as f:
            self.assertTrue(where[1].startswith(f.readline().strip()))

    def test_the_tour(self):
        for name in ("swift", "q4", "shorter"):
            path = os.path.join(WORK, name + ".safetensors")
            if os.path.exists(path):
                os.remove(path)
        lines = run(PYTHON, "-", text="import kvcache\n" + "\n".join(code for code, _ in TOUR) + "\n").splitlines()
        self.assertEqual(lines, [expected for _, expected in TOUR])

    def test_what_the_document_shows_runs(self):
        """Blocks of docs/python.md that begin with `>>>`, as doctest runs them."""
        document = os.path.join(SOURCE, "docs/python.md")
        for name in ("swift", "shorter", "q4", "batch"):
            path = os.path.join(WORK, name + ".safetensors")
            if os.path.exists(path):
                os.remove(path)
        code = "import doctest, sys; done = doctest.testfile(%r, module_relative=False, optionflags=doctest.ELLIPSIS); " \
               "print(done.attempted); sys.exit(done.failed != 0)" % document
        self.assertGreater(int(run(PYTHON, "-c", code).split()[-1]), 10)

    def test_examples(self):
        trim = os.path.join(SOURCE, "examples/python/trim.py")
        out, by_tool = os.path.join(WORK, "by-python"), os.path.join(WORK, "by-tool")
        self.assertRegex(run(PYTHON, trim, LLAMA, "7", out), r"^7 tokens removed, 36 left, \d+ bytes\n$")
        run(TOOL, "trim", LLAMA, "-n", "7", "-o", by_tool)
        with open(out, "rb") as a, open(by_tool, "rb") as b:
            self.assertEqual(a.read(), b.read())
        self.assertIn("cannot be trimmed", run(PYTHON, trim, "wrapped.safetensors", "7", "no", ok=False))
        self.assertFalse(os.path.exists(os.path.join(WORK, "no")))
        # The server's: without mlx-lm it says what is missing.
        self.assertIn("mlx-lm", run(PYTHON, os.path.join(SOURCE, "examples/python/server.py"), ok=False,
                                    KVCACHE_STORE=os.path.join(WORK, "store")))

    def test_it_needs_no_numpy(self):
        code = ("import sys; sys.modules['numpy'] = None\nimport kvcache\ncache = kvcache.open('chat.safetensors')\n"
                "print(cache.layers[0].tokens, len(cache.layers[0].keys.tobytes()))\n"
                "try: cache.layers[0].keys[0]\nexcept ImportError as error: print(error)\n")
        self.assertEqual(run(PYTHON, "-c", code), "43 5504\narrays are numpy's: install numpy, or take their bytes with tobytes()\n")

    @unittest.skipUnless(shutil.which("mypy"), "no mypy")
    def test_types(self):
        run("mypy", "--config-file", "pyproject.toml", "--cache-dir", os.path.join(WORK, "mypy"), folder=PACKAGE)
        # And those of a program that uses it.
        program = os.path.join(WORK, "program.py")
        with open(program, "w", encoding="utf-8") as f:
            f.write("import kvcache\nwith kvcache.open('a') as cache:\n    size: int = cache.trim(to=3).convert('mlx-lm').save('b').bytes\n"
                    "    window: str = cache.layers[0].window\n")
        said = run("mypy", "--strict", "--python-executable", PYTHON, "--cache-dir", os.path.join(WORK, "mypy"), program, ok=False)
        self.assertIn('program.py:4: error: Incompatible types in assignment (expression has type "Optional[int]"', said)
        self.assertIn("Found 1 error", said)


if __name__ == "__main__":
    unittest.main()
