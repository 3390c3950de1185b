"""One case of a cases.json: how it is run and everything that is checked about it.

Fields: args ({files/NAME}: an input, {pipe:files/NAME}: the /dev/fd path of a pipe that it comes through, as <(cat NAME) gives,
{fifo:files/NAME}: a named pipe with its writer, {out}: the output path, {outdir}: an empty folder to write into, {dir}: the
folder that setup fills), exit (a code or a list of accepted ones), output (a file to compare with), outputs ({name: file}: what
is in {outdir} afterwards, and nothing else), after ({name: file}: what these files of {dir} have become; the others may not
change), stdout_output (a file that stdout is), stdout_has, stderr_has, says (texts that occur in stdout, stderr, either of the
two), stdout_lacks, stderr_lacks (texts that do not; all five whatever the case of letters), json (what stdout must contain),
findings, findings_any, findings_absent (codes of verify --json), max_seconds (CPU), max_rss_mb, clean_output, stdin, setup (a
shell script), skip_if_root.
"""
import os
import re

from compare import Mismatch, check_findings, compare_safetensors, contains, parse_json
from sandbox import Sandbox, excerpt, tree

PLACEHOLDER = re.compile(r"\{(out|dir|outdir|(?:pipe:|fifo:)?files/[^{}]*)\}")
# Control characters but for tab and line feed, and those of C1 in UTF-8: they could drive the reader's terminal.
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")


def run_case(case, options):
    """None when all is as expected, else what is not, in words."""
    with Sandbox() as sandbox:
        output = os.path.join(sandbox.output, "out.safetensors")

        def fill(placeholder):
            way, _, name = placeholder.group(1).rpartition(":")
            if way:
                return sandbox.pipe(os.path.join(options.folder, name), named=way == "fifo")
            folders = {"out": output, "dir": sandbox.input, "outdir": sandbox.outputs}
            return folders.get(name) or os.path.join(options.folder, name)

        try:
            if case.get("setup"):
                sandbox.set_up(case["setup"], FILES=os.path.join(options.folder, "files"))
            args = [PLACEHOLDER.sub(fill, arg) for arg in case["args"]]
            before = tree(sandbox.input)
            stdin = case.get("stdin") and os.path.join(options.folder, case["stdin"])
            result = sandbox.run([options.binary] + args, options.timeout, stdin)
            if result.crash():
                raise Mismatch(f"{result.crash()} [stderr: {excerpt(result.stderr)}]")
            check_exit(case, result)
            check_files(case, sandbox, result, before)
            if result.exit_code == 0:
                check_outputs(case, sandbox, output, result, options.folder)
            check_text(case, result)
            check_stdout(case, result)
            if case.get("clean_output"):
                check_clean(case, result)
            if not options.no_limits:
                check_limits(case, result)
        except (Mismatch, RuntimeError) as e:
            return str(e)
    return None


def check_exit(case, result):
    accepted = case.get("exit", 0)
    accepted = accepted if isinstance(accepted, list) else [accepted]
    if result.exit_code not in accepted:
        raise Mismatch(f"exit {result.exit_code}, expected {' or '.join(map(str, accepted))} [stderr: {excerpt(result.stderr)}]")


def check_files(case, sandbox, result, before):
    """Outputs only after success, nothing beside them, nothing anywhere else, and inputs as they were."""
    success = result.exit_code == 0
    left = set(tree(sandbox.output)) - ({"out.safetensors"} if success else set())
    left |= set(tree(sandbox.outputs)) - set(case.get("outputs") or () if success else ())
    left |= set(os.listdir(sandbox.tmp))
    left |= set(os.listdir(sandbox.root)) - set(sandbox.FOLDERS)
    if left:
        raise Mismatch(f"exit {result.exit_code} left behind: {' '.join(sorted(left)[:5])}")
    after = tree(sandbox.input)
    for name in case.get("after") or () if success else ():
        before.pop(name, None)
        after.pop(name, None)
    if after != before:
        raise Mismatch("the input folder changed")


def check_outputs(case, sandbox, output, result, folder):
    """Every file that the case says comes out is there, and means the same as what is expected."""
    expected = [(output, case["output"])] if case.get("output") else []
    for place, table in ((sandbox.outputs, case.get("outputs")), (sandbox.input, case.get("after"))):
        expected += [(os.path.join(place, name), file) for name, file in sorted((table or {}).items())]
    if case.get("stdout_output"):
        expected.append((os.path.join(sandbox.root, "stdout"), case["stdout_output"]))
        with open(expected[-1][0], "wb") as f:
            f.write(result.stdout)
    for got, want in expected:
        if not os.path.isfile(got):
            raise Mismatch(f"no output file {os.path.basename(got)}")
        compare_safetensors(got, os.path.join(folder, want), case["id"].startswith("dequantize"))


def check_text(case, result):
    both = result.stdout + b"\n" + result.stderr
    for name, output in (("stdout", result.stdout), ("stderr", result.stderr), ("says", both)):
        text = output.decode("utf-8", "backslashreplace").lower()
        for wanted in case.get("says" if name == "says" else f"{name}_has") or ():
            if wanted.lower() not in text:
                raise Mismatch(f"{'the output' if name == 'says' else name} lacks {wanted!r} [{excerpt(output)}]")
        for unwanted in case.get(f"{name}_lacks") or ():
            if unwanted.lower() in text:
                raise Mismatch(f"{name} has {unwanted!r} [{excerpt(output)}]")


def check_stdout(case, result):
    wants_findings = any(case.get(key) for key in ("findings", "findings_any", "findings_absent"))
    is_verify = "verify" in case["args"] and "--json" in case["args"] and result.exit_code in (0, 1, 3, 5)
    if case.get("json") is None and not wants_findings and not is_verify:
        return
    document = parse_json(result.stdout, "stdout")
    if case.get("json") is not None:
        contains(document, case["json"])
    if wants_findings or is_verify:
        check_findings(document, result.exit_code, "--strict" in case["args"], case)


def check_clean(case, result):
    for name, output in (("stdout", b"" if case.get("stdout_output") else result.stdout), ("stderr", result.stderr)):
        control = CONTROL.search(output)
        if control:
            raise Mismatch(f"{name} has the control character {control.group().hex()} at byte {control.start()}")
        try:
            output.decode("utf-8")
        except UnicodeDecodeError as e:
            raise Mismatch(f"{name} is not UTF-8 at byte {e.start}")


def check_limits(case, result):
    for what, used, limit in (("CPU seconds", result.cpu_seconds, case.get("max_seconds")),
                              ("MiB of memory", result.peak_mib, case.get("max_rss_mb"))):
        if limit and used > limit:
            raise Mismatch(f"{used:.1f} {what}, at most {limit}")
