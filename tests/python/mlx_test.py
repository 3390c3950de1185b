#!/usr/bin/env python3
"""mlx-lm's cache objects, and the hook into its server, with a stand-in for mlx-lm. usage: mlx_test.py SOURCE TOOL"""
import logging
import os
import sys
import unittest
import warnings

from cases import GEMMA, LLAMA, SOURCE, Case

import kvcache

try:
    import numpy
except ImportError:
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "stand_in"))
import mlx.core as mx
import mlx_lm
from kvcache import _library, _mlx
from mlx_lm.models import cache as reference

HAS_STORE = bool(_library.lib.kvcache_has(_library.FEATURE_STORE))


def golden():
    """Files of every class, from all folders, two of each."""
    seen = {}
    for folder, _, names in os.walk(os.path.join(SOURCE, "testdata/golden")):
        for name in sorted(names):
            if not name.endswith(".safetensors"):
                continue
            try:
                cache = kvcache.open(os.path.join(folder, name))
                if any(f.severity == "error" for f in cache.findings):
                    continue
            except kvcache.Error:
                continue
            key = tuple(sorted({layer.class_name + "".join(c.class_name for c in layer.children) for layer in cache.layers}))
            if seen.setdefault(key, 0) < 2:
                seen[key] += 1
                yield cache


