#!/usr/bin/env python3
"""Nothing that is committed makes other software allocate absurdly. usage: harmless_test.py FOLDER...

mlx-lm builds lists from the keys of a file: one key "1.999999999" makes it fill a list of a billion entries, and whoever tries
our test data with it loses the machine's memory. So a number in a key of a test file is MOST at most; what our own parser makes
of larger ones is tested on text. Prints the files that break this, one per line; `scripts/fuzz minimize` drops them.
"""
import json
import os
import re
import sys
import zlib

MOST = 9999
KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:', re.S)
READ = 1 << 20  # bytes: headers are at the start


def content(path):
    """The start of a file; that of a compressed one as it expands."""
    with open(path, "rb") as f:
        raw = f.read(READ)
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return zlib.decompressobj(31).decompress(raw, READ)
    except zlib.error:
        return b""


def text(key):
    """What a JSON string says. One that is broken is taken as it is: a reader may be more lenient than ours."""
    try:
        return json.loads(b'"' + key + b'"')
    except ValueError:
        return key.decode("utf-8", "replace")


def number(component):
    """As Python's int() takes it: "+5", "1_000" and other scripts' digits are numbers as well."""
    if len(component) > 4000:
        component = component[:4000]
    try:
        return int(component)
    except ValueError:
        return 0


def is_harmless(raw):
    return all(abs(number(part)) <= MOST for key in KEY.findall(raw) for part in text(key).split("."))


def check_itself():
    for raw in (b'{"2.0": "2147483648"}', b'{"1.4321.0": 1}', b'{"1.model-99999": 1}'):
        assert is_harmless(raw), raw
    for raw in (b'{"1.10000": 1}', b'{"0.1_0000.2" : 1}', b'{"+99999": 1}', br'{"1.\u0039\u0039999": 1}', '{"1.٣٣٣٣٣": 1}'.encode()):
        assert not is_harmless(raw), raw


def main():
    check_itself()
    paths = [os.path.join(parent, name) for folder in sys.argv[1:] for parent, _, names in os.walk(folder) for name in names]
    if not paths:
        sys.exit("no files")
    bad = [path for path in sorted(paths) if not is_harmless(content(path))]
    for path in bad:
        print(path)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
