#!/usr/bin/env python3
"""Seeds for the fuzz targets from the golden cases. usage: make_seeds.py TESTDATA TARGET FOLDER

Small files only: a fuzzer runs a thousand of them in the time of one large one, and finds the same.
"""
import pathlib
import re
import shutil
import struct
import sys

FAMILY = {"decode_mlx_lm": ".P", "decode_mlxrs": ".R", "decode_mlx_swift_lm": ".S"}
COMMANDS = 18  # fuzz_commands.cpp
MOST = 10_000  # bytes
# fuzz_foreign_folders.cpp: which file of which folder, by the case and the file's name; the first that fits.
FOLDER_FILES = [("omlx", r"_gdn_sidecars/", 1), ("omlx", r"[0-9a-f]{64}[.]tokens$", 2), ("omlx", r"[.]omlxzip$", 3), ("omlx", r"[.]safetensors$", 0),
                ("vllm-mlx-ssd", r"manifest[.]json$", 9), ("vllm-mlx-ssd", r"layer_0[.]safetensors$", 10), ("vllm-mlx-ssd", r"index[.]db$", 11),
                ("vllm-mlx", r"index[.]json$", 4), ("vllm-mlx", r"_tokens[.]bin$", 5), ("rapid", r"index[.]json$", 6),
                ("rapid", r"_tokens[.]bin$", 7), ("rapid", r"[.]safetensors$", 8), ("vllm-mlx", r"[.]safetensors$", 8),
                ("apc", r"shard_", 12), ("apc", r"exact_", 13), ("dflash", r"[.]safetensors$", 14)]


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
    if target == "foreign_folders":
        for path in sorted((testdata / "golden" / "foreign").rglob("*")):
            if not path.is_file() or "store" not in path.parts or path.stat().st_size > MOST:
                continue
            case = path.parts[len(testdata.parts) + 2]
            for prefix, pattern, number in FOLDER_FILES:
                if case.startswith(prefix) and re.search(pattern, str(path)):
                    yield f"{case}-{path.name}"[-120:], path.read_bytes() + bytes([number])
                    break
        # Files of folders of which there is no golden case: ordinary caches, whatever is made of them.
        for number in (8, 15, 16, 17, 18, 19, 20, 21, 22, 23):
            for path in list(golden(testdata, "dialects"))[:3]:
                yield f"{number}-{path.name}", path.read_bytes() + bytes([number])
        for kept in sorted((testdata / "fuzz" / "foreign").iterdir()):
            for number in (12, 13, 14, 15, 17, 20, 21, 22, 23):
                yield f"{number}-{kept.name}", kept.read_bytes()[:-1] + bytes([number])
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
