#!/usr/bin/env python3
"""verify --format junit, sarif, github: what their readers make of it. usage: verify_formats_test.py BINARY TESTDATA

SARIF is checked against its JSON schema (python3-jsonschema), JUnit with a reader that others use (python3-junitparser), GitHub
annotations with the unescaping of GitHub's runner.
"""
import importlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import skips  # noqa: E402

TESTDATA = os.path.abspath(sys.argv.pop(2)) if __name__ == "__main__" else ""
BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schemas", "sarif-2.1.0.json")
HOSTILE = os.path.join(TESTDATA, "golden", "hostile", "files")

# A name, and a text for metadata, with everything that means something to one of the formats or to a terminal.
EVIL_NAME = "a:b,c%0A\x1b[31m\n<&\">]]>{0}[x](1)::error::\x07.safetensors"
EVIL_TEXT = "<![CDATA[ & ]]> \x1b[2J\r\n::error::gotcha %25 {0} [click](http://example.org) \u2028 \ufffe \U0001F600 \x00"


def debian(name):
    """A Python module of a Debian package, also for a Python that is not Debian's."""
    try:
        return importlib.import_module(name)
    except ImportError:
        sys.path.append("/usr/lib/python3/dist-packages")
        try:
            return importlib.import_module(name)
        except ImportError:
            raise unittest.SkipTest("python3-%s is not installed: scripts/setup does it" % name) from None


def write_cache(path, class_name, rows=2):
    metadata = {"0.0": "", "2.0": class_name}
    header = {"__metadata__": metadata,
              "0.0": {"dtype": "F16", "shape": [1, 1, rows, 4], "data_offsets": [0, 8 * rows]},
              "0.1": {"dtype": "F16", "shape": [1, 1, rows, 4], "data_offsets": [8 * rows, 16 * rows]}}
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + bytes(16 * rows))


