#!/usr/bin/env python3
"""Arrays of the Python package: views where nothing is copied, boxes where something is computed. usage: arrays_test.py SOURCE TOOL"""
import itertools
import os
import random
import sys
import unittest

from cases import GEMMA, LLAMA, Case

import kvcache

try:
    import numpy
except ImportError:
    sys.exit(77)

INDICES = [
    (), 0, -1, slice(None), Ellipsis, (0, 1), (Ellipsis, -1), (slice(None), slice(None), slice(-16, None)), (0, slice(None, None, -1)),
    (slice(None), 1, slice(5, 30, 7), slice(None, None, -3)), (slice(None), slice(None), slice(30, 5, -4)), (0, 0, slice(10, 10)),
    (slice(None), slice(None), slice(40, 2)), (0, Ellipsis, slice(1, 2)), (numpy.int64(0), 1, 2, 3), None, (0, None, 1),
    (0, 1, [1, 5, 3]), (slice(None), numpy.array([True, False])),
]


class Arrays(Case):
    def test_indices_are_numpys(self):
        cache = kvcache.open(LLAMA)
        whole = cache.layers[2].keys.numpy()
        computed = cache.trim(0).cast("f32").cast("f16").layers[2].keys
        edited = cache.trim(to=40).layers[2].keys
        self.assertIsNone(edited._view())
        for index in INDICES:
            with self.subTest(index=index):
                numpy.testing.assert_array_equal(cache.layers[2].keys[index], whole[index])
                numpy.testing.assert_array_equal(computed[index], whole[index])
                part = edited[index]
                numpy.testing.assert_array_equal(part, whole[:, :, :40][index])
                self.assertEqual(part.shape, whole[:, :, :40][index].shape)
        for bad in (1, (0, 2), (0, 0, 43), (0, 0, 0, 0, 0), (Ellipsis, Ellipsis)):
            for array in (cache.layers[2].keys, edited):
                with self.subTest(bad=bad), self.assertRaises(IndexError):
                    array[bad]

    def test_random_boxes(self):
        chance = random.Random(1)
        edited = kvcache.open(LLAMA).trim(to=29).layers[0].values
        whole = edited.numpy()

        def part(dim):
            if chance.random() < 0.2:
                return chance.randrange(-dim, dim)
            bounds = [chance.choice([None, chance.randint(-dim - 2, dim + 2)]) for _ in range(2)]
            return slice(*bounds, chance.choice([None, 1, 2, 3, -1, -2, -5]))

        for _ in range(500):
            index = tuple(part(dim) for dim in whole.shape[:chance.randint(0, 4)])
            numpy.testing.assert_array_equal(edited[index], whole[index], err_msg=repr(index))

    def test_nothing_is_copied_that_can_be_viewed(self):
        data = self.read(LLAMA)
        for source in (LLAMA, data):
            cache = kvcache.open(source)
            keys = cache.layers[0].keys
            self.assertTrue(numpy.shares_memory(keys[:, :, -16:], keys.numpy()))
            self.assertFalse(keys.numpy().flags.writeable)
            with self.assertRaises(ValueError):
                keys.numpy()[0, 0, 0, 0] = 1
            # A view outlives what it was taken from.
            view = keys[0, 1, 5]
            values = view.copy()
            cache.close()
            del cache, keys
            numpy.testing.assert_array_equal(view, values)
        # An edit leaves views of what it does not touch.
        self.assertIsNotNone(kvcache.open(LLAMA).with_metadata(model="x").layers[1].values._view())

    def test_a_compressed_file_has_no_views(self):
        kvcache.open(LLAMA).save(self.path("a.gz"), gzip=True)
        whole = kvcache.open(LLAMA).layers[0].keys.numpy()
        for source in (self.path("a.gz"), self.read(self.path("a.gz"))):
            numpy.testing.assert_array_equal(kvcache.open(source).layers[0].keys.numpy(), whole)

    def test_dtypes(self):
        for name, expected in (("f16", "float16"), ("f32", "float32")):
            self.assertEqual(kvcache.open(LLAMA).cast(name).layers[0].keys[0].dtype, expected)
        bits = kvcache.open(GEMMA).layers[0].keys
        self.assertEqual(bits.dtype, "BF16")
        try:
            import ml_dtypes
            self.assertEqual(bits[0].dtype, ml_dtypes.bfloat16)
        except ImportError:
            self.assertEqual(bits[0].dtype, "uint16")
        wide = kvcache.open(GEMMA).cast("f32").layers[0].keys.numpy()
        numpy.testing.assert_array_equal(bits.numpy().view("uint16").astype("uint32") << 16, wide.view("uint32"))
        self.assertEqual(len(bits.tobytes()), bits.nbytes)
        self.assertEqual(bits.tobytes(), bits.numpy().tobytes())

    def test_quantized_keys_are_not_handed_out_as_values(self):
        layer = kvcache.open(LLAMA).quantize(4, 32).layers[0]
        with self.assertRaisesRegex(kvcache.ImpossibleError, "packed in 4 bits"):
            layer.keys
        self.assertEqual(list(layer.arrays), ["key codes", "key scales", "key biases", "value codes", "value scales", "value biases"])
        self.assertEqual(layer.arrays["key codes"].shape, (1, 2, 43, 4))
        error = kvcache.open(LLAMA).quantize(4, 32).dequantize().layers[0].keys[:] - kvcache.open(LLAMA).layers[0].keys[:]
        self.assertTrue(0 < abs(error).max() < 0.5)

    def test_appending(self):
        cache = kvcache.open(LLAMA)
        step = {f"{layer}.{name}": numpy.full([1, 2, 3, 32], layer, "float16") for layer, name in
                itertools.product(range(4), ("keys", "values"))}
        longer = cache.append(step)
        self.assertEqual(longer.tokens, 46)
        self.assertEqual(set(longer.layers[3].keys[0, 1, -3:].ravel()), {3.0})
        numpy.testing.assert_array_equal(longer.layers[3].keys[:, :, :43], cache.layers[3].keys[:])
        step["0.keys"] = step["0.keys"].transpose(0, 1, 3, 2)[:, :, :, ::-1].transpose(0, 1, 3, 2)  # not contiguous
        self.assertEqual(cache.append(step).tokens, 46)
        with self.assertRaises(kvcache.UsageError):
            cache.append({"0.keys": numpy.zeros(3, "float64")})
        with self.assertRaises(kvcache.ImpossibleError):
            cache.append({"0.keys": step["0.keys"]})

    def test_from_arrays(self):
        keys = numpy.arange(40, dtype="float32").reshape(1, 2, 5, 4)
        bits = (numpy.arange(40, dtype="uint32").astype("float32").view("uint32") >> 16).astype("uint16").reshape(1, 2, 5, 4)
        cache = kvcache.from_arrays({"0.0": keys, "0.1": keys, "1.0": ("BF16", bits), "1.1": ("BF16", bits)},
                                    {"0.0": "", "0.1": "", "1.model": "m", "2.0": "KVCache", "2.1": "KVCache"})
        self.assertEqual((cache.tokens, cache.layers[1].dtype, dict(cache.metadata)), (5, "BF16", {"model": "m"}))
        again = kvcache.open(cache.to_bytes())
        numpy.testing.assert_array_equal(again.layers[0].values[:], keys)
        numpy.testing.assert_array_equal(again.layers[1].keys[:].view("uint16"), bits)
        with self.assertRaisesRegex(kvcache.UsageError, "is not as wide as"):
            kvcache.from_arrays({"0.0": ("BF16", keys)}, {})

    def test_children(self):
        for folder, _, names in os.walk(os.path.dirname(os.path.dirname(os.path.dirname(LLAMA)))):
            for name in names:
                if not name.endswith(".safetensors"):
                    continue
                try:
                    cache = kvcache.open(os.path.join(folder, name))
                except kvcache.Error:
                    continue
                for layer in cache.layers:
                    if layer.children and layer.children[-1].class_name == "KVCache":
                        child = layer.children[-1]
                        self.assertEqual(child.keys.shape, (child.batch, child.kv_heads, child.rows, child.key_dim))
                        return
        self.fail("no list with a KVCache")


if __name__ == "__main__":
    unittest.main()
