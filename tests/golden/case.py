"""One case of a cases.json: how it is run and everything that is checked about it.

Fields: args ({files/NAME}: an input, {out}: the output path, {dir}: the folder that setup fills), exit (a code or a list of
accepted ones), output (a file to compare with), json (what stdout must contain), findings, findings_any, findings_absent (codes
of verify --json), max_seconds (CPU), max_rss_mb, clean_output, stdin, setup (a shell script), skip_if_root.
"""
import os
import re

from compare import Mismatch, check_findings, compare_safetensors, contains, parse_json
from sandbox import Sandbox, excerpt, tree

PLACEHOLDER = re.compile(r"\{(out|dir|files/[^{}]*)\}")
# Control characters but for tab and line feed, and those of C1 in UTF-8: they could drive the reader's terminal.
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")


def run_case(case, options):
    """None when all is as expected, else what is not, in words."""
    with Sandbox() as sandbox:
        output = os.path.join(sandbox.output, "out.safetensors")

        def fill(placeholder):
            name = placeholder.group(1)
            return {"out": output, "dir": sandbox.input}.get(name) or os.path.join(options.folder, name)

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
            check_files(sandbox, result, before)
            if result.exit_code == 0 and case.get("output"):
                if not os.path.isfile(output):
                    raise Mismatch("no output file")
                compare_safetensors(output, os.path.join(options.folder, case["output"]), case["id"].startswith("dequantize"))
            check_stdout(case, result)
            if case.get("clean_output"):
                check_clean(result)
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


def check_files(sandbox, result, before):
    """An output only after success, nothing beside it, nothing anywhere else, and inputs as they were."""
    allowed = {"out.safetensors"} if result.exit_code == 0 else set()
    left = set(tree(sandbox.output)) - allowed
    left |= set(os.listdir(sandbox.tmp))
    left |= set(os.listdir(sandbox.root)) - {"in", "out", "tmp"}
    if left:
        raise Mismatch(f"exit {result.exit_code} left behind: {' '.join(sorted(left)[:5])}")
    if tree(sandbox.input) != before:
        raise Mismatch("the input folder changed")


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


def check_clean(result):
    for name, output in (("stdout", result.stdout), ("stderr", result.stderr)):
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
