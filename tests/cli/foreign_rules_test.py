#!/usr/bin/env python3
"""Folders that are built by the rules of their formats, each with one thing in it that is not as usual: what is carried over, what
is refused, and what is said.

usage: foreign_rules_test.py BINARY TESTDATA
"""
import base64
import hashlib
import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

BINARY, _ = (os.path.abspath(p) for p in (sys.argv.pop(1), sys.argv.pop(1)))
SIZES = {"F16": 2, "BF16": 2, "F32": 4, "U8": 1, "I16": 2}
BLOCK = 16
RANDOM = random.Random(18)


def ids(n, seed=1):
    source = random.Random(seed)
    return [source.randrange(32000) for _ in range(n)]


IDS = ids(53)


def int32(values):
    return struct.pack("<%di" % len(values), *values)


class Array:
    def __init__(self, dtype, shape, data=None):
        n = 1
        for d in shape:
            n *= d
        self.dtype, self.shape = dtype, list(shape)
        if data is None:  # numbers of every size that is the same in bfloat16 and float16
            halves = b"".join(struct.pack("<f", RANDOM.randrange(-64, 64) / 16)[2:] for _ in range(n))
            data = halves if dtype == "BF16" else b"".join(
                struct.pack("<e" if dtype == "F16" else "<f", struct.unpack("<f", b"\0\0" + halves[2 * i:2 * i + 2])[0]) for i in range(n))
        self.data = data

    def rows(self, begin, end):
        """Of [1, 1, rows, D]."""
        width = self.shape[3] * SIZES[self.dtype]
        return Array(self.dtype, [1, 1, end - begin, self.shape[3]], self.data[begin * width:end * width])

    def cast(self, dtype):
        values = [struct.unpack("<f", b"\0\0" + self.data[i:i + 2])[0] for i in range(0, len(self.data), 2)]
        return Array(dtype, self.shape, b"".join(struct.pack("<e" if dtype == "F16" else "<f", v) for v in values))


def pair(rows, dtype="BF16", heads=1):
    return Array(dtype, [1, heads, rows, 8]), Array(dtype, [1, heads, rows, 8])