class Objects(Case):
    def setUp(self):
        super().setUp()
        mlx_lm.__version__ = "0.31.3"

    def test_of_files(self):
        cache = kvcache.open(LLAMA)
        objects = cache.load()
        self.assertEqual([type(o).__name__ for o in objects], ["KVCache"] * 4)
        self.assertEqual(objects[2].offset, 43)
        numpy.testing.assert_array_equal(numpy.array(objects[2].keys), cache.layers[2].keys[:])
        window = kvcache.open(GEMMA).load()[0]
        layer = kvcache.open(GEMMA).layers[0]
        self.assertEqual((window.offset, window.max_size, window.keep, window._idx), (layer.tokens, 16, layer.keep, layer.idx))
        self.assertEqual(window.keys.dtype, mx.bfloat16)
        numpy.testing.assert_array_equal(numpy.array(window.keys.view(mx.uint16)), layer.keys[:].view("uint16"))
        quantized = cache.quantize(4, 32).load()[1]
        self.assertEqual((quantized.bits, quantized.group_size, len(quantized.keys), len(quantized.values)), (4, 32, 3, 3))
        self.assertEqual(quantized.keys[0].shape, (1, 2, 43, 4))

    def test_there_and_back(self):
        """A file, as objects, and those as a cache again: what it says and holds is the same."""
        classes = set()
        warnings.simplefilter("ignore", kvcache.LossWarning)
        self.addCleanup(warnings.resetwarnings)
        for cache in golden():
            with self.subTest(cache.path):
                try:
                    objects = cache.load()
                    again = _mlx.from_objects(objects, cache.metadata)
                    again.to_bytes()
                except kvcache.ImpossibleError as error:
                    # Classes of other runtimes, and what mlx-lm itself cannot hold or load.
                    self.assertRegex(error.message, "that is known here|its (chunk_size|left_padding) is not known|without caches|"
                                     "ConcatenateKVCache that was never used")
                    continue
                self.assertEqual(again.format, "mlx-lm@0.32")
                self.assertEqual([f.code for f in again.findings if f.severity == "error"], [])
                self.assertEqual(dict(again.metadata), dict(cache.metadata))
                self.assertEqual(len(again.layers), len(cache.layers))
                for one, two in zip(cache.layers, again.layers):
                    self.same(one, two)
                    classes.add(two.class_name)
        self.assertLessEqual({"KVCache", "RotatingKVCache", "QuantizedKVCache", "ArraysCache", "CacheList", "ChunkedKVCache",
                              "BatchKVCache", "BatchRotatingKVCache"}, classes)

    def same(self, one, two):
        self.assertEqual(one.class_name.replace("Mamba", "Arrays").replace("StandardKv", "KV"), two.class_name)
        for fact in ("tokens", "kv_heads", "key_dim", "keep", "max_size", "bits", "group_size", "chunk_size", "start_position", "offsets",
                     "left_padding", "slots", "total", "rotated", "dtype", "empty"):
            self.assertEqual(getattr(one, fact), getattr(two, fact), fact)
        if not one.children:
            names = [name for name, array in one.arrays.items() if array is not None]
            self.assertEqual(names, [name for name, array in two.arrays.items() if array is not None])
            for name in names:
                before, after = one.arrays[name].numpy(), two.arrays[name].numpy()
                if before.shape != after.shape:  # rows that stand for no token do not come along
                    self.assertEqual(after.shape[2], one.tokens - (one.start_position or 0), name)
                    before = before[:, :, :after.shape[2]]
                numpy.testing.assert_array_equal(numpy.ascontiguousarray(before).view("uint8"), numpy.ascontiguousarray(after).view("uint8"), err_msg=name)
        for child, other in zip(one.children, two.children):
            self.same(child, other)

    def test_rows_behind_the_offset_are_not_taken_for_tokens(self):
        objects = kvcache.open(LLAMA).load()
        for one in objects:
            one.trim(3)
        self.assertEqual(objects[0].keys.shape[2], 43)
        again = _mlx.from_objects(objects)
        self.assertEqual((again.tokens, again.layers[0].keys.shape[2]), (40, 40))
        numpy.testing.assert_array_equal(again.layers[0].keys[:], kvcache.open(LLAMA).layers[0].keys[:, :, :40])

    def test_what_is_not_known_is_refused(self):
        mlx_lm.__version__ = "0.21.0"
        with self.assertRaisesRegex(kvcache.ImpossibleError, "mlx-lm 0.21.0 has no KVCache that is known here"):
            kvcache.open(LLAMA).load()
        mlx_lm.__version__ = "0.31.3"

        class Other:
            pass

        with self.assertRaisesRegex(kvcache.ImpossibleError, "a Other of mlx-lm is not known here"):
            _mlx.from_objects([Other()])

        class Slotted(reference.KVCache):
            __slots__ = ()

            def __init__(self):
                self.keys = self.values = None

        original, reference.KVCache = reference.KVCache, Slotted
        try:
            with self.assertRaisesRegex(kvcache.ImpossibleError, "has no attribute offset"):
                kvcache.open(LLAMA).load()
        finally:
            reference.KVCache = original
        broken = kvcache.open(os.path.join(SOURCE, "testdata/golden/hostile/files/rotating-r1-keep-is-window.safetensors"))
        with self.assertRaises(kvcache.ImpossibleError) as caught:
            broken.load()
        self.assertEqual(caught.exception.code, "KV411")

    def test_versions(self):
        """MambaCache went in 0.30.6; lengths came in 0.30.4, and are not lost before."""
        state = reference.ArraysCache(2, left_padding=[0])
        state.cache, state.lengths = [mx.array(numpy.ones([1, 2, 3], "float32"))] * 2, mx.array([3])
        lengths = _mlx.from_objects([state])
        mlx_lm.__version__ = "0.30.2"
        with self.assertRaisesRegex(kvcache.ImpossibleError, "of mlx-lm 0.30.2 has no lengths"):
            lengths.load()
        mlx_lm.__version__ = "0.30.4"
        self.assertTrue(lengths.load())

    def test_the_table_has_every_class_that_is_written(self):
        self.assertLessEqual({"KVCache", "ConcatenateKVCache", "RotatingKVCache", "QuantizedKVCache", "ChunkedKVCache", "ArraysCache",
                              "CacheList", "BatchKVCache", "BatchRotatingKVCache"}, set(_mlx.CLASSES))
        for name, rows in _mlx.CLASSES.items():
            for version in ((0, 28, 4), (0, 31, 3), (0, 32, 2)):
                self.assertLessEqual(len([row for row in rows if row.holds(version)]), 1, (name, version))