class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="kvcache-formats-")
        cls.folder = cls.temporary.name
        os.mkdir(os.path.join(cls.folder, "all"))
        for name in ("layers-batch-differs", "not-model-weights", "json-cut", "arrays-three-slots", "batch-ok"):
            shutil.copy(os.path.join(HOSTILE, name + ".safetensors"), os.path.join(cls.folder, "all"))
        write_cache(os.path.join(cls.folder, "all", EVIL_NAME), EVIL_TEXT)
        write_cache(os.path.join(os.fsencode(cls.folder), b"all", b"\xff\xfe.safetensors"), "Nothing")
        cls.json = json.loads(cls.verify("-r", "all", "--json").stdout)
        cls.files = cls.json["files"]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def verify(cls, *arguments):
        return subprocess.run([BINARY, "verify", *arguments], cwd=cls.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60)

    def findings(self):
        return [(file, finding) for file in self.files for finding in file["findings"]]

    def check_exit_and_bytes(self, *arguments):
        result = self.verify("-r", "all", "--infos", *arguments)
        self.assertEqual(result.returncode, 3, result.stderr)
        text = result.stdout.decode("utf-8")
        self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028]", text), "no control characters at all")
        return text

    def test_junit_is_read_by_junitparser(self):
        junitparser = debian("junitparser")
        text = self.check_exit_and_bytes("--format", "junit")
        self.assertIsNone(re.search("[\ufffe\uffff]", text), "XML cannot say these")
        suites = junitparser.JUnitXml.fromstring(text.encode())
        cases = [case for suite in suites for case in suite]
        self.assertEqual(len(cases), len(self.files))
        self.assertEqual(suites.tests, len(self.files))
        failed = [file for file in self.files if file["status"] in ("errors", "unreadable")]
        self.assertEqual(suites.failures, len(failed))
        self.assertEqual(suites.errors, 0)
        for case, file in zip(cases, self.files):
            results = [r for r in case.result if not isinstance(r, junitparser.Skipped)]
            self.assertEqual(bool(results), file in failed, case.name)
            if results:
                self.assertIn(results[0].type, [f["code"] for f in file["findings"]])
                for finding in file["findings"]:
                    if finding["severity"] == "error":
                        self.assertIn(finding["code"], results[0].text)

    def test_junit_has_the_shape_that_jenkins_accepts(self):
        """The parts of junit-10.xsd of Jenkins's xUnit plugin that we use."""
        root = ET.fromstring(self.check_exit_and_bytes("--format", "junit"))
        self.assertEqual(root.tag, "testsuites")
        self.assertLessEqual(set(root.attrib), {"name", "time", "tests", "failures", "errors"})
        for suite in root:
            self.assertEqual(suite.tag, "testsuite")
            self.assertLessEqual({"name", "tests", "failures", "errors"}, set(suite.attrib))
            for case in suite:
                self.assertEqual(case.tag, "testcase")
                self.assertEqual(set(case.attrib), {"name", "classname"})
                for part in case:
                    self.assertIn(part.tag, ("failure", "error", "system-out"))
                    self.assertLessEqual(set(part.attrib), {"type", "message"})

    def test_junit_knows_errors_from_failures(self):
        root = ET.fromstring(self.verify("missing", "all/batch-ok.safetensors", "--format", "junit").stdout)
        self.assertEqual((root.get("tests"), root.get("failures"), root.get("errors")), ("2", "0", "1"))
        self.assertEqual(root.find(".//error").get("type"), "KV100")

    def test_junit_strict_fails_for_warnings(self):
        arguments = ("all/arrays-three-slots.safetensors", "--format", "junit")
        relaxed, strict = ET.fromstring(self.verify(*arguments).stdout), ET.fromstring(self.verify(*arguments, "--strict").stdout)
        self.assertEqual((relaxed.get("failures"), strict.get("failures")), ("0", "1"))
        self.assertIn("KV704", relaxed.find(".//system-out").text)

    def test_sarif_fits_its_schema(self):
        jsonschema = debian("jsonschema")
        with open(SCHEMA, encoding="utf-8") as f:
            validator = jsonschema.Draft4Validator(json.load(f), format_checker=jsonschema.FormatChecker())
        log = json.loads(self.check_exit_and_bytes("--format", "sarif"))
        self.assertEqual([e.message for e in validator.iter_errors(log)], [])
        empty = json.loads(self.verify("all/batch-ok.safetensors", "--format", "sarif").stdout)
        self.assertEqual([e.message for e in validator.iter_errors(empty)], [])
        self.assertEqual(empty["runs"][0]["results"], [])

    def test_sarif_says_what_json_says(self):
        run = json.loads(self.check_exit_and_bytes("--format", "sarif"))["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        levels = {"error": "error", "warning": "warning", "info": "note"}
        self.assertEqual(len(run["results"]), len(self.findings()))
        for result, (file, finding) in zip(run["results"], self.findings()):
            self.assertEqual(result["ruleId"], finding["code"])
            self.assertEqual(rules[result["ruleIndex"]]["id"], finding["code"])
            self.assertEqual(result["level"], levels[finding["severity"]])
            uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            self.assertRegex(uri, r"^[A-Za-z0-9._~/%-]+$")
            self.assertTrue(os.path.exists(os.path.join(os.fsencode(self.folder), urllib.parse.unquote_to_bytes(uri))), uri)
            # As readers take it: {{ and }} are braces, \] is a bracket.
            text = result["message"]["text"]
            self.assertIsNone(re.search(r"(?<!\{)\{(?!\{)|(?<!\})\}(?!\})", text), text)
            self.assertNotRegex(text, r"(?<!\\)\]\(")
            plain = text.replace("{{", "{").replace("}}", "}").replace("\\](", "](")
            self.assertTrue(plain.startswith(finding["message"]), plain)

    def test_sarif_of_an_absolute_path(self):
        path = os.path.join(self.folder, "all", "json-cut.safetensors")
        run = json.loads(self.verify(path, "--format", "sarif").stdout)["runs"][0]
        uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        self.assertEqual(uri, "file://" + urllib.parse.quote(path))

    def test_github_commands_are_what_the_runner_reads(self):
        text = self.check_exit_and_bytes("--format", "github")
        lines = text.splitlines()
        self.assertTrue(lines.pop().startswith("%d files: " % len(self.files)))
        self.assertEqual(len(lines), len(self.findings()))
        commands = {"error": "error", "warning": "warning", "info": "notice"}
        # Those that matter most come first: GitHub shows the first ten.
        graver = {"error": 0, "warning": 1, "info": 2}
        for line, (file, finding) in zip(lines, sorted(self.findings(), key=lambda f: graver[f[1]["severity"]])):
            # As in actions/runner: the properties end at the first "::", and are cut at commas and the first "=".
            command, properties, data = re.fullmatch(r"::(\w+) (.*?)::(.*)", line).groups()
            self.assertEqual(command, commands[finding["severity"]])
            values = dict(part.split("=", 1) for part in properties.split(","))
            values = {key: self.unescape(value, True) for key, value in values.items()}
            self.assertEqual(set(values), {"file", "title"})
            if "\x1b" not in file["path"] and "\ufffd" not in file["path"]:
                self.assertEqual(values["file"], file["path"])
            self.assertTrue(values["title"].startswith(finding["code"]))
            message = self.unescape(data, False)
            self.assertEqual(message, finding["message"] + ("\nhint: " + finding["hint"] if "hint" in finding else ""))

    def many(self, count):
        """A folder of files with a warning each, and one with an error behind them all."""
        folder = os.path.join(self.folder, "many%d" % count)
        os.mkdir(folder)
        for i in range(count):
            os.symlink(os.path.join(self.folder, "all", "arrays-three-slots.safetensors"), os.path.join(folder, "%05d.safetensors" % i))
        os.symlink(os.path.join(self.folder, "all", "layers-batch-differs.safetensors"), os.path.join(folder, "z.safetensors"))
        return folder

    def test_infos_are_shown_when_asked_for(self):
        write_cache(os.path.join(self.folder, "named-otherwise"), "KVCache")
        for output in ("github", "sarif"):
            self.assertNotIn("KV716", self.results(output, "named-otherwise"))
            self.assertIn("KV716", self.results(output, "named-otherwise", "--infos"))

    def results(self, output, *arguments):
        text = self.verify(*arguments, "--format", output).stdout.decode()
        if output == "github":
            return re.findall(r"^::.*title=(KV\d+|kvcache verify)", text, re.MULTILINE)
        return [result["ruleId"] for result in json.loads(text)["runs"][0]["results"]]

    def test_github_sums_up_what_its_server_would_drop(self):
        folder = self.many(30)
        shown = self.results("github", "-r", folder)
        self.assertEqual(shown, ["KV501"] + 8 * ["KV704"] + ["kvcache verify"])
        self.assertIn("::warning title=kvcache verify::22 more findings: 22 KV704", self.verify("-r", folder, "--format", "github").stdout.decode())

    def test_sarif_sums_up_what_its_server_would_drop(self):
        results = json.loads(self.verify("-r", self.many(5200), "--format", "sarif").stdout)["runs"][0]["results"]
        self.assertEqual(len(results), 5000)
        self.assertEqual([result["ruleId"] for result in results].count("KV501"), 1)
        self.assertIn("202 more findings", results[-1]["message"]["text"])

    def test_sarif_rules_say_what_to_do(self):
        rules = json.loads(self.verify("all/batch-ok.safetensors", "--format", "sarif").stdout)["runs"][0]["tool"]["driver"]["rules"]
        for rule in rules:
            self.assertRegex(rule["helpUri"], r"^[a-z]+:\S+$")
            self.assertGreater(len(rule["help"]["text"]), 20, rule["id"])

    def test_github_quiet_is_commands_only(self):
        lines = self.verify("-q", "-r", "all", "--format", "github").stdout.decode().splitlines()
        self.assertTrue(all(line.startswith("::") for line in lines))

    @staticmethod
    def unescape(text, is_property):
        for code, character in [("%0D", "\r"), ("%0A", "\n"), *([("%3A", ":"), ("%2C", ",")] if is_property else []),
                                ("%25", "%")]:
            text = text.replace(code, character)
        return text


if __name__ == "__main__":
    skips.main()
