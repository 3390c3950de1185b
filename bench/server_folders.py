#!/usr/bin/env python3
"""A large folder of a server against as many prompt caches. usage: server_folders.py BINARY [BLOCKS]

Makes BLOCKS (20,000) blocks of omlx of two attention layers, in chains of ten, and as many prompt caches of the same arrays, in the same 16
folders. Prints wall time and peak memory of `ls --json` on both, and of `explain` with the tokens of one chain.
"""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

BINARY = os.path.abspath(sys.argv[1])
BLOCKS = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
SIZE, CHAIN = 16, 10
SHAPE = [1, 2, SIZE, 8]
BYTES = 2 * 2 * SIZE * 8


def write(path, header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def tensors(names):
    return {name: {"dtype": "BF16", "shape": SHAPE, "data_offsets": [i * BYTES, (i + 1) * BYTES]} for i, name in enumerate(names)}


def make(folder):
    """-> the ids of the first chain."""
    for kind in ("omlx", "caches"):
        for digit in "0123456789abcdef":
            os.makedirs(os.path.join(folder, kind, digit))
    signature = json.dumps({"block_size": SIZE, "layer_cache_types": ["KVCache"] * 2, "model_name": "m", "num_layers": 2,
                            "payload_layout": "split_recurrent_v1"}, separators=(",", ":"))
    data, first = bytes(4 * BYTES), []
    for n in range(BLOCKS):
        parent = b"omlx-root" if n % CHAIN == 0 else bytes.fromhex(name)
        ids = [n * SIZE + i for i in range(SIZE)]
        if n < CHAIN:
            first += ids
        name = hashlib.sha256(b"m" + parent + str(tuple(ids)).encode()).hexdigest()
        header = tensors("layer_%d_state_%d" % (i, k) for i in range(2) for k in range(2))
        header["__metadata__"] = {
            "omlx_cache_format_version": "5", "block_hash": name, "token_count": str(SIZE), "num_layers": "2", "model_name": "m",
            "block_size": str(SIZE), "cache_signature": signature, "payload_layout": "split_recurrent_v1", "created_at": "1795990000.0",
            "layer_cache_types": '["KVCache", "KVCache"]', "layer_meta_states": "[[], []]", "layer_0_state_count": "2",
            "layer_1_state_count": "2"}
        write(os.path.join(folder, "omlx", name[0], name + ".safetensors"), header, data)
        header = tensors("%d.%d" % (i, k) for i in range(2) for k in range(2))
        header["__metadata__"] = {"0.0": "", "0.1": "", "1.model": "m", "2.0": "KVCache", "2.1": "KVCache"}
        write(os.path.join(folder, "caches", name[0], name + ".safetensors"), header, data)
    return first


def run(*words):
    """-> (seconds, peak MiB)"""
    out = []
    for _ in range(3):
        start = time.monotonic()
        process = subprocess.Popen([BINARY, *words], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit("failed: %s" % " ".join(words))
        out.append((time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return min(out)


def main():
    folder = tempfile.mkdtemp(prefix="kvcache-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    try:
        ids = make(folder)
        with open(os.path.join(folder, "ids.json"), "w") as f:
            json.dump(ids, f)
        print("%d files each" % BLOCKS)
        for what, words in (("ls of prompt caches", ("ls", "--json", folder + "/caches")), ("ls of omlx blocks", ("ls", "--json", folder + "/omlx")),
                            ("explain of omlx blocks", ("explain", folder + "/omlx", "--tokens", folder + "/ids.json"))):
            print("%-24s %6.2f s  %6.2f s of processor  %5.0f MiB" % (what, *run(*words)))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
