#!/usr/bin/env python3
"""Runs the golden cases of a folder (cases.json and files/) against the built tool.

Cases that the tool does not pass yet stand in not_yet_supported.txt as FOLDER/ID, with * as in file names. They are run
as well: one that passes has to leave the list, and so has a line that matches nothing. --failing prints such lines.
"""
import argparse
import concurrent.futures
import fnmatch
import functools
import json
import os
import re
import sys

from case import run_case
from sandbox import limit_this_process, tree

HERE = os.path.dirname(os.path.abspath(__file__))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("folder", type=os.path.abspath)
    parser.add_argument("--only", metavar="REGEX", type=re.compile, help="cases whose id matches")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--address-space", type=int, metavar="MIB", help="RLIMIT_AS; impossible with sanitizers")
    parser.add_argument("--no-limits", action="store_true", help="do not check the time and memory of a case")
    parser.add_argument("--timeout", type=float, default=20, metavar="SECONDS")
    parser.add_argument("--not-yet-supported", metavar="FILE", default=os.path.join(HERE, "not_yet_supported.txt"))
    parser.add_argument("--failing", action="store_true", help="only print FOLDER/ID of the cases that fail")
    return parser.parse_args()


def load_cases(folder):
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    cases = [{**manifest.get("defaults", {}), **case} for case in manifest["cases"]]
    if len({case["id"] for case in cases}) != len(cases):
        sys.exit(f"{folder}: two cases share an id")
    return cases


def load_patterns(path, folder_name):
    with open(path, encoding="utf-8") as f:
        lines = [line.split("#")[0].strip() for line in f]
    return [line for line in lines if line.startswith(folder_name + "/")]


def judge(name, problem, unsupported):
    """What to say about a case that was run, or None."""
    if unsupported:
        return None if problem else f"FAIL {name}: passes, so it must leave not_yet_supported.txt"
    return f"FAIL {name}: {problem}" if problem else None


def main():
    options = parse_arguments()
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"{options.binary} is not there or not a program")
    folder_name = os.path.basename(options.folder)
    cases = load_cases(options.folder)
    names = [f"{folder_name}/{case['id']}" for case in cases]
    patterns = load_patterns(options.not_yet_supported, folder_name)
    unsupported = {name for pattern in patterns for name in fnmatch.filter(names, pattern)}
    complaints = [f"FAIL {pattern}: in not_yet_supported.txt, but no case has this name"
                  for pattern in patterns if not fnmatch.filter(names, pattern)]

    as_root = os.geteuid() == 0
    runnable = [case for case in cases if not (as_root and case.get("skip_if_root"))
                and not (options.only and not options.only.search(case["id"]))]
    inputs = os.path.join(options.folder, "files")
    before = tree(inputs)
    with concurrent.futures.ProcessPoolExecutor(options.jobs, initializer=limit_this_process,
                                                initargs=(options.address_space,)) as pool:
        problems = list(pool.map(functools.partial(run_case, options=options), runnable, chunksize=4))
    if options.failing:
        print("\n".join(f"{folder_name}/{case['id']}" for case, problem in zip(runnable, problems) if problem))
        return 0

    passed = pending = 0
    for case, problem in zip(runnable, problems):
        name = f"{folder_name}/{case['id']}"
        complaint = judge(name, problem, name in unsupported)
        if complaint:
            complaints.append(complaint)
        elif name in unsupported:
            pending += 1
        else:
            passed += 1
    if tree(inputs) != before:
        complaints.append(f"FAIL {folder_name}: the tool changed its input files")

    if as_root and (for_others := sum(bool(case.get("skip_if_root")) for case in cases)):
        print(f"skipped: {for_others} cases of golden/{folder_name}: they mean nothing for root")
    print("\n".join(complaints[:60]))
    if len(complaints) > 60:
        print(f"... and {len(complaints) - 60} more")
    print(f"{pending} not yet supported, {len(cases) - len(runnable)} not run")
    print(f"{passed} passed, {len(complaints)} failed")
    return 1 if complaints or not runnable else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main())
