#!/usr/bin/env python3
"""Opening, facts, edits, saving, verification and errors of the Python package. usage: cache_test.py SOURCE TOOL"""
import glob
import gc
import json
import os
import pickle
import threading
import unittest
import warnings

from cases import GEMMA, HOSTILE, LLAMA, MODELS, Case, tool

import kvcache

EDITS = {  # by the tool, and in Python
    "trim": (LLAMA, ["trim", "-n", "7"], lambda c: c.trim(7)),
    "trim-to": (LLAMA, ["trim", "--to", "9"], lambda c: c.trim(to=9)),
    "convert": (LLAMA, ["convert", "--to", "mlx-swift-lm"], lambda c: c.convert("mlx-swift-lm")),
    "convert-p5": (GEMMA, ["convert", "--to", "mlx-lm@0.32"], lambda c: c.convert("mlx-lm@0.32")),
    "cast": (LLAMA, ["convert", "--dtype", "bf16"], lambda c: c.cast("bf16")),
    "window": (LLAMA, ["convert", "--class", "RotatingKVCache", "--max-size", "16", "--keep", "4"],
               lambda c: c.to_rotating(16, keep=4)),
    "quantize": (LLAMA, ["quantize", "--bits", "4", "--group-size", "32", "--layers", "!0"],
                 lambda c: c.quantize(4, 32, layers=[1, 2, -1])),
    "unrotate": (GEMMA, ["unrotate"], lambda c: c.unrotate()),
    "stamp": (LLAMA, ["stamp"], lambda c: c.stamp()),
}


class Facts(Case):
    def test_the_tour(self):
        with kvcache.open(LLAMA) as cache:
            self.assertEqual((cache.format, cache.tokens, cache.trimmable, cache.gzip), ("mlx-lm@0.31", 43, True, False))
            self.assertIsNone(cache.layers[3].window)
            self.assertIn("layer 0 (KVCache)", cache.loads_in["mlx-swift-lm@3.31"].reason)
            self.assertFalse(cache.loads_in["mlx-swift-lm@3.31"])
            self.assertTrue(cache.loads_in["mlx-lm@0.31"])
            self.assertEqual(dict(cache.metadata), {"model": "llama", "n_tokens": "43"})
            self.assertEqual(len(cache.layers), 4)
            self.assertEqual([layer.index for layer in cache.layers[1:]], [1, 2, 3])
            with self.assertRaises(IndexError):
                cache.layers[4]
        with self.assertRaises(kvcache.UsageError):
            cache.tokens

    def test_every_golden_file_says_what_inspect_says(self):
        names = {"class_name": "class", "window": "max_size"}
        fields = ("class_name", "tokens", "rows", "batch", "kv_heads", "key_dim", "value_dim", "dtype", "bytes", "padding_bytes",
                  "trimmable", "empty", "keep", "window", "idx", "wrapped", "bits", "group_size", "chunk_size", "start_position",
                  "left_padding", "offsets", "lengths")

        def compare(layer, said):
            for field in fields:
                self.assertEqual(getattr(layer, field) or None, said[names.get(field, field)] or None, field)
            self.assertEqual(len(layer.children), len(said["children"]))
            for child, said_child in zip(layer.children, said["children"]):
                compare(child, said_child)

        seen = 0
        for path in sorted(glob.glob(os.path.join(MODELS, "*.safetensors")))[:40] + sorted(
                glob.glob(os.path.join(os.path.dirname(os.path.dirname(MODELS)), "batch*/files/*.safetensors")))[:20]:
            with self.subTest(path=path):
                cache = kvcache.open(path)
                document = cache.inspect()
                self.assertEqual(document, json.loads(tool("inspect", "--json", path)))
                self.assertEqual((cache.format, cache.tokens, cache.bytes), (document["format"], document["totals"]["tokens"],
                                                                             document["totals"]["bytes"]))
                for layer, said in zip(cache.layers, document["layers"]):
                    compare(layer, said)
                for target, said in document["loads_in"].items():
                    verdict = cache.loads_in[target]
                    self.assertEqual((verdict.ok, verdict.reason), (said["ok"], said.get("reason", "")))
                seen += 1
        self.assertGreater(seen, 10)

    def test_findings(self):
        finding, *_ = kvcache.open(os.path.join(HOSTILE, "rotating-r1-keep-is-window.safetensors")).findings
        self.assertEqual((finding.code, finding.severity, finding.where), ("KV411", "error", "layer 0"))
        self.assertIn("keep 8 is not below max_size 8", str(finding))

    def test_formats(self):
        self.assertIn("mlx-swift-lm@3.31", kvcache.formats())
        self.assertEqual(list(kvcache.open(LLAMA).loads_in), kvcache.formats())
        with self.assertRaises(KeyError):
            kvcache.open(LLAMA).loads_in["mlx-lm@99"]


