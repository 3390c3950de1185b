#!/usr/bin/env python3
"""Installs the build into STAGE and uses it from there, as a stranger would. usage: install_test.py BUILD STAGE SOURCE CXX"""
import glob
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import skips  # noqa: E402

BUILD, STAGE, SOURCE = (os.path.abspath(a) for a in sys.argv[1:4])
CXX = sys.argv[4]
del sys.argv[1:]
EXAMPLES = os.path.join(SOURCE, "examples")
PREFIX = os.path.join(STAGE, "usr")
WORK = os.path.join(STAGE, "work")
CACHE = os.path.join(SOURCE, "testdata/golden/models/files/llama-f16.safetensors")


def run(*command, ok=True, **environment):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                          cwd=WORK, env=dict(os.environ, **environment))
    if ok and done.returncode != 0:
        raise AssertionError("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout


def pkg_config(*arguments, package="kvcache"):
    folder, = glob.glob(os.path.join(PREFIX, "lib*", "**", "pkgconfig"), recursive=True)
    return run("pkg-config", *arguments, package, PKG_CONFIG_PATH=folder).split()


def library_folder():
    return os.path.dirname(glob.glob(os.path.join(PREFIX, "lib*", "**", "libkvcache.a"), recursive=True)[0])


def setUpModule():
    shutil.rmtree(STAGE, ignore_errors=True)
    os.makedirs(WORK)
    run("cmake", "--install", BUILD, "--prefix", PREFIX)


class Installed(unittest.TestCase):
    def test_public_headers_are_all_that_is_public(self):
        def below(folder):
            return sorted(os.path.relpath(os.path.join(parent, f), folder) for parent, _, files in os.walk(folder) for f in files)
        self.assertEqual(below(os.path.join(PREFIX, "include")), below(os.path.join(SOURCE, "include")))

    def test_pages_and_completions_are_there(self):
        for path in ("man/man1/kvcache.1", "man/man1/kvcache-trim.1", "bash-completion/completions/kvcache",
                     "zsh/site-functions/_kvcache", "fish/vendor_completions.d/kvcache.fish"):
            self.assertTrue(os.path.isfile(os.path.join(PREFIX, "share", path)), path)

    def test_the_tool_runs_from_there(self):
        self.assertIn("43", run(os.path.join(PREFIX, "bin", "kvcache"), "inspect", CACHE))

    def test_the_tour_and_the_how_tos_need_nothing_else(self):
        documents = [os.path.join(SOURCE, "README.md"), *glob.glob(os.path.join(SOURCE, "docs", "howto-*.md"))]
        self.assertGreater(len(documents), 3)
        for document in documents:
            with open(document, encoding="utf-8") as text:
                if "\n    $ " not in text.read():
                    continue
            done = subprocess.run([sys.executable, os.path.join(SOURCE, "tests/cli/run_transcript.py"),
                                   os.path.join(PREFIX, "bin", "kvcache"), os.path.join(STAGE, "no-testdata"), document, "--installed"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
            self.assertEqual(done.returncode, 0, done.stdout)

    @unittest.skipUnless(sys.platform == "linux", "nm and readelf of Linux")
    def test_the_shared_library_has_a_name_and_shows_nothing_private(self):
        library = os.path.join(library_folder(), "libkvcache.so")
        self.assertRegex(run("readelf", "-d", library), r"SONAME.*\[libkvcache\.so\.\d+(\.\d+)?\]")
        # Of its own symbols only: instances of templates of the standard library (weak) are no interface.
        names = [line.split(maxsplit=2) for line in run("nm", "-DC", "--defined-only", library).splitlines()]
        foreign = [name for _, kind, name in names if kind == "T" and not name.startswith("kvcache::")]
        self.assertEqual(foreign, [])
        shown = " ".join(name for _, _, name in names)
        self.assertIn("kvcache::trim_prompt_cache(", shown)
        for private in ("fmt::v", "nlohmann::", "kvcache::detail::OutputFile", "deflate"):
            self.assertNotIn(private, shown)


class Examples(unittest.TestCase):
    """Built against the installed copy and run."""

    def use(self, folder):
        environment = {"LD_LIBRARY_PATH": library_folder(), "DYLD_LIBRARY_PATH": library_folder()}
        for name in ("shorter", "q4", "no"):
            if os.path.exists(os.path.join(WORK, name)):
                os.remove(os.path.join(WORK, name))
        trim, quantize = (os.path.join(folder, name) for name in ("trim", "quantize"))
        self.assertRegex(run(trim, CACHE, "7", "shorter", **environment), r"^7 tokens removed, 36 left, \d+ bytes\n$")
        self.assertRegex(run(quantize, CACHE, "4", "32", "q4", **environment),
                         r"(?s)100 %\nlayer 0: 3440 bytes instead of 11008, keys [\d.]+ dB, values [\d.]+ dB\nlayer 1")
        self.assertIn("quantize: ", run(quantize, CACHE, "7", "32", "no", ok=False, **environment))
        self.assertFalse(os.path.exists(os.path.join(WORK, "no")))
        tool = os.path.join(PREFIX, "bin", "kvcache")
        self.assertIn("ok (", run(tool, "verify", "shorter"))
        run(tool, "quantize", CACHE, "--bits", "4", "--group-size", "32", "-o", "q4-tool", "--force")
        self.assertIn("no difference", run(tool, "diff", "q4", "q4-tool"))

    def test_find_package(self):
        for static in ("OFF", "ON"):
            folder = os.path.join(WORK, "cmake-static-" + static)
            run("cmake", "-S", EXAMPLES, "-B", folder, "-DCMAKE_PREFIX_PATH=" + PREFIX, "-DCMAKE_CXX_COMPILER=" + CXX,
                "-Dkvcache_USE_STATIC_LIBS=" + static, "-DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON")
            run("cmake", "--build", folder)
            self.use(folder)

    def test_components(self):
        """Each with what it needs, and one that there is not is said to be missing."""
        parts = [part for part in ("store", "remote", "fleet")
                 if glob.glob(os.path.join(PREFIX, "lib*", "**", "kvcache-%s.cmake" % part), recursive=True)]
        folder = os.path.join(WORK, "components")
        os.makedirs(folder)
        uses = {"store": ('#include <kvcache/store.h>', 'kvcache::store::identity_of_text("model").name == "model"'),
                "remote": ('#include <kvcache/remote.h>', 'kvcache::remote::Remote().usage().requests == 0'),
                "fleet": ('#include <kvcache/fleet.h>', 'kvcache::fleet::is_address("postgresql://host/db")')}
        for part in parts:
            include, true = uses[part]
            with open(os.path.join(folder, part + ".cpp"), "w", encoding="utf-8") as f:
                f.write("%s\n#include <kvcache/kvcache.h>\nint main() { return %s && !kvcache::dialects().empty() ? 0 : 1; }\n" % (include, true))
        with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as f:
            f.write("cmake_minimum_required(VERSION 3.16)\nproject(components LANGUAGES CXX)\n"
                    "find_package(kvcache REQUIRED COMPONENTS ${PART})\nadd_executable(use ${PART}.cpp)\n"
                    "target_link_libraries(use PRIVATE kvcache::${PART} kvcache::kvcache)\n")
        use = lambda part: ("cmake", "-S", folder, "-B", os.path.join(folder, part), "-DPART=" + part, "-DCMAKE_PREFIX_PATH=" + PREFIX,
                            "-DCMAKE_CXX_COMPILER=" + CXX)
        for part in parts:
            run(*use(part))
            run("cmake", "--build", os.path.join(folder, part))
            run(os.path.join(folder, part, "use"))
        self.assertIn("nothing", run(*use("nothing"), ok=False))
        if "store" in parts:
            built = os.path.join(WORK, "with-store")
            run("cmake", "-S", EXAMPLES, "-B", built, "-DCMAKE_PREFIX_PATH=" + PREFIX, "-DCMAKE_CXX_COMPILER=" + CXX, "-DWITH_STORE=ON")
            run("cmake", "--build", built, "--target", "store")
            with open(os.path.join(WORK, "ids"), "w", encoding="ascii") as f:
                f.write(" ".join(map(str, range(43))))
            self.assertIn("hit: 42 of 43 tokens", run(os.path.join(built, "store"), "kept", "llama", CACHE, "ids", "ids", "got"))

    def test_pkg_config(self):
        for static in ([], ["--static"]):
            folder = os.path.join(WORK, "pkg-config" + "".join(static))
            os.makedirs(folder)
            # A linker prefers the shared library where both lie.
            libraries = pkg_config("--libs", *static)
            if static:
                libraries = [os.path.join(library_folder(), "libkvcache.a") if a == "-lkvcache" else a for a in libraries]
            for name in ("trim", "quantize"):
                run(CXX, "-std=c++20", os.path.join(EXAMPLES, name + ".cpp"), "-o", os.path.join(folder, name),
                    *pkg_config("--cflags"), *libraries)
            self.use(folder)

    def test_c(self):
        """Through pkg-config and through CMake."""
        if not glob.glob(os.path.join(PREFIX, "lib*", "**", "libkvcache_c.*"), recursive=True):
            self.skipTest("built without the interface for C")
        folder = os.path.join(WORK, "c")
        os.makedirs(folder)
        run("cc", "-std=c11", os.path.join(EXAMPLES, "c/trim.c"), "-o", os.path.join(folder, "trim"),
            *pkg_config("--cflags", "--libs", package="kvcache_c"))
        with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as f:
            f.write("cmake_minimum_required(VERSION 3.16)\nproject(c LANGUAGES C CXX)\nfind_package(kvcache REQUIRED)\n"
                    "add_executable(trim %s)\ntarget_link_libraries(trim PRIVATE kvcache::c)\n" % os.path.join(EXAMPLES, "c/trim.c"))
        built = os.path.join(folder, "build")
        run("cmake", "-S", folder, "-B", built, "-DCMAKE_PREFIX_PATH=" + PREFIX, "-DCMAKE_CXX_COMPILER=" + CXX)
        run("cmake", "--build", built)
        for program in (os.path.join(folder, "trim"), os.path.join(built, "trim")):
            out = os.path.join(WORK, "by-c")
            if os.path.exists(out):
                os.remove(out)
            self.assertRegex(run(program, CACHE, "7", out, LD_LIBRARY_PATH=library_folder(), DYLD_LIBRARY_PATH=library_folder()),
                             r"^7 tokens removed, 36 left, \d+ bytes\n$")


if __name__ == "__main__":
    skips.main()