@unittest.skipUnless(HAS_STORE, "a library without the store")
class Hook(Case):
    def setUp(self):
        super().setUp()
        mlx_lm.__version__ = "0.31.3"
        import kvcache.mlx_lm
        self.hook = kvcache.mlx_lm
        self.store = self.path("store")
        self.ids = list(range(100, 143))
        self.model = ("some/model", None, None)

    def cache(self, tokens):
        return kvcache.open(LLAMA).trim(to=tokens).load()

    def make(self, **more):
        return self.hook.StoredPromptCache(10, store=self.store, **more)

    def test_it_survives_the_server(self):
        first = self.make()
        self.assertIsInstance(first, reference.LRUPromptCache)
        self.assertEqual(first.fetch_nearest_cache(self.model, self.ids), (None, self.ids))
        first.insert_cache(self.model, self.ids, self.cache(43))
        second = self.make()
        self.assertEqual(len(second), 0)
        cache, rest = second.fetch_nearest_cache(self.model, self.ids + [7, 8])
        self.assertEqual(rest, [7, 8])
        self.assertEqual([type(c).__name__ for c in cache], ["KVCache"] * 4)
        self.assertEqual(cache[0].offset, 43)
        for one, two in zip(cache, self.cache(43)):
            numpy.testing.assert_array_equal(numpy.array(one.keys), numpy.array(two.keys))
            numpy.testing.assert_array_equal(numpy.array(one.values), numpy.array(two.values))
        # Exactly these tokens: one remains to go on from.
        cache, rest = second.fetch_nearest_cache(self.model, self.ids)
        self.assertEqual((cache[0].offset, rest), (42, self.ids[42:]))
        # Part of them.
        cache, rest = second.fetch_nearest_cache(self.model, self.ids[:20] + [1, 2])
        self.assertEqual((cache[0].offset, rest), (20, [1, 2]))

    def test_memory_comes_first(self):
        both = self.make()
        both.insert_cache(self.model, self.ids, self.cache(43), cache_type="user")
        cache, rest = both.fetch_nearest_cache(self.model, self.ids)
        self.assertEqual((cache[0].offset, rest), (43, []))  # as LRUPromptCache has it
        both.trim_to(n_sequences=0)
        cache, rest = both.fetch_nearest_cache(self.model, self.ids + [5])
        self.assertEqual((cache[0].offset, rest), (43, [5]))
        # A shorter one in memory does not hide a longer one in the store.
        both.insert_cache(self.model, self.ids[:10], self.cache(10))
        cache, rest = both.fetch_nearest_cache(self.model, self.ids + [5])
        self.assertEqual((cache[0].offset, rest), (43, [5]))

    def test_models_and_tenants_do_not_mix(self):
        self.make(salt="a").insert_cache(self.model, self.ids, self.cache(43))
        self.assertIsNone(self.make().fetch_nearest_cache(self.model, self.ids)[0])
        self.assertIsNone(self.make(salt="b").fetch_nearest_cache(self.model, self.ids)[0])
        self.assertIsNone(self.make(salt="a").fetch_nearest_cache(("some/model", "adapter", None), self.ids)[0])
        self.assertIsNotNone(self.make(salt="a").fetch_nearest_cache(self.model, self.ids)[0])

    def test_a_broken_store_stops_nothing(self):
        both = self.make()
        both._store.close()
        with self.assertLogs("kvcache.mlx_lm", logging.WARNING) as logged:
            both.insert_cache(self.model, self.ids, self.cache(43))
            self.assertIsNone(both.fetch_nearest_cache(self.model, [1, 2, 3])[0])
        self.assertEqual(len(logged.records), 2)
        self.assertEqual(len(both), 1)

    def test_one_line_makes_the_server_use_it(self):
        import mlx_lm.server
        original = reference.LRUPromptCache
        try:
            self.hook.install(self.store)
            made = mlx_lm.server.make()
            self.assertIsInstance(made, original)
            self.assertEqual(made.max_size, 3)
            made.insert_cache(self.model, self.ids, self.cache(43))
            self.assertIsNotNone(mlx_lm.server.make().fetch_nearest_cache(self.model, self.ids)[0])
        finally:
            reference.LRUPromptCache = mlx_lm.server.LRUPromptCache = original

    def test_the_store_itself(self):
        cache = kvcache.open(LLAMA)
        with kvcache.Store(self.store) as store:
            missed = store.get(self.ids, identity="m")
            self.assertFalse(missed)
            with self.assertRaises(kvcache.Missed):
                missed.load()
            entry = store.put(cache, self.ids, identity="m", label="chat")
            self.assertEqual((entry.tokens, len(entry.id)), (43, 64))
            self.assertGreater(entry.bytes, cache.bytes // 2)
            self.assertLess(store.put(cache, self.ids, identity="m").bytes, 4096)
            found = store.probe(self.ids + [1], identity="m")
            self.assertEqual((found.resume_at, found.remainder), (43, [1]))
            found = store.get(self.ids[:30] + [1], identity="m")
            self.assertEqual((found.resume_at, found.tokens, found.remainder), (30, 31, [1]))
            self.assertFalse(store.get(self.ids, identity="m", min_tokens=44))
            with self.assertRaises(kvcache.UsageError):
                store.get(self.ids)
            with self.assertRaises(kvcache.ImpossibleError):
                store.put(cache.trim(1), self.ids, identity="m")
        # What was got stays when the store is closed. It is stamped with its tokens.
        self.assertIn("kvcache_stamp", found.cache.metadata)
        self.assertEqual(bytes(found.cache.without_metadata().to_bytes()), bytes(cache.trim(to=30).without_metadata().to_bytes()))
        self.assertEqual(found.load()[0].offset, 30)


if __name__ == "__main__":
    unittest.main()