class Edits(Case):
    def test_the_tool_and_python_write_the_same(self):
        os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
        self.addCleanup(os.environ.pop, "SOURCE_DATE_EPOCH")
        for name, (path, arguments, edit) in EDITS.items():
            if name == "stamp" and kvcache.__version__ not in tool("--version"):
                continue  # which says who made it: in a build that is done only in part, another one
            with self.subTest(name):
                by_tool, by_python = self.path(name + "-tool"), self.path(name + "-python")
                tool(arguments[0], path, *arguments[1:], "-o", by_tool)
                edit(kvcache.open(path)).save(by_python)
                self.assertEqual(self.read(by_tool), self.read(by_python))

    def test_an_edit_returns_another_cache(self):
        cache = kvcache.open(LLAMA)
        shorter = cache.trim(to=20)
        self.assertEqual((cache.tokens, shorter.tokens, cache.edited, shorter.edited), (43, 20, False, True))
        cache.close()
        self.assertEqual(shorter.convert("mlx-swift-lm").format, "mlx-swift-lm@3.31")
        self.assertTrue(shorter.convert("mlx-swift-lm").loads_in["mlx-swift-lm"])

    def test_batches(self):
        cache, shorter = kvcache.open(LLAMA), kvcache.open(LLAMA).trim(7)
        by_tool = self.path("tool")
        shorter.save(self.path("shorter"))
        tool("merge", LLAMA, self.path("shorter"), "-o", by_tool)
        batch = kvcache.merge([cache, shorter])
        self.assertEqual(bytes(batch.to_bytes()), self.read(by_tool))
        self.assertEqual(batch.layers[0].offsets, [43, 36])
        self.assertEqual(batch.layers[0].left_padding, [0, 7])
        self.assertEqual(bytes(batch.extract(1).to_bytes()), bytes(shorter.to_bytes()))
        self.assertEqual(batch.extend(batch).filter([3, 0]).layers[0].offsets, [36, 43])
        with self.assertRaisesRegex(kvcache.ImpossibleError, "layer"):
            kvcache.merge([cache, kvcache.open(GEMMA)])

    def test_warnings_are_not_silent(self):
        cache, other = kvcache.open(LLAMA), kvcache.open(LLAMA).with_metadata(n_tokens="7", more="x")
        batch = kvcache.merge([cache, other])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            saved = batch.save(self.path("batch"))
        self.assertEqual(len(saved.warnings), 1)
        self.assertIn("more, n_tokens", saved.warnings[0])
        self.assertEqual([w.category for w in caught], [kvcache.LossWarning])
        self.assertEqual(caught[0].filename, __file__)

    def test_metadata(self):
        cache = kvcache.open(LLAMA).with_metadata({"model": "other", "n_tokens": None}, added="ä")
        self.assertEqual(dict(cache.metadata), {"model": "other", "added": "ä"})
        self.assertEqual(dict(kvcache.open(cache.to_bytes()).metadata), {"model": "other", "added": "ä"})
        with self.assertRaises(kvcache.UsageError):
            cache.with_metadata({"1": "x"})
        self.assertEqual(cache.with_metadata({"1": "x"}, force=True).metadata["1"], "x")
        self.assertEqual(dict(cache.without_metadata().metadata), {})
        with self.assertRaises(kvcache.UsageError):
            cache.with_metadata({"a": "x\0y"})

    def test_stamps_stay_true(self):
        cache = kvcache.open(LLAMA).stamp(token_ids=range(43), prompt="hello")
        cache.save(self.path("stamped"))
        self.assertTrue(kvcache.verify(self.path("stamped")))
        with self.assertRaises(kvcache.ImpossibleError):
            kvcache.open(LLAMA).stamp(token_ids=range(42))
        saved = cache.trim(1).save(self.path("shorter"))
        self.assertEqual(set(saved.dropped_from_stamp), {"checksums", "token ids", "text"})
        self.assertTrue(kvcache.verify(self.path("shorter")))
        self.assertTrue(cache.with_metadata(model="x").save(self.path("renamed")).dropped_from_stamp == ())
        self.assertTrue(kvcache.verify(self.path("renamed")))


