#!/usr/bin/env python3
"""The golden runner sees what it is there to see: each test makes one thing go wrong with a tool made of shell."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run_cases.py")


def safetensors(values=(1, 2), dtype="F16", metadata=None, **entry):
    data = struct.pack(f"<{len(values)}H", *values)
    header = {"0.0": {"dtype": dtype, "shape": [len(values)], "data_offsets": [0, len(data)], **entry}}
    if metadata is not None:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class RunnerTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        os.mkdir(self.path("files"))
        self.write("files/in.safetensors", safetensors())
        self.write("unsupported.txt", b"")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content)

    def run_tool(self, script, *options, **case):
        """Runs one case, `script` being the tool; returns the runner's exit code and what it printed."""
        self.write("tool", b"#!/bin/sh\n" + script.encode())
        os.chmod(self.path("tool"), 0o755)
        case = {"id": "one", "args": ["do", "{files/in.safetensors}", "-o", "{out}"], **case}
        self.write("cases.json", json.dumps({"cases": [case]}).encode())
        done = subprocess.run([sys.executable, RUNNER, self.path("tool"), self.folder.name, "--not-yet-supported",
                               self.path("unsupported.txt"), *options], capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def assert_passes(self, script, *options, **case):
        code, output = self.run_tool(script, *options, **case)
        self.assertEqual((code, output.splitlines()[-1]), (0, "1 passed, 0 failed"), output)

    def assert_fails(self, reason, script, *options, **case):
        code, output = self.run_tool(script, *options, **case)
        self.assertEqual((code, output.splitlines()[-1]), (1, "0 passed, 1 failed"), output)
        self.assertIn(reason, output)

    def list_unsupported(self, name):
        self.write("unsupported.txt", f"{os.path.basename(self.folder.name)}/{name}\n".encode())

    def test_exit_code(self):
        self.assert_passes("exit 4", exit=[3, 4])
        self.assert_fails("exit 4, expected 0 [stderr: no]", "echo no >&2; exit 4")

    def test_output(self):
        self.assert_passes('cp "$2" "$4"', output="files/in.safetensors")
        self.assert_fails("no output file", "true", output="files/in.safetensors")
        for reason, other in (("element 1: 0300, expected 0200", safetensors((1, 3))), ("dtype BF16", safetensors(dtype="BF16")),
                              ("shape [1, 2]", safetensors(shape=[1, 2])), ("metadata 'a'", safetensors(metadata={"a": "b"})),
                              ("after the last", safetensors() + b"x"), ("needs 4", safetensors(data_offsets=[0, 3])),
                              ("header of", safetensors()[:20]), ("too many ['0.1']", safetensors().replace(b"0.0", b"0.1"))):
            self.write("files/other", other)
            self.assert_fails(reason, 'cp "${2%/*}/other" "$4"', output="files/in.safetensors")

    def test_empty_and_absent_metadata_are_the_same(self):
        self.write("files/other", safetensors(metadata={}))
        self.assert_passes('cp "${2%/*}/other" "$4"', output="files/in.safetensors")

    def test_dequantize_may_be_one_ulp_off(self):
        for values, passes in (((1, 3), True), ((1, 4), False), ((0x8000, 2), True)):
            self.write("files/other", safetensors(values))
            check = self.assert_passes if passes else lambda *a, **k: self.assert_fails("elements differ", *a, **k)
            check('cp "${2%/*}/other" "$4"', id="dequantize-x", output="files/in.safetensors")

    def test_nothing_is_left_behind(self):
        self.assert_fails("left behind: out.safetensors", 'cp "$2" "$4"; exit 4', exit=4)
        self.assert_fails("left behind: out.safetensors.tmp", 'touch "$4.tmp"')
        self.assert_fails("left behind: stray", 'touch "$TMPDIR/stray"')
        self.assert_fails("left behind: core", "touch core")

    def test_inputs_stay_as_they_are(self):
        code, output = self.run_tool('touch "$2"')
        self.assertEqual(code, 1)
        self.assertIn("changed its input files", output)
        self.assert_fails("input folder changed", 'rm "$DIR/x"', setup='cp "$FILES/in.safetensors" "$DIR/x"')

    def test_json_is_a_subset(self):
        self.assert_passes("""echo '{"a": [1, {"b": 0.10000000001, "c": 2}], "d": null}'""", json={"a": [1, {"b": 0.1}]})
        for reason, text in (("$.a: 2 entries", '{"a": [1, 2]}'), ("no 'a'", "{}"), ("$.a[0]: True", '{"a": [true]}'),
                             ("twice", '{"a": [1], "a": [1]}'), ("not JSON", "a")):
            self.assert_fails(reason, f"echo '{text}'", json={"a": [1]})

    def test_findings(self):
        def report(code, severity):
            finding = {"code": code, "severity": severity, "message": "so"}
            status = {"error": "errors", "warning": "warnings", "info": "ok"}[severity]
            return json.dumps({"schema": "kvcache.verify/1", "files": [{"path": "x", "status": status, "findings": [finding]}]})
        case = {"args": ["verify", "--json", "{files/in.safetensors}"]}
        error = report("KV101", "error")
        self.assert_passes(f"echo '{error}'; exit 1", exit=1, findings=["KV101"], findings_absent=["KV102"], **case)
        self.assert_fails("not reported: KV102", f"echo '{error}'; exit 1", exit=1, findings=["KV102"], **case)
        self.assert_fails("none of KV102", f"echo '{error}'; exit 1", exit=1, findings_any=["KV102"], **case)
        self.assert_fails("wrongly reported: KV101", f"echo '{error}'; exit 1", exit=1, findings_absent=["KV101"], **case)
        self.assert_fails("exit 0 although an error", f"echo '{error}'", **case)
        self.assert_fails("exit 1 although no error", f"echo '{report('KV101', 'info')}'; exit 1", exit=1, **case)
        self.assert_fails("status 'ok'", f"echo '{error.replace('errors', 'ok')}'; exit 1", exit=1, **case)

    def test_crashes(self):
        self.assert_fails("killed by SIGSEGV", "kill -SEGV $$", exit=[0, 1])
        self.assert_fails("sanitizer report", "echo 'x.cpp:1:2: runtime error: overflow' >&2; exit 1", exit=1)
        self.assert_fails("did not end in time", "sleep 60", "--timeout", "0.3")

    def test_limits(self):
        burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
        self.assert_fails("CPU seconds", burn, max_seconds=0.01)
        self.assert_passes(burn, "--no-limits", max_seconds=0.01)
        self.assert_fails("MiB of memory", "true", max_rss_mb=0.1)

    def test_control_characters(self):
        self.assert_fails("stdout has the control character 1b", r"printf '\033[31m'", clean_output=True)
        self.assert_fails("stderr is not UTF-8", r"printf '\377' >&2", clean_output=True)
        self.assert_passes(r"printf '\t\303\251\n'", clean_output=True)

    def test_standard_input(self):
        self.assert_passes('cat > "$4"', stdin="files/in.safetensors", output="files/in.safetensors")

    def test_what_comes_through_pipes(self):
        for way in ("pipe", "fifo"):
            args = ["do", f"{{{way}:files/in.safetensors}}", "-o", "{out}"]
            self.assert_passes('test -p "$2" && cat "$2" > "$4"', args=args, output="files/in.safetensors")
            self.assert_passes("exit 3", args=args, exit=3)  # never read

    def test_several_outputs(self):
        args = ["do", "{files/in.safetensors}", "-o", "{outdir}"]
        outputs = {"a": "files/in.safetensors"}
        self.assert_passes('cp "$2" "$4/a"', args=args, outputs=outputs)
        self.assert_fails("no output file a", "true", args=args, outputs=outputs)
        self.assert_fails("left behind: b", 'cp "$2" "$4/a"; cp "$2" "$4/b"', args=args, outputs=outputs)
        self.assert_fails("left behind: a", 'cp "$2" "$4/a"; exit 4', args=args, outputs=outputs, exit=4)
        self.assert_fails("after the last", 'cp "$2" "$4/a"; echo x >> "$4/a"', args=args, outputs=outputs)

    def test_files_changed_in_place(self):
        case = {"setup": 'echo x > "$DIR/a"; echo x > "$DIR/b"', "after": {"a": "files/in.safetensors"}}
        self.assert_passes('cp "$2" "$DIR/a"', **case)
        self.assert_fails("only 2 bytes", "true", **case)
        self.assert_fails("input folder changed", 'cp "$2" "$DIR/a"; rm "$DIR/b"', **case)
        self.assert_fails("input folder changed", 'cp "$2" "$DIR/a"; exit 4', exit=4, **case)

    def test_standard_output_as_a_file(self):
        self.assert_passes('cat "$2"', stdout_output="files/in.safetensors", clean_output=True)
        self.assert_fails("after the last", 'cat "$2"; echo', stdout_output="files/in.safetensors")

    def test_texts(self):
        script = "echo Out; echo Err >&2"
        self.assert_passes(script, stdout_has=["out"], stderr_has=["ERR"], says=["out", "err"], stdout_lacks=["err"],
                           stderr_lacks=["out"])
        self.assert_fails("stdout lacks 'err'", script, stdout_has=["err"])
        self.assert_fails("stderr lacks 'out'", script, stderr_has=["out"])
        self.assert_fails("the output lacks 'other'", script, says=["out", "other"])
        self.assert_fails("stdout has 'OUT'", script, stdout_lacks=["OUT"])
        self.assert_fails("stderr has 'err'", script, stderr_lacks=["err"])

    def test_what_is_not_yet_supported_is_listed_exactly(self):
        self.list_unsupported("on*")
        code, output = self.run_tool("exit 2")
        self.assertEqual((code, output.splitlines()[-2:]), (0, ["1 not yet supported, 0 not run", "0 passed, 0 failed"]))
        self.assert_fails("must leave not_yet_supported.txt", "true")
        self.list_unsupported("two")
        code, output = self.run_tool("true")
        self.assertEqual(code, 1)
        self.assertIn("no case has this name", output)


if __name__ == "__main__":
    unittest.main()
