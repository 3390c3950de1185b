#!/usr/bin/env python3
"""The table "Who reads whose files" of docs/formats.md, made with the tool itself.

    who_reads_whom.py KVCACHE GOLDEN [docs/formats.md]

Prints the table; with a third argument, fails unless the document contains it.
"""
import json
import pathlib
import subprocess
import sys

LOADERS = {"P1": "mlx-lm@0.19", "P2": "mlx-lm@0.28", "P3": "mlx-lm@0.31", "P4": "mlx-lm@2026-08",
           "P5": "mlx-lm@0.32",
           "S3": "mlx-swift-lm@3.31", "S4": "mlx-swift-lm@2026-08", "S5": "mlx-swift-lm@3.33", "R1": "mlxrs@0.1"}

# What is in the file, who wrote it, and a file that shows it: in the folder dialects, if no other is named.
ROWS = [
    ("KVCache", "P1 to P4, R1", "kv-f16.P4"),
    ("KVCache", "S1", "kv-f16.S1"),
    ("KVCache", "S2 to S5", "kv-f16.S2"),
    ("RotatingKVCache", "P1, S1 to S3", "rotating-wrapped.P1"),
    ("RotatingKVCache", "P2 to P4, R1", "rotating-wrapped.P4"),
    ("RotatingKVCache", "S4", "rotating-wrapped.S4"),
    ("RotatingKVCache", "S5", "s5/rotating-wrapped.S5"),
    ("QuantizedKVCache", "P1", "quantized-4-64.P1"),
    ("QuantizedKVCache", "P2 to P4", "quantized-4-64.P4"),
    ("QuantizedKVCache", "S1 to S5", "quantized-4-64.S1"),
    ("QuantizedKVCache", "R1", "quantized-4-64.R1"),
    ("ChunkedKVCache", "all but S1", "chunked.P4"),
    ("ChunkedKVCache", "S1", "chunked.S1"),
    ("two slots", "P1, P2 (MambaCache)", "mamba.P2"),
    ("two slots", "P2, P3 (ArraysCache)", "mamba.P3"),
    ("two slots", "P4", "mamba.P4"),
    ("two slots", "S1", "mamba.S1"),
    ("two slots", "S2", "mamba.S2"),
    ("two slots", "S3 to S5, R1", "mamba.S3"),
    ("three slots", "P2, P3", "arrays-3.P3"),
    ("slots with lengths", "S3 to S5", "arrays-lengths.S3"),
    ("CacheList", "P1, P2", "list-kv-kv.P2"),
    ("CacheList of plain layers", "P3, P4", "list-kv-kv.P4"),
    ("CacheList with slots", "P3", "list-arrays-kv.P3"),
    ("CacheList with slots", "P4", "list-arrays-kv.P4"),
    ("CacheList of plain layers", "S3 to S5", "list-kv-kv.S3"),
    ("CacheList with a window", "S4", "list-arrays-rotating.S4"),
    ("CacheList of slots and quantized layers", "S3 to S5", "list-arrays-quantized.S3"),
    ("CacheList", "R1", "list-kv-kv.R1"),
    ("BatchKVCache", "P2 to P4, R1", "batch.P4"),
    ("BatchRotatingKVCache", "P2 to P4", "batch-rotating.P4"),
    ("BatchRotatingKVCache", "R1", "batch-rotating.R1"),
    ("layers never used", "S4, S5", "empty-middle.S4"),
    ("layers never used", "R1", "empty-middle.R1"),
    ("model state", "S4, S5", "model-state.S4"),
    ("TurboQuantKVCache", "S3 (main), S4, S5", "turbo.S4"),
    ("VarianceNormalizedKVCache", "S5", "found/tiles.S5"),
    ("anything but what follows", "P5", "p5/p5-plain.P5"),
    ("BatchRotatingKVCache", "P5", "p5/p5-batch-rotating.P5"),
    ("a ConcatenateKVCache never used", "P5", "p5/p5-unused-concatenate.P5"),
]


def table(kvcache, golden):
    places = [name if "/" in name else f"dialects/{name}" for _, _, name in ROWS]
    files = [str(pathlib.Path(golden) / folder / "files" / f"{name}.safetensors") for folder, name in
             (place.split("/") for place in places)]
    run = subprocess.run([kvcache, "verify", "--json", *files], capture_output=True, text=True, check=False)
    reports = json.loads(run.stdout)["files"]
    lines = ["| in the file | written by | " + " | ".join(LOADERS) + " |", "|---|---|" + "---|" * len(LOADERS)]
    for (what, writer, _), report in zip(ROWS, reports):
        loads = ["yes" if report["loads_in"][id]["ok"] else "–" for id in LOADERS.values()]
        lines.append(f"| {what} | {writer} | " + " | ".join(loads) + " |")
    return "\n".join(lines)


def main():
    text = table(sys.argv[1], sys.argv[2])
    print(text)
    if len(sys.argv) > 3 and text not in pathlib.Path(sys.argv[3]).read_text(encoding="utf-8"):
        sys.exit(f"{sys.argv[3]} does not contain this table: replace the one under 'Who reads whose files'")


if __name__ == "__main__":
    main()