class Saving(Case):
    def test_files(self):
        cache = kvcache.open(LLAMA)
        saved = cache.save(self.path("a"))
        self.assertEqual((saved.path, saved.bytes), (self.path("a"), os.path.getsize(self.path("a"))))
        self.assertEqual(os.stat(self.path("a")).st_mode & 0o777, 0o600)
        with self.assertRaisesRegex(kvcache.UsageError, "exists"):
            cache.save(self.path("a"))
        cache.save(self.path("a"), overwrite=True)
        with self.assertRaises(OSError):
            cache.save(self.path("no/such/folder"))
        self.assertEqual(os.listdir(self._folder.name), ["a"])

    def test_in_place(self):
        kvcache.open(LLAMA).save(self.path("a"), gzip=True)
        os.chmod(self.path("a"), 0o640)
        cache = kvcache.open(self.path("a"))
        self.assertTrue(cache.gzip)
        cache.trim(3).stamp().save_in_place()
        self.assertEqual(os.stat(self.path("a")).st_mode & 0o777, 0o640)
        again = kvcache.open(self.path("a"))
        self.assertEqual((again.tokens, again.gzip), (40, True))
        with self.assertRaises(kvcache.UsageError):
            kvcache.open(cache.to_bytes()).save_in_place()

    def test_sources(self):
        data = self.read(LLAMA)
        with open(LLAMA, "rb") as file:
            self.assertEqual(kvcache.open(file).tokens, 43)
        for source in (data, bytearray(data), memoryview(data), kvcache.open(LLAMA).trim(0).to_bytes()):
            self.assertEqual(kvcache.open(source).trim(1).tokens, 42)
        self.assertEqual(kvcache.open(data, label="mine").path, "mine")

        class Mine(kvcache.Source):
            label = "mine"
            calls = 0

            def __len__(self):
                return len(data)

            def read_into(self, offset, buffer):
                self.calls += 1
                buffer[:] = data[offset:offset + len(buffer)]

        source = Mine()
        cache = kvcache.open(source)
        before = source.calls
        self.assertEqual(bytes(cache.trim(1).to_bytes()), bytes(kvcache.open(LLAMA).trim(1).to_bytes()))
        self.assertGreater(source.calls, before)
        with self.assertRaises(kvcache.UnreadableError):
            kvcache.open(b"nonsense")

    def test_memory_lives_as_long_as_it_is_wanted(self):
        view = kvcache.open(bytes(self.read(LLAMA))).trim(1).to_bytes()
        cache = kvcache.open(view)
        del view
        gc.collect()
        self.assertEqual(bytes(cache.to_bytes()), bytes(kvcache.open(LLAMA).trim(1).to_bytes()))

    def test_progress(self):
        seen = []
        kvcache.open(LLAMA).save(self.path("a"), progress=lambda done, total: seen.append((done, total)))
        self.assertEqual(seen[-1][0], seen[-1][1])

        def fail(done, total):
            raise ZeroDivisionError("mine")

        with self.assertRaisesRegex(ZeroDivisionError, "mine"):
            kvcache.open(LLAMA).save(self.path("b"), progress=fail)


