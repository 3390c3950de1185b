#!/usr/bin/env python3
"""Fails when an include breaks the rules of docs/architecture.md, whose table this reads, or a reference leads nowhere."""
import fnmatch
import os
import re
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
ROW = re.compile(r"^\|\s*`(\w+)`\s*\|[^|]*\|([^|]*)\|([^|]*)\|\s*$", re.MULTILINE)
# POSIX, Linux and macOS. <csignal> and <cstdio> are standard C++ and not meant here.
PLATFORM = re.compile(r"(unistd|fcntl|signal|pthread|dirent|dlfcn|poll|termios|pwd|grp|copyfile|windows|io|spawn)\.h$|(sys|linux|mach)/")

# Where references are looked for: folders, and single files. Documents themselves may be anywhere but in what is built.
TEXTS = ("include", "src", "tests", "scripts", "bench", "docs", "examples", "cmake", "packaging", "CMakeLists.txt", "README.md",
         "CONTRIBUTING.md", "CHANGELOG.md")
DOCUMENT = re.compile(r"[\w./-]*\w\.md\b")
HEADING = re.compile(r'(\S*\w\.md), "([^"]+)"(?: and "([^"]+)")?')
# What sections of a text outside this repository were called by.
OUTSIDE = re.compile(r"\bformat\s+notes\b", re.IGNORECASE)


class Rule:
    """The table of docs/architecture.md."""

    def __init__(self, root):
        with open(os.path.join(root, "docs", "architecture.md"), encoding="utf-8") as f:
            rows = ROW.findall(f.read())
        self.headers = {folder: re.findall(r"`([^`]+)`", headers) for folder, headers, _ in rows}
        self.allowed = {folder: {folder, *re.findall(r"`([^`]+)`", allowed)} for folder, _, allowed in rows}

    def owner(self, public_header):
        """The folder that a path below include/kvcache belongs to."""
        owners = [folder for folder, globs in self.headers.items() if any(fnmatch.fnmatch(public_header, g) for g in globs)]
        return owners[0] if len(owners) == 1 else None


def sources(root, folder):
    for parent, _, files in os.walk(os.path.join(root, folder)):
        for name in sorted(files):
            if name.endswith((".h", ".cpp")):
                yield os.path.relpath(os.path.join(parent, name), root)


def violations(root):
    rule = Rule(root)
    if not rule.allowed:
        return ["docs/architecture.md: its table of folders cannot be read"]
    found = []
    for path in [*sources(root, "include"), *sources(root, "src")]:
        parts = path.split(os.sep)
        public = parts[0] == "include"
        folder = rule.owner("/".join(parts[2:])) if public else parts[1]
        if folder not in rule.allowed:
            found.append(f"{path}: belongs to no folder of the table in docs/architecture.md")
            continue
        with open(os.path.join(root, path), encoding="utf-8") as f:
            for bracket, name in INCLUDE.findall(f.read()):
                problem = judge(root, rule, path, folder, public, bracket == '"', name)
                if problem:
                    found.append(f"{path}: includes {name}: {problem}")
    return found


def without_source(root):
    """Public headers that declare functions, without a source of their name in their folder: NAME.cpp, or NAME_BACKEND.cpp."""
    rule = Rule(root)
    found = []
    for path in sources(root, "include"):
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", read(root, path), flags=re.DOTALL)
        # Templates over all classes are whole in caches.h; the functions of C are by subject.
        if path.endswith(("kvcache/caches.h", "_c.h")) or not re.search(r"^[^{}\n]*\)[ \w]*;", text, re.MULTILINE):
            continue
        folder, name = rule.owner("/".join(path.split(os.sep)[2:])), os.path.basename(path)[:-2]
        if folder and not any(re.fullmatch(re.escape(name) + r"(_\w+)?\.cpp", os.path.basename(source))
                              for source in sources(root, os.path.join("src", folder))):
            found.append(f"{path}: no src/{folder}/.../{name}.cpp")
    return found


LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
# `kvcache convert FILE`, --force: not the options of other programs (mlx_lm.generate --kv-group-size).
COMMAND = re.compile(r"`kvcache [a-z]|(?<!`)\bkvcache (?:convert|extract|trim|verify|metadata|stamp|repair|inspect|quantize) |"
                     r"(?:^|[\s'`(])--[a-z]")
# What words remedies, the C interface, which says so in its documents, and the tool.
SPEAK = {"cli", "documents", "capi"}


def speaking(root):
    """String literals of the library that name commands or options of the tool: a remedy is data (remedy.h)."""
    found = []
    for path in sources(root, "src"):
        if path.split(os.sep)[1] in SPEAK:
            continue
        for number, line in enumerate(read(root, path).splitlines(), 1):
            if line.lstrip().startswith(("//", "#include")) or "mlx_lm.generate" in line:
                continue
            found += [f"{path}:{number}: {text}" for text in LITERAL.findall(line) if COMMAND.search(text)]
    return found