def safetensors(arrays, metadata):
    header, at = {"__metadata__": metadata}, 0
    for key, array in arrays.items():
        header[key] = {"dtype": array.dtype, "shape": array.shape, "data_offsets": [at, at + len(array.data)]}
        at += len(array.data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(a.data for a in arrays.values())


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    return {k: data[8 + length + t["data_offsets"][0]:8 + length + t["data_offsets"][1]] for k, t in header.items()}, metadata, header


def prompt_cache(layers, user):
    """As mlx-lm 0.31 saves plain caches."""
    arrays, metadata = {}, {"1." + k: v for k, v in user.items()}
    for i, (keys, values) in enumerate(layers):
        arrays["%d.0" % i], arrays["%d.1" % i] = keys, values
        metadata["0.%d" % i], metadata["2.%d" % i] = "", "KVCache"
    return safetensors(arrays, metadata)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class ForeignRules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-rules-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.n = 0

    def store(self):
        self.n += 1
        path = os.path.join(self.folder, "store %d" % self.n)
        os.makedirs(path)
        return path

    def write(self, data, *names):
        path = os.path.join(*names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    def tool(self, *words):
        done = subprocess.run([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def convert(self, store, tokens, *more):
        """-> (exit status, complaints, arrays, header)."""
        self.n += 1
        out = os.path.join(self.folder, "out %d.safetensors" % self.n)
        words = ["convert", store, "--to", "mlx-lm@0.31", "-o", out, *more]
        if tokens is not None:
            words += ["--tokens", tokens if isinstance(tokens, str) else self.write(json.dumps(tokens), self.folder, "ids.json")]
        status, _, said = self.tool(*words)
        if status != 0:
            self.assertFalse(os.path.exists(out), said)
            return status, said, None, None
        arrays, _, header = read(out)
        return status, said, arrays, header

    def restores(self, store, tokens, layers, count, *more):
        status, said, arrays, _ = self.convert(store, tokens, *more)
        self.assertEqual(status, 0, said)
        for i, (keys, values) in enumerate(layers):
            self.assertEqual(arrays["%d.0" % i], keys.rows(0, count).data)
            self.assertEqual(arrays["%d.1" % i], values.rows(0, count).data)
        return said

    def refuses(self, store, tokens, exit_status, *words, more=()):
        status, said, _, _ = self.convert(store, tokens, *more)
        self.assertEqual(status, exit_status, said)
        for word in words:
            self.assertIn(word, said)

    def explained(self, store, tokens=None, *more):
        words = ["explain", store, "--json", *more]
        if tokens is not None:
            words += ["--tokens", self.write(json.dumps(tokens), self.folder, "ids.json")]
        status, out, said = self.tool(*words)
        self.assertIn(status, (0, 1), said)
        return json.loads(out)

    def codes(self, store):
        _, out, said = self.tool("verify", "-r", "--json", store)
        return {f["code"] for file in json.loads(out)["files"] for f in file["findings"]}

    # omlx

    def omlx(self, layers, types=None, change=None, model="m", signature=None, count=3):
        """`layers`: pairs of all rows, or None for recurrent state beside the blocks. -> (folder, hashes)."""
        store, parent, hashes = self.store(), b"omlx-root", []
        types = types or ["KVCache"] * len(layers)
        settings = {"model_name": model, "num_layers": len(types), "block_size": BLOCK, "layer_cache_types": types,
                    "payload_layout": "split_recurrent_v1", **(signature or {})}
        for b in range(count):
            part = IDS[b * BLOCK:(b + 1) * BLOCK]
            name = digest(model.encode() + parent + ("(" + ", ".join(map(str, part)) + ")").encode())
            parent = bytes.fromhex(name)
            hashes.append(name)
            metadata = {"omlx_cache_format_version": "5", "block_hash": name, "token_count": str(BLOCK), "num_layers": str(len(types)),
                        "model_name": model, "block_size": str(BLOCK), "cache_signature": compact(settings),
                        "payload_layout": "split_recurrent_v1", "created_at": "1.0", "layer_cache_types": json.dumps(types),
                        "layer_meta_states": json.dumps([[]] * len(types))}
            arrays = {}
            for i, layer in enumerate(layers):
                state = [Array("F32", [1], b"\0" * 4)] * 2 if layer is None else [x.rows(b * BLOCK, (b + 1) * BLOCK) for x in layer]
                arrays["layer_%d_state_0" % i], arrays["layer_%d_state_1" % i] = state
                metadata["layer_%d_state_count" % i] = "2"
            if change:
                change(b, arrays, metadata)
            self.write(safetensors(arrays, metadata), store, name[0], name + ".safetensors")
        return store, hashes

    def test_omlx_chain_ends_where_rows_cannot_be_joined(self):
        for other in (("F16", [1, 1, BLOCK, 8]), ("BF16", [1, 2, BLOCK, 8]), ("BF16", [2, 1, BLOCK, 8]), ("BF16", [1, 1, BLOCK, 4]),
                      ("BF16", [1, 1, BLOCK - 1, 8]), ("I16", [1, 1, BLOCK, 8]), ("BF16", [BLOCK, 8])):
            layers = [pair(3 * BLOCK), pair(3 * BLOCK)]

            def change(block, arrays, _):
                if block == 1:
                    n = 1
                    for d in other[1]:
                        n *= d
                    arrays["layer_1_state_1"] = Array(*other, b"\1" * n * 2)
            store, _ = self.omlx(layers, change=change)
            self.restores(store, IDS, layers, BLOCK)
            prompt = self.explained(store, IDS)["places"][0]["prompt"]
            self.assertEqual((prompt["usable"], prompt["blocks_present"]), (BLOCK, 1), other)
            self.assertIn("layer 1", prompt["stopped_by"])

    def test_omlx_signature_may_name_the_dtype_of_states(self):
        layers = [None, pair(3 * BLOCK)]
        types = ["ArraysCache", "KVCache"]
        store, hashes = self.omlx(layers, types, signature={"gdn_sidecar_state_dtype": "bf16"})
        settings = {"model_name": "m", "num_layers": 2, "block_size": BLOCK, "layer_cache_types": types,
                    "payload_layout": "split_recurrent_v1"}
        state = [Array("F32", [1, 3, 4]), Array("F32", [1, 2, 4, 4])]
        info = [{"class_name": "ArraysCache", "cache_type": "ArraysCache", "meta_state": "[]", "has_state": "true", "state_count": "2"},
                {"class_name": "KVCache", "cache_type": "KVCache", "meta_state": "[]", "has_state": "false"}]
        self.write(safetensors({"layer_0_state_%d" % k: x for k, x in enumerate(state)},
                               {"request_id": "r", "token_count": str(3 * BLOCK), "num_layers": "2", "layer_info": json.dumps(info),
                                "gdn_sidecar_format_version": "2"}),
                   store, "_gdn_sidecars", digest(compact(settings).encode()), hashes[-1] + ".safetensors")
        status, said, arrays, _ = self.convert(store, IDS)
        self.assertEqual(status, 0, said)
        self.assertEqual([arrays["0.0"], arrays["0.1"]], [x.data for x in state])

    def test_omlx_export_takes_all_of_the_signature(self):
        layers = [pair(3 * BLOCK)]
        store, hashes = self.omlx(layers, signature={"gdn_sidecar_state_dtype": "bf16", "of_a_later_version": [1, "x"]})
        like = os.path.join(store, hashes[0][0], hashes[0] + ".safetensors")
        source = self.write(prompt_cache([tuple(x.rows(0, 48) for x in layers[0])], {}), self.folder, "source.safetensors")
        tokens = self.write(json.dumps(IDS[:48]), self.folder, "all.json")
        out = self.store()
        status, _, said = self.tool("convert", source, "--to", "omlx", "--like", like, "--tokens", tokens, "-o", out + "/")
        self.assertEqual(status, 0, said)
        theirs, ours = (read(os.path.join(folder, hashes[0][0], hashes[0] + ".safetensors"))[1] for folder in (store, out))
        self.assertEqual(json.loads(ours["cache_signature"]), json.loads(theirs["cache_signature"]))

    def archive(self, change_part=None, change_bytes=None, method=zipfile.ZIP_STORED):
        layers = [pair(3 * BLOCK)]
        store, hashes = self.omlx(layers)
        parts, members = [], []
        for name in hashes:
            with open(os.path.join(store, name[0], name + ".safetensors"), "rb") as f:
                data = f.read()
            metadata = read(os.path.join(store, name[0], name + ".safetensors"))[1]
            parts.append({"hash": name, "path": "blocks/%s.safetensors" % name, "size": len(data), "sha256": digest(data), "token_count": BLOCK,
                          "model_name": "m", "num_layers": 1, "cache_signature": metadata["cache_signature"], **(change_part or {})})
            members.append((parts[-1]["path"], data))
        manifest = {"format_version": 1, "created_at": "", "engine_version": "", "cache_format_version": "3", "model_name": "m",
                    "block_size": BLOCK, "restorable_tokens": 48, "token_ids": IDS, "blocks": parts, "gdn_sidecars": []}
        path = os.path.join(self.store(), "kvart_m.omlxzip")
        with zipfile.ZipFile(path, "w", method) as out:
            out.writestr("manifest.json", json.dumps(manifest))
            for name, data in members:
                out.writestr(name, data)
        if change_bytes:
            with open(path, "rb") as f:
                data = bytearray(f.read())
            change_bytes(data)
            self.write(bytes(data), path)
        return path, layers

    def test_omlx_archive_is_what_its_manifest_says(self):
        path, layers = self.archive()
        self.restores(path, None, layers, 48)
        for change in ({"model_name": "other"}, {"num_layers": 2}, {"token_count": 8}, {"cache_signature": "{}"}):
            path, _ = self.archive(change)
            self.refuses(path, None, 4, "in the manifest")
            self.assertIn("KV911", self.codes(path))

    def test_omlx_archive_has_its_own_checksums(self):
        def change(data):  # of the last member, in the directory
            data[data.rindex(b"PK\1\2") + 16] ^= 1
        path, _ = self.archive(change_bytes=change)
        self.refuses(path, None, 4, "checksum")
        self.assertIn("KV911", self.codes(path))

        def change_manifest(data):
            data[data.index(b"PK\1\2") + 16] ^= 1
        path, _ = self.archive(change_bytes=change_manifest)
        self.refuses(path, None, 3, "manifest.json", "checksum")

    def test_omlx_archive_that_cannot_be_read_is_not_one_without_tokens(self):
        path, _ = self.archive(method=zipfile.ZIP_DEFLATED)
        self.refuses(path, None, 3, "compressed")
        path, _ = self.archive(change_bytes=lambda data: data.__delitem__(slice(-30, None)))
        self.refuses(path, None, 3, "cut off")

    # vllm-mlx and Rapid-MLX

    def entries(self, index, entries, tokens, name="org--m"):
        store = self.store()
        for i, (cache, own) in enumerate(zip(entries, tokens)):
            self.write(cache, store, name, "entry_%d.safetensors" % i)
            self.write(own, store, name, "entry_%d_tokens.bin" % i)
        self.write(index if isinstance(index, str) else json.dumps(index, indent=2), store, name, "index.json")
        return store

    @staticmethod
    def vllm_index(version=4, fingerprint="0" * 16):
        return {"version": version, "model_fingerprint": fingerprint, "num_entries": 1, "total_memory_bytes": 1,
                "entries": [{"index": 0, "num_tokens": 40, "memory_bytes": 1}]}

    def test_vllm_index_that_is_no_use_is_said(self):
        layers = [pair(40)]
        cache = prompt_cache(layers, {"num_tokens": "40"})
        torn = json.dumps(self.vllm_index())[:40]
        for index, word in ((torn, "cut off"), (self.vllm_index(3), "version 3")):
            store = self.entries(index, [cache], [int32(IDS[:40])])
            self.refuses(store, None, 3, word)
            problems = self.explained(store)["places"][0]["problems"]
            self.assertTrue(any(word in p for p in problems), problems)
            self.assertIn(word, self.tool("explain", store)[1].replace("\n", " "))
        store = self.entries("", [cache], [int32(IDS[:40])])
        os.remove(os.path.join(store, "org--m", "index.json"))
        for tokens, status in ((None, 3), (IDS, 4)):
            self.refuses(store, tokens, status, "no index.json")

    def test_vllm_folder_is_of_a_model(self):
        config = {"num_hidden_layers": 1, "hidden_size": 64, "vocab_size": 32000, "head_dim": 8, "model_type": "qwen3"}
        order = ("num_hidden_layers", "hidden_size", "vocab_size", "num_key_value_heads", "head_dim", "intermediate_size", "model_type")
        fingerprint = digest("|".join("%s=%s" % (k, config[k]) for k in order if k in config).encode())[:16]
        layers = [pair(40)]
        store = self.entries(self.vllm_index(fingerprint=fingerprint), [prompt_cache(layers, {})], [int32(IDS[:40])])
        own = os.path.dirname(self.write(json.dumps(config), self.store(), "config.json"))
        other = os.path.dirname(self.write(json.dumps({**config, "hidden_size": 128}), self.store(), "config.json"))
        self.restores(store, IDS, layers, 40, "--model", own)
        self.restores(store, IDS, layers, 40, "--model", os.path.join(own, "config.json"))
        self.assertNotIn("doubt", self.restores(store, IDS, layers, 40, "--model", own))
        self.assertIn("warning: doubt: its index is of the model " + fingerprint, self.restores(store, IDS, layers, 40, "--model", other))
        self.assertEqual(self.explained(store, None, "--model", own)["places"][0]["problems"], [])
        self.assertIn(fingerprint, self.explained(store, None, "--model", other)["places"][0]["problems"][0])

    @staticmethod
    def rapid_index(version=3, n=1, change=None):
        entries = [{"index": i, "num_tokens": 40 - i, "memory_bytes": 1, "cache_types": ["KVCache"], "message_boundary": True,
                    "message_boundary_sequence": 1} for i in range(n)]
        entries[0].update(change or {})
        return {"version": version, "save_uuid": "ab" * 16, "num_entries": n, "total_memory_bytes": 1, "entries": entries}

    @staticmethod
    def tagged(values):
        return b"RMTKBIN1" + struct.pack("<II", len(values), 32) + b"ab" * 16 + int32(values)

    def test_rapid_second_version_says_no_more_than_vllm(self):
        layers = [pair(40)]
        index = {"version": 2, "num_entries": 1, "total_memory_bytes": 1, "entries": [{"index": 0, "num_tokens": 40, "memory_bytes": 1}]}
        name = "org--m--0123456789abcdef"
        store = self.entries(index, [prompt_cache(layers, {})], [int32(IDS[:40])], name)
        self.restores(store, IDS, layers, 40)
        store = self.entries(index, [prompt_cache(layers, {})], [int32(IDS[:41])], name)
        self.refuses(store, IDS, 1, "164 bytes are not 40 ids")

    def test_rapid_folder_that_was_not_put_in_place_is_not_read(self):
        layers = [pair(40)]
        store = self.entries(self.rapid_index(), [prompt_cache(layers, {})], [self.tagged(IDS[:40])], "org--m--0123456789abcdef.new")
        self.refuses(store, IDS, 1, "not put in the place")

    def test_rapid_index_with_one_line_that_is_wrong_is_none(self):
        layers = [pair(40)], [pair(39)]
        caches = [prompt_cache(x, {}) for x in layers]
        tokens = [self.tagged(IDS[:40]), self.tagged(IDS[:39])]
        self.restores(self.entries(self.rapid_index(n=2), caches, tokens), IDS[:39], layers[1], 39)
        for change in ({"memory_bytes": "1"}, {"memory_bytes": -1}, {"message_boundary": "yes"}, {"message_boundary_sequence": None},
                       {"cache_types": "KVCache"}):
            self.refuses(self.entries(self.rapid_index(n=2, change=change), caches, tokens), IDS[:39], 4, next(iter(change)))

    # vllm-mlx' SSD tier

    def test_ssd_layers_go_back_to_what_they_were(self):
        for stored, original, wanted, lossy in (("F16", "bfloat16", "BF16", True), ("F16", "mlx.core.bfloat16", "BF16", True),
                                                ("F32", "bfloat16", "BF16", False), ("F16", "float32", "F32", True),
                                                ("F32", "float16", "F16", False), ("F16", "float16", "F16", False)):
            keys, values = pair(40)
            store, tokens = self.store(), IDS[:40]
            name = digest(int32(tokens))
            data = {"num_layers": 1, "memory_bytes": 1, "num_tokens": 40, "layers": [
                {"layer_type": "KVCache", "layer_idx": 0, "offset": 40, "keys_original_dtype": original, "values_original_dtype": original}]}
            self.write(json.dumps(data), store, "data", name, "manifest.json")
            self.write(int32(tokens), store, "data", name, "tokens.bin")
            self.write(safetensors({"layer_0_keys": keys.cast(stored), "layer_0_values": values.cast(stored)}, {}), store, "data", name,
                       "layer_0.safetensors")
            database = sqlite3.connect(os.path.join(store, "index.db"))
            database.execute("CREATE TABLE entries(token_hash TEXT PRIMARY KEY, tokens_blob BLOB, prefix_hash TEXT, num_tokens INTEGER,"
                             " file_path TEXT, memory_bytes INTEGER, created_at REAL, accessed_at REAL)")
            database.execute("INSERT INTO entries VALUES(?,?,?,?,?,1,0,0)", (name, int32(tokens), digest(int32(tokens[:16])), 40, name))
            database.commit()
            database.close()
            status, said, arrays, header = self.convert(store, tokens)
            self.assertEqual(status, 0, said)
            self.assertEqual(header["0.0"]["dtype"], wanted)
            self.assertEqual(arrays["0.0"], keys.data if wanted == "BF16" else keys.cast(wanted).data)
            self.assertEqual("quantizer" in said, lossy, said)

    # mlx-vlm

    def shard(self, store, layers, blocks, extra=0):
        parent, hashes, metadata = 0, [], {}
        for b in range(max(blocks) + 1):
            part = IDS[b * BLOCK:(b + 1) * BLOCK]
            name = struct.unpack("<q", hashlib.sha256(struct.pack("<q", parent) + int32(part) + struct.pack("<q", extra)).digest()[:8])[0]
            if b in blocks:
                metadata["b%d_meta" % len(hashes)] = json.dumps({"block_hash": name, "parent_hash": parent, "extra_hash": extra, "token_ids": part})
                hashes.append(name)
            parent = name
        metadata.update({"layout": "layer_major_v2", "block_hashes": ",".join(map(str, hashes)), "num_layers": str(len(layers)),
                         "block_size": str(BLOCK), "store_id": "s", "segment_index": "0", "segment_count": "1"})
        arrays = {}
        for i, layer in enumerate(layers):
            for part, x in zip("kv", layer):
                arrays["%s%d" % (part, i)] = x.rows(min(blocks) * BLOCK, (max(blocks) + 1) * BLOCK)
        stem = digest(b"".join(struct.pack("<q", h) for h in hashes))[:32]
        self.write(safetensors(arrays, metadata), store, "shard_%s.safetensors" % stem)

    def exact(self, store, layers, tokens, extra=0):
        name = struct.unpack("<q", hashlib.sha256(struct.pack("<qIQ", extra, 16, len(tokens)) + int32(tokens)).digest()[:8])[0]
        metadata = {"layout": "exact_cache_v1", "cache_hash": str(name), "extra_hash": str(extra), "token_ids": ",".join(map(str, tokens)),
                    "num_entries": str(len(layers)), "store_id": "s"}
        arrays = {}
        for i, (keys, values) in enumerate(layers):
            arrays["c%d_k" % i], arrays["c%d_v" % i] = keys, values
            metadata.update({"c%d_kind" % i: "kv", "c%d_offset" % i: str(keys.shape[2]), "c%d_step" % i: "256"})
        self.write(safetensors(arrays, metadata), store, "exact_%s.safetensors" % digest(struct.pack("<q", name))[:32])

    def test_apc_ids_alone_are_those_without_images(self):
        text, image, other = ([pair(48)] for _ in range(3))
        for add in (lambda store, layers, extra: self.shard(store, layers, range(3), extra),
                    lambda store, layers, extra: self.exact(store, layers, IDS[:48], extra)):
            store = self.store()
            add(store, image, 7)
            self.assertIn("images", self.restores(store, IDS, image, 48))
            add(store, text, 0)
            self.assertNotIn("images", self.restores(store, IDS, text, 48))
            store = self.store()
            add(store, image, 7)
            add(store, other, 8)
            self.refuses(store, IDS, 1, "several images")

    def test_apc_chain_ends_where_rows_cannot_be_joined(self):
        layers = [pair(48)]
        store = self.store()
        self.shard(store, layers, range(2))
        self.shard(store, [pair(48, "F16")], range(2, 3))
        self.restores(store, IDS, layers, 32)

    def test_apc_layers_have_seen_the_same_tokens(self):
        store = self.store()
        self.exact(store, [pair(40), pair(39)], IDS[:40])
        self.refuses(store, IDS, 4, "40", "39")
        self.refuses(os.path.join(store, os.listdir(store)[0]), None, 4, "40", "39")

    # others

    def pull_1218(self, rows, tokens):
        store = self.store()
        self.write("1\n", store, "format-version")
        self.write(prompt_cache([pair(rows)], {"tokens_b64": base64.b64encode(int32(tokens)).decode(), "length": str(len(tokens))}), store,
                   "models", "0" * 16, "entries", digest(int32(tokens))[:16] + ".safetensors")
        return store

    def test_pull_1218_saves_all_tokens_or_all_but_one(self):
        for rows in (40, 39):
            status, said, _, header = self.convert(self.pull_1218(rows, IDS[:40]), IDS)
            self.assertEqual((status, header and header["0.0"]["shape"][2]), (0, rows), said)
        for rows in (30, 41):
            self.refuses(self.pull_1218(rows, IDS[:40]), IDS, 4, "40", str(rows))

    def test_prefix_folder_holds_its_tokens(self):
        for rows, status in ((40, 0), (39, 4)):
            store = self.store()
            index = {"formatVersion": 2, "modelID": "m", "layerCount": 1, "kvHeadDim": 1, "tokens": IDS[:40], "createdAt": "", "layers": [
                {"kind": "standardUnbounded", "tokenCount": rows, "arrayCount": 2, "metaState": []}]}
            self.write(json.dumps(index), store, "0" * 16, "index.json")
            keys, values = pair(rows)
            self.write(safetensors({"0.0": keys, "0.1": values}, {}), store, "0" * 16, "arrays.safetensors")
            self.assertEqual(self.convert(store, IDS)[0], status)

    # parts, images, and the server's own form

    def test_a_part_says_where_the_rest_is(self):
        store, hashes = self.omlx([pair(48)])
        self.refuses(os.path.join(store, hashes[0][0], hashes[0] + ".safetensors"), None, 4, "part of a prompt", "name the folder")
        state = {"layer_0_state_0": Array("F32", [1, 3, 4])}
        info = [{"class_name": "ArraysCache", "cache_type": "ArraysCache", "meta_state": "[]", "has_state": "true", "state_count": "1"}]
        sidecar = self.write(safetensors(state, {"request_id": "r", "token_count": "48", "num_layers": "1", "layer_info": json.dumps(info),
                                                 "gdn_sidecar_format_version": "2"}), self.store(), hashes[0] + ".safetensors")
        self.assertIn("recurrent state of a block", self.tool("inspect", sidecar)[1])
        self.assertEqual(self.tool("verify", sidecar)[0], 0)
        self.refuses(sidecar, None, 4, "belongs to a block")
        store = self.store()
        self.shard(store, [pair(48)], range(3))
        self.refuses(os.path.join(store, os.listdir(store)[0]), None, 4, "a shard holds blocks")
        ids_alone = self.write(self.tagged(IDS[:40]), self.store(), "entry_0_tokens.bin")
        self.assertIn("the token ids of an entry of Rapid-MLX", self.tool("inspect", ids_alone)[2])

    def test_omlx_explain_compares_all_of_the_signature(self):
        store, hashes = self.omlx([pair(48)], signature={"gdn_sidecar_state_dtype": "bf16"})
        other, _ = self.omlx([pair(48)])
        like = os.path.join(store, hashes[0][0], hashes[0] + ".safetensors")
        self.assertEqual([s["matches"] for s in self.explained(store, None, "--like", like)["places"][0]["signatures"]], [True])
        signatures = self.explained(other, None, "--like", like)["places"][0]["signatures"]
        self.assertEqual([s["matches"] for s in signatures], [False])
        self.assertIn("gdn_sidecar_state_dtype", signatures[0]["differences"][0])

    def test_images_are_not_forgotten(self):
        layers = [pair(48)]
        store = self.store()
        self.exact(store, layers, IDS[:48], 77)
        source = os.path.join(self.folder, "images.safetensors")
        tokens = self.write(json.dumps(IDS), self.folder, "ids.json")
        self.assertEqual(self.tool("convert", store, "--tokens", tokens, "--to", "mlx-lm@0.31", "-o", source)[0], 0)
        out = self.store()
        self.assertEqual(self.tool("convert", source, "--to", "mlx-vlm-apc", "-o", out + "/")[0], 0)
        name, = os.listdir(out)
        self.assertEqual(read(os.path.join(out, name))[1]["extra_hash"], "77")
        self.assertEqual(name, os.listdir(store)[0])
        for target, more in (("vllm-mlx", ()), ("rapid-mlx", ()), ("omlx", ("--model-name", "m", "--block-size", "16"))):
            status, _, said = self.tool("convert", source, "--to", target, "-o", self.store() + "/", *more)
            self.assertEqual(status, 4, said)
            self.assertIn("apc_extra_hash=77", said)

    def test_omlx_images_are_not_forgotten(self):
        image = "ab" * 32
        store, layers, name = self.store(), [pair(BLOCK)], None
        part = IDS[:BLOCK]
        name = digest(b"momlx-root" + ("(" + ", ".join(map(str, part)) + ")('" + image + "',)").encode())
        metadata = {"omlx_cache_format_version": "5", "block_hash": name, "token_count": str(BLOCK), "num_layers": "1", "model_name": "m",
                    "block_size": str(BLOCK), "layer_cache_types": '["KVCache"]', "layer_meta_states": "[[]]", "layer_0_state_count": "2"}
        self.write(safetensors({"layer_0_state_0": layers[0][0], "layer_0_state_1": layers[0][1]}, metadata), store, name[0], name + ".safetensors")
        self.write(json.dumps({"format_version": 1, "renderer_version": 2, "block_hash": name, "parent_hash": None, "model": "m", "token_start": 0,
                               "token_count": BLOCK, "token_ids": part, "media": [{"fingerprint": "sha256:" + image}]}), store, name[0],
                   name + ".tokens")
        self.assertIn("images", self.restores(store, None, layers, BLOCK))
        self.assertEqual(read(os.path.join(self.folder, "out %d.safetensors" % self.n))[1]["1.omlx_extra_keys"], image)

    def test_export_is_in_the_form_of_the_server(self):
        layers = [pair(40)]
        source = self.write(prompt_cache(layers, {}), self.folder, "source.safetensors")
        newest = os.path.join(self.folder, "newest.safetensors")
        self.assertEqual(self.tool("convert", source, "--to", "mlx-lm@0.32", "-o", newest)[0], 0)
        with open(newest, "rb") as f:
            theirs = f.read()
        tokens = self.write(json.dumps(IDS[:40]), self.folder, "ids.json")
        for entry, mark in ((theirs, "1.0"), (prompt_cache(layers, {}), "2.0")):
            store = self.entries(self.rapid_index(), [entry], [self.tagged(IDS[:40])], "org--m--0123456789abcdef")
            folder = os.path.join(store, "org--m--0123456789abcdef")
            self.write("{}", folder, "radix.index")
            status, _, said = self.tool("convert", source, "--to", "rapid-mlx", "--tokens", tokens, "-o", folder + "/")
            self.assertEqual(status, 0, said)
            self.assertEqual(read(os.path.join(folder, "entry_1.safetensors"))[1][mark], "KVCache")
            self.assertFalse(os.path.exists(os.path.join(folder, "radix.index")))

    def test_export_says_what_mlx_vlm_will_delete(self):
        source = self.write(prompt_cache([pair(40)], {}), self.folder, "source.safetensors")
        tokens = self.write(json.dumps(IDS[:40]), self.folder, "ids.json")
        out = self.store()
        self.write(prompt_cache([pair(4)], {}), out, "mine.safetensors")
        status, _, said = self.tool("convert", source, "--to", "mlx-vlm-apc", "--tokens", tokens, "-o", out + "/")
        self.assertEqual((status, "1 file" in said and "deletes" in said), (0, True), said)

    def test_the_same_prompt_of_several_models_is_said(self):
        first, second = [pair(48)], [pair(48)]
        store, _ = self.omlx(first)
        other, _ = self.omlx(second, model="n")
        shutil.copytree(other, store, dirs_exist_ok=True)
        said = self.restores(store, IDS, first, 48)
        self.assertIn("of model 'm'", said)
        self.assertIn("of 'n'", said)
        self.assertNotIn("doubt", self.restores(store, IDS, second, 48, "--model-name", "n"))
        store = self.store()
        for name, layers in (("a", first), ("b", second)):
            os.mkdir(os.path.join(store, name))
            self.exact(os.path.join(store, name), layers, IDS[:48])
        self.assertIn("as much of the prompt is in", self.restores(store, IDS, first, 48))
        self.assertNotIn("as much", self.restores(os.path.join(store, "b"), IDS, second, 48))

    def test_pickles_are_named_and_not_opened(self):
        store = self.store()
        pickle = self.write(b"\x80\x04\x95abc.", store, "prompt.dill")
        archive = os.path.join(self.store(), "prompt.pt")
        with zipfile.ZipFile(archive, "w") as out:
            out.writestr("archive/data.pkl", b"\x80\x02}q.")
        for path in (pickle, archive):
            for words in (("inspect", path), ("verify", path), ("convert", path, "--to", "mlx-lm", "-o", os.path.join(self.folder, "o.safetensors")),
                          ("explain", path)):
                status, out, said = self.tool(*words)
                self.assertIn(status, (1, 3))
                self.assertIn("pickle", out + said, words)
        self.assertIn("prompt.dill is a Python pickle", self.tool("explain", store)[1])

    def test_llama_states_are_looked_at_only(self):
        def memory(cells, streams=1, first=0):
            out = struct.pack("<I", streams)
            for _ in range(streams):
                out += struct.pack("<I", cells) + b"".join(struct.pack("<iIi", first + i, 1, 0) for i in range(cells)) + struct.pack("<II", 0, 1)
                out += (struct.pack("<iQ", 1, 16) + b"\0" * 16 * cells) * 2
            return out
        tokens = struct.pack("<I", 20) + int32(IDS[:20])
        session = self.write(b"nsgg" + struct.pack("<I", 9) + tokens + struct.pack("<I", 5) + b"llama" + memory(20, 2), self.store(), "a.bin")
        self.assertEqual(self.tool("verify", session)[0], 0)
        window = self.write(b"qsgg" + struct.pack("<I", 2) + tokens + memory(20) + memory(8, 1, 12), self.store(), "slot.bin")
        out = self.tool("inspect", window)[1]
        self.assertIn("sliding window 1 layers, 8 cells", out)
        self.assertIn(", ".join(map(str, IDS[:8])) + ", ...", out)
        for tokens in (None, IDS):
            self.refuses(window, tokens, 4, "inspected only")

    # token ids

    def test_tokens_are_what_their_bytes_say(self):
        layers = [pair(40)]
        store = self.entries(self.vllm_index(), [prompt_cache(layers, {})], [int32(IDS[:40])])
        text = json.dumps(IDS[:40])
        for data, name in ((self.tagged(IDS[:40]), "t.bin"), (b"\xef\xbb\xbf" + text.encode(), "t.json"), (text, "t.bin"), (text + " " * 3, "t.bin"),
                           (int32(IDS[:40]), "t.bin"), (int32(IDS[:40]), "t.json")):
            self.restores(store, self.write(data, self.folder, name), layers, 40)
        self.refuses(store, self.write(self.tagged(IDS[:40])[:-1], self.folder, "t.bin"), 2, "cut off")

    def test_tokens_of_a_file_are_in_it_or_beside_it(self):
        layers = [pair(40)]
        encoded = {"tokens_b64": base64.b64encode(int32(IDS[:41])).decode(), "length": "41"}
        for user, beside in ((encoded, None), ({}, int32(IDS[:40])), ({}, self.tagged(IDS[:41]))):
            source = self.write(prompt_cache(layers, user), self.store(), "chat.safetensors")
            if beside:
                self.write(beside, os.path.dirname(source), "chat_tokens.bin")
            out = self.store()
            status, _, said = self.tool("convert", source, "--to", "mlx-vlm-apc", "-o", out + "/")
            self.assertEqual(status, 0, said)
            self.restores(out, IDS, layers, 40)
        self.write(int32(IDS[:30]), os.path.dirname(source), "chat_tokens.bin")
        status, _, said = self.tool("convert", source, "--to", "mlx-vlm-apc", "-o", self.store() + "/")
        self.assertEqual((status, "30 token ids" in said), (4, True), said)


if __name__ == "__main__":
    unittest.main()