class Errors(Case):
    def test_data(self):
        with self.assertRaises(kvcache.IoError) as caught:
            kvcache.open("/no/such/file")
        self.assertIsInstance(caught.exception, OSError)
        self.assertEqual((caught.exception.path, caught.exception.code), ("/no/such/file", "KV100"))
        with self.assertRaises(kvcache.ImpossibleError) as caught:
            kvcache.open(GEMMA).trim(7)
        error = caught.exception
        self.assertIn("layer 0 (RotatingKVCache) cannot be trimmed", error.message)
        self.assertIn("keep an untrimmed copy", error.hint)
        self.assertEqual(error.remedy, [{"words": error.hint}])
        self.assertIn("hint: ", str(error))
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((again.message, again.hint, again.path), (error.message, error.hint, error.path))
        with self.assertRaises(ValueError):
            kvcache.open(LLAMA).cast("f64")
        with self.assertRaises(kvcache.UsageError):
            kvcache.open(LLAMA).trim()
        with self.assertRaises(kvcache.UsageError):
            kvcache.open(LLAMA).quantize(7)

    def test_damaged_caches_are_not_saved(self):
        cache = kvcache.open(os.path.join(HOSTILE, "rotating-r1-keep-is-window.safetensors"))
        with self.assertRaisesRegex(kvcache.ImpossibleError, "KV411"):
            cache.save(self.path("a"))
        self.assertEqual(os.listdir(self._folder.name), [])


class Verify(Case):
    def test_folders(self):
        report = kvcache.verify(MODELS, recursive=True)
        self.assertTrue(report.ok and len(report) > 5)
        said = json.loads(tool("verify", "--json", "-r", MODELS))
        self.assertEqual([file.path for file in report], [file["path"] for file in said["files"]])
        self.assertEqual([len(file.findings) for file in report], [len(file["findings"]) for file in said["files"]])
        report = kvcache.verify([LLAMA, "/no/such/file"], load_in="mlx-swift-lm")
        self.assertFalse(report)
        self.assertEqual((report.worst, [file.status for file in report]), (5, ["errors", "unreadable"]))
        self.assertEqual([finding.code for _, finding in report.findings], ["KV720", "KV100"])
        with self.assertRaisesRegex(kvcache.UsageError, "nothing to check"):
            kvcache.verify(self._folder.name, recursive=True)

    def test_fixes(self):
        file = kvcache.verify(LLAMA, fix=True)[0]
        self.assertEqual((file.repairable, file.fixes), (False, ()))
        self.assertEqual(bytes(kvcache.open(LLAMA).repair().to_bytes()), self.read(LLAMA))


class Threads(Case):
    def test_eight_at_once(self):
        wrong = []

        def work(i):
            try:
                for k in range(4):
                    path = (LLAMA, GEMMA)[(i + k) % 2]
                    cache = kvcache.open(path).quantize(8, 32) if path == LLAMA else kvcache.open(path).unrotate()
                    cache.save(self.path(f"{i}-{k}"))
                    if kvcache.open(self.path(f"{i}-{k}")).tokens != kvcache.open(path).tokens:
                        wrong.append(i)
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_closing_under_the_feet_of_another(self):
        cache = kvcache.open(LLAMA)
        layers, wrong = cache.layers, []

        def ask():
            try:
                while True:
                    cache.loads_in["mlx-lm"], layers[0].class_name, cache.inspect()
            except kvcache.UsageError:
                pass
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        cache.close()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_opens_do_not_leak(self):
        def resident():
            with open("/proc/self/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

        if not os.path.exists("/proc/self/statm"):
            self.skipTest("no /proc")
        opens = int(os.environ.get("KVCACHE_OPENS", "3000"))
        for i in range(opens):
            with kvcache.open(LLAMA) as cache:
                cache.layers[0].tokens, cache.trim(1).tokens
            if i == opens // 5:
                before = resident()
        self.assertLess(resident() - before, 2 << 20)


if __name__ == "__main__":
    unittest.main()