def judge(root, rule, path, folder, public, quoted, name):
    """What is wrong with one include, or None."""
    if not quoted:
        if PLATFORM.match(name) and folder != "platform":
            return "platform calls belong to src/platform"
        if name == "fstream":
            return "files are opened by src/platform (text_file.h, output_file.h), which tells a missing one from an unreadable one"
        # kvcache_c.h is C, whose library ends in .h.
        if public and not re.fullmatch(r"[a-z_0-9]+", name) and not (folder == "capi" and name in ("stddef.h", "stdint.h", "string.h")):
            return "a public header includes the standard library and kvcache/ only"
        if name in ("iostream", "print") and folder != "cli":
            return "the library never prints"
        return None
    if name.startswith("kvcache/"):
        target, file = rule.owner(name[len("kvcache/"):]), os.path.join("include", name)
    elif public:
        return "a public header includes the standard library and kvcache/ only"
    else:
        target, file = name.split("/")[0], os.path.join("src", name)
    if not os.path.isfile(os.path.join(root, file)):
        return "no such file; ours are included as \"kvcache/...\" or \"FOLDER/...\""
    if target not in rule.allowed[folder]:
        return f"{folder} may not include {target}"
    return None


def files(root, under):
    """Paths below `under`, itself if it is a file; neither hidden folders nor what is built."""
    if os.path.isfile(os.path.join(root, under)):
        yield under
    for parent, folders, names in os.walk(os.path.join(root, under)):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "build")) and f != "__pycache__")
        for name in sorted(names):
            yield os.path.relpath(os.path.join(parent, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def dangling(root):
    """References to documents and headings that are not in the tree. A name may leave out the folders before it."""
    documents = [path for path in files(root, ".") if path.endswith(".md")]
    headings = {path: re.findall(r"^#+ (.*)$", read(root, path), re.MULTILINE) for path in documents}

    def meant(name):
        name = re.sub(r"^[./]+", "", name)
        return [path for path in documents if path == name or path.endswith("/" + name)]

    found = []
    for path in (path for under in TEXTS for path in files(root, under)):
        # Addresses are not of this tree. Comments may break a line within a reference.
        text = re.sub(r"\s*\n\s*(?://+|#)?\s*", " ", re.sub(r"https?://\S+", "", read(root, path)))
        found += [f"{path}: no document {name}" for name in DOCUMENT.findall(text) if not meant(name)]
        for name, *quoted in HEADING.findall(text):
            known = [heading for document in meant(DOCUMENT.search(name).group()) for heading in headings[document]]
            found += [f"{path}: no heading \"{title}\" in {name}" for title in filter(None, quoted)
                      if not any(heading.startswith(title) for heading in known)]
        found += [f"{path}: {phrase}: not a text of this repository" for phrase in OUTSIDE.findall(text)]
    return found


def own_names(text):
    """What a source has in its unnamed namespaces: (namespace, name, parameters), where only functions have parameters. Sources are
    formatted: what stands in a namespace begins its line."""
    inside, body = [], False
    lines = iter(re.sub(r"//[^\n]*", "", text).splitlines())
    for line in lines:
        opened = re.match(r"(?:inline )?namespace ([\w:]*) ?\{", line)
        if opened:
            inside.append(opened.group(1))
        elif line.startswith("}") and body:
            body = False
        elif line.startswith("}") and inside:
            inside.pop()
        elif re.match(r"[A-Za-z\[]", line):
            while not re.search(r"[;{}]\s*$", line):
                line += " " + next(lines, ";").strip()
            body = line.rstrip().endswith("{")
            if "" not in inside or re.match(r"(template|extern|TEST|RC_GTEST|INSTANTIATE)", line):
                continue
            where = "::".join(filter(None, inside))
            kind = re.match(r"(?:struct|class|enum class|enum|union) (\w+)", line)
            # The same alias twice is no second meaning; another one is.
            alias = re.match(r"(?:using|namespace) (\w+) = (.*);", line)
            function = re.match(r"(?:\[\[\w+\]\] )?[^=({]*?\b(\w+)\((.*)\)[^)]*$", line)
            variable = re.match(r"[^=({]*?\b(\w+)(?:\[\w*\])? ?[={;]", line)
            if kind:
                yield where, kind.group(1), None
            elif alias:
                yield where, alias.group(1), "= " + alias.group(2)
            elif line.startswith("using"):
                continue
            elif function and not re.match(r"\w[^(]*=", line):
                yield where, function.group(1), parameter_types(function.group(2))
            elif variable:
                yield where, variable.group(1), None


def parameter_types(text):
    """Of a declaration, without names and defaults: what tells overloads apart."""
    types, depth, one = [], 0, ""
    for c in text + ",":
        depth += (c in "<({[") - (c in ">)}]")
        if c == "," and depth == 0:
            types.append(re.sub(r"(?<=[\w>&*]) ?\b\w+$", "", one.split("=")[0].strip()))
            one = ""
        else:
            one += c
    return ", ".join(types)


def repeated(root):
    """Names that two sources of a part both have to themselves. Several sources are compiled as one (CMAKE_UNITY_BUILD), so that a second
    one of its name would not compile, or worse, be taken for the first."""
    found = []
    for above in ("src", "tests"):
        for part in sorted(os.listdir(os.path.join(root, above))) if os.path.isdir(os.path.join(root, above)) else ():
            if part == "fuzz":  # programs of one source each
                continue
            known = {}
            for path in (path for path in sources(root, os.path.join(above, part)) if path.endswith(".cpp")):
                for where, name, parameters in set(own_names(read(root, path))):
                    aliased = (parameters or "").startswith("=")
                    for other, others in known.setdefault((where, name), []):
                        same = others != parameters if aliased or (others or "").startswith("=") else None in (others, parameters) or others == parameters
                        if same and other != path:
                            found.append(f"{path}: {name} is a name of {other} as well")
                    known[where, name].append((path, parameters))
    return found


class ThisTree(unittest.TestCase):
    def test_every_include_keeps_the_rules(self):
        self.assertEqual(violations(ROOT), [])

    def test_the_table_has_every_folder(self):
        folders = {name for name in os.listdir(os.path.join(ROOT, "src")) if os.path.isdir(os.path.join(ROOT, "src", name))}
        self.assertEqual(folders, set(Rule(ROOT).allowed))

    def test_the_folders_form_layers(self):
        seen = set()
        for folder, allowed in Rule(ROOT).allowed.items():
            self.assertLessEqual(allowed - {folder}, seen, f"{folder} may include a folder that stands below it in the table")
            seen.add(folder)

    def test_every_public_header_has_a_source(self):
        self.assertEqual(without_source(ROOT), [])

    def test_the_library_speaks_of_no_commands(self):
        self.assertEqual(speaking(ROOT), [])

    def test_every_reference_leads_somewhere(self):
        self.assertEqual(dangling(ROOT), [])

    def test_no_name_is_taken_twice(self):
        self.assertEqual(repeated(ROOT), [])


class BrokenTree(unittest.TestCase):
    """One bad include each, in a tree with this project's table."""

    def complaints(self, path, include):
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(ROOT, "docs", "architecture.md"), encoding="utf-8") as f:
                table = f.read()
            for file, text in (("docs/architecture.md", table), ("include/kvcache/cache.h", ""), ("include/kvcache/tensor.h", ""),
                               ("src/cli/terminal/style.h", ""), ("src/tensor/axis_layout.h", ""), (path, f"#include {include}\n")):
                os.makedirs(os.path.dirname(os.path.join(root, file)), exist_ok=True)
                with open(os.path.join(root, file), "w", encoding="utf-8") as f:
                    f.write(text)
            return violations(root)

    def test_each_rule(self):
        for path, include, complaint in (
                ("src/tensor/x.cpp", '"kvcache/tensor.h"', None), ("src/tensor/x.cpp", '"tensor/axis_layout.h"', None),
                ("src/tensor/x.cpp", '"kvcache/cache.h"', "tensor may not include cache"),
                ("src/cache/x.cpp", '"cli/terminal/style.h"', "cache may not include cli"),
                ("include/kvcache/tensor.h", '"kvcache/cache.h"', "tensor may not include cache"),
                ("src/tensor/x.cpp", '"layout.h"', "no such file"), ("src/tensor/x.cpp", '"kvcache/none.h"', "no such file"),
                ("src/cli/x.cpp", "<unistd.h>", "platform calls"), ("src/tensor/x.cpp", "<sys/stat.h>", "platform calls"),
                ("src/platform/x.cpp", "<unistd.h>", None), ("src/model/x.cpp", "<fstream>", "opened by src/platform"), ("include/kvcache/tensor.h", "<span>", None),
                ("include/kvcache/tensor.h", "<fmt/core.h>", "standard library"), ("src/cache/x.cpp", "<iostream>", "never prints"),
                ("include/kvcache/new.h", "<span>", "belongs to no folder"), ("src/new/x.cpp", "<span>", "belongs to no folder")):
            with self.subTest(path=path, include=include):
                found = self.complaints(path, include)
                self.assertEqual(len(found), 1 if complaint else 0, found)
                self.assertIn(complaint or "", " ".join(found))

    def test_sources_of_headers(self):
        for text, source, complaint in (
                ("int f();\n", "src/cache/cache.cpp", None), ("int f();\n", "src/tensor/cache.cpp", "no src/cache/.../cache.cpp"),
                ("class A {\n  int f() const;\n};\n", "src/cache/other.cpp", "no src/cache"), ("// f();\n#include <span>\n", "src/cache/x.cpp", None),
                ("struct A {\n  virtual int f() = 0;\n};\n", "src/cache/x.cpp", None), ("int f();\n", "src/cache/cache_a.cpp", None)):
            with self.subTest(text=text, source=source), tempfile.TemporaryDirectory() as root:
                with open(os.path.join(ROOT, "docs", "architecture.md"), encoding="utf-8") as f:
                    table = f.read()
                for file, content in (("docs/architecture.md", table), ("include/kvcache/cache.h", text), (source, "")):
                    os.makedirs(os.path.dirname(os.path.join(root, file)), exist_ok=True)
                    with open(os.path.join(root, file), "w", encoding="utf-8") as f:
                        f.write(content)
                found = without_source(root)
                self.assertEqual(len(found), 1 if complaint else 0, found)
                self.assertIn(complaint or "", " ".join(found))

    def test_commands_in_the_library(self):
        for path, line, found in (
                ("src/cache/x.cpp", 'throw Error("--force replaces it");', 1), ("src/cache/x.cpp", 'f("`kvcache trim FILE`");', 1),
                ("src/cache/x.cpp", 'f("kvcache extract FILE --all");', 1), ("src/cli/x.cpp", 'f("--force");', 0),
                ("src/cache/x.cpp", '// "--force"', 0), ("src/cache/x.cpp", 'f("a -- b", "version 0.1 of kvcache wrote it");', 0),
                ("src/cache/x.cpp", 'f("mlx_lm.generate --prompt-cache-file fails");', 0)):
            with self.subTest(path=path, line=line), tempfile.TemporaryDirectory() as root:
                os.makedirs(os.path.dirname(os.path.join(root, path)))
                with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                    f.write(line + "\n")
                self.assertEqual(len(speaking(root)), found)

    def test_references(self):
        md = ".md"  # by itself, because this file is looked through as well
        for text, complaint in (
                (f"// See docs/formats{md}, \"Eras\".", None), (f"// See formats{md}.", None), (f'"/../docs/formats{md}"', None),
                (f"// See docs/formats{md}, \"Eras\" and\n// \"Last words\".", None), (f"// https://example.org/other{md}", None),
                (f"// See docs/format{md}.", "no document docs/format"), (f"// See other/formats{md}.", "no document other/"),
                (f"// See docs/formats{md},\n  // \"Bugs\".", "no heading \"Bugs\""),
                (f"// See docs/formats{md}, \"Eras\" and \"Bugs\".", "no heading \"Bugs\""),
                ("// As in C.2 of the format\n// not" "es.", "not a text of this repository")):
            with self.subTest(text=text), tempfile.TemporaryDirectory() as root:
                for path, content in (("docs/formats" + md, "# Formats\n\n## Eras\n\n## Last words, and more\n"), ("src/x.cpp", text)):
                    os.makedirs(os.path.join(root, os.path.dirname(path)))
                    with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                        f.write(content)
                found = dangling(root)
                self.assertEqual(len(found), 1 if complaint else 0, found)
                self.assertIn(complaint or "", " ".join(found))

    def test_names_of_two_sources(self):
        for one, other, complaint in (
                ("struct A {", "struct A {", "A is a name of"), ("struct A {", "struct B {", None), ("int f(int a) {", "int f(int b) {", "f is a name of"),
                ("int f(int a) {", "int f(std::string_view a) {", None), ("constexpr int n = 2;", "constexpr int n = 3;", "n is a name of"),
                ("[[noreturn]] void f(const A& a,\n            int b = 2) {", "void f(const A& x, int y) {", "f is a name of"),
                ("using J = std::map<A, B>;", "using J = std::map<A, B>;", None), ("using J = A;", "using J = B;", "J is a name of"),
                ("using J = A;", "struct J {", "J is a name of"), ("  int inner = 0;", "  int inner = 0;", None),
                ("}  // namespace\nint f(int a) {", "int f(int a) {", None), ("int f(int a) {", "}  // namespace\nnamespace z {\nnamespace {\nint f(int a) {", None)):
            with self.subTest(one=one, other=other), tempfile.TemporaryDirectory() as root:
                os.makedirs(os.path.join(root, "src", "cache", "deeper"))
                for path, text in (("src/cache/a.cpp", one), ("src/cache/deeper/b.cpp", other)):
                    with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                        f.write("namespace kvcache {\nnamespace {\n\n" + text + "\n}\n\n}  // namespace\n}  // namespace kvcache\n")
                found = repeated(root)
                self.assertEqual(len(found), 1 if complaint else 0, found)
                self.assertIn(complaint or "", " ".join(found))


if __name__ == "__main__":
    unittest.main()
