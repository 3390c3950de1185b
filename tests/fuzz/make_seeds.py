#!/usr/bin/env python3
"""Seeds for the fuzz targets from the golden cases. usage: make_seeds.py TESTDATA TARGET FOLDER

Small files only: a fuzzer runs a thousand of them in the time of one large one, and finds the same.
"""
import pathlib
import shutil
import struct
import sys

FAMILY = {"decode_mlx_lm": ".P", "decode_mlxrs": ".R", "decode_mlx_swift_lm": ".S"}
COMMANDS = 18  # fuzz_commands.cpp
MOST = 10_000  # bytes


def golden(testdata, *folders):
    for folder in folders:
        for path in sorted((testdata / "golden" / folder / "files").rglob("*")):
            if path.is_file() and path.stat().st_size <= MOST:
                yield path


def seeds(testdata, target):
    """(name, bytes) of each seed."""
    if target == "quantize":
        for dtype in range(3):
            for bits in range(6):
                values = bytes(range(256)) * 3 if dtype != 2 else struct.pack("<192f", *[i / 7 - 13 for i in range(192)])
                yield f"{dtype}{bits}", bytes([dtype, bits, bits % 3]) + values
        return
    if target == "foreign":
        for path in sorted((testdata / "golden" / "foreign").rglob("*")):
            if path.is_file() and "store" in path.parts and path.stat().st_size <= MOST:
                reader = 1 if path.suffix == ".json" else 0
                yield f"{path.parts[-3]}-{path.name}"[-120:], path.read_bytes() + bytes([reader])
        return
    folders = ["hostile"] if target in ("container", "open") else ["dialects", "p5", "hostile", "ops"]
    for n, path in enumerate(golden(testdata, *folders)):
        data = path.read_bytes()
        if target in FAMILY and path.parts[-3] in ("dialects", "p5") and FAMILY[target] not in path.name:
            continue
        if (data[:2] == b"\x1f\x8b") != (target == "open"):
            continue
        yield f"{path.parts[-3]}-{path.name}", data + (bytes([n % COMMANDS]) if target == "commands" else b"")


def main():
    testdata, target, folder = pathlib.Path(sys.argv[1]), sys.argv[2].removeprefix("fuzz_"), pathlib.Path(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in seeds(testdata, target):
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
