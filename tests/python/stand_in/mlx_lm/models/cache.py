"""As much of mlx_lm.models.cache as the tests of kvcache need: the attributes of its classes, and what LRUPromptCache is documented to
do (its docstrings, and the behaviour that its own tests show), written anew. No model runs on it."""
import copy

import mlx.core as mx


class _Cache:
    trimmable = True

    def is_trimmable(self):
        return self.trimmable

    def trim(self, n):
        n = min(self.offset, n)
        self.offset -= n
        return n

    def arrays(self):
        return [a for a in (self.keys, self.values) if a is not None]

    @property
    def nbytes(self):
        return sum(a.nbytes for a in self.arrays())


class KVCache(_Cache):
    def __init__(self):
        self.keys = self.values = None
        self.offset = 0


class ConcatenateKVCache(KVCache):
    pass


class RotatingKVCache(_Cache):
    def __init__(self, max_size, keep=0):
        self.keys = self.values = None
        self.offset, self.max_size, self.keep, self._idx = 0, max_size, keep, 0

    def is_trimmable(self):
        return self.offset < self.max_size

    def trim(self, n):
        n = super().trim(n)
        self._idx -= n
        return n


class QuantizedKVCache(_Cache):
    def __init__(self, group_size=64, bits=8):
        self.keys = self.values = None
        self.offset, self.group_size, self.bits = 0, group_size, bits

    def arrays(self):
        return [*(self.keys or ()), *(self.values or ())]


class ChunkedKVCache(_Cache):
    def __init__(self, chunk_size):
        self.keys = self.values = None
        self.offset, self.chunk_size, self.start_position = 0, chunk_size, 0


class ArraysCache(_Cache):
    trimmable = False

    def __init__(self, size, left_padding=None):
        self.cache = [None] * size
        self.left_padding = None if left_padding is None else mx.array(left_padding)
        self.lengths = None

    def arrays(self):
        return [a for a in self.cache if a is not None]


class CacheList(_Cache):
    def __init__(self, *caches):
        self.caches = caches

    def is_trimmable(self):
        return all(c.is_trimmable() for c in self.caches)

    def trim(self, n):
        return [c.trim(n) for c in self.caches][-1]

    def arrays(self):
        return [a for c in self.caches for a in c.arrays()]


class BatchKVCache(_Cache):
    def __init__(self, left_padding):
        self.keys = self.values = None
        self.left_padding, self.offset = mx.array(left_padding), mx.array([-n for n in left_padding])
        self._idx = 0


class BatchRotatingKVCache(_Cache):
    def __init__(self, max_size, left_padding):
        self.keys = self.values = None
        self.left_padding, self.offset = mx.array(left_padding), mx.array([-n for n in left_padding])
        self.max_size, self._idx, self._offset, self.rotated = max_size, 0, 0, False


def can_trim_prompt_cache(cache):
    return all(c.is_trimmable() for c in cache)


def trim_prompt_cache(cache, n):
    return [c.trim(n) for c in cache][0] if cache and can_trim_prompt_cache(cache) else 0


class LRUPromptCache:
    """Caches of prompts by model and tokens. fetch_nearest_cache(): a copy of the cache of exactly these tokens; else of a longer one that
    can be trimmed to what is common, leaving one token, where that is more than the longest prefix; else of that prefix. insert_cache():
    prefixes of a cache that can be trimmed go, and the least recently inserted ones beyond the limits."""

    def __init__(self, max_size=10, max_bytes=1 << 63):
        self.max_size, self.max_bytes = max_size, max_bytes
        self._entries = {}  # (model, tokens): cache and type; the oldest first

    def __len__(self):
        return len(self._entries)

    @property
    def nbytes(self):
        return sum(c.nbytes for cache, _ in self._entries.values() for c in cache)

    def fetch_nearest_cache(self, model, tokens):
        tokens = tuple(tokens)
        if (model, tokens) in self._entries:
            return copy.deepcopy(self._entries[model, tokens][0]), []
        shorter, longer, common = (), None, 0
        for (whose, ids), (cache, _) in self._entries.items():
            if whose != model:
                continue
            n = next((i for i, (a, b) in enumerate(zip(ids, tokens)) if a != b), min(len(ids), len(tokens)))
            if n == len(ids) > len(shorter):
                shorter = ids
            if n > common and n < len(ids):
                longer, common = ids, n
        if longer is not None and common > len(shorter) and can_trim_prompt_cache(self._entries[model, longer][0]):
            cache = copy.deepcopy(self._entries[model, longer][0])
            prefix = min(len(tokens) - 1, common)
            trim_prompt_cache(cache, len(longer) - prefix)
            return cache, list(tokens[prefix:])
        if shorter:
            return copy.deepcopy(self._entries[model, shorter][0]), list(tokens[len(shorter):])
        return None, list(tokens)

    def insert_cache(self, model, tokens, prompt_cache, *, cache_type="assistant"):
        tokens = tuple(tokens)
        self._entries.pop((model, tokens), None)
        self._entries[model, tokens] = prompt_cache, cache_type
        if can_trim_prompt_cache(prompt_cache):
            for whose, ids in list(self._entries):
                if whose == model and len(ids) < len(tokens) and tokens[:len(ids)] == ids:
                    del self._entries[whose, ids]
        self.trim_to(n_sequences=self.max_size, n_bytes=self.max_bytes)

    def trim_to(self, *, n_sequences=None, n_bytes=None):
        while self._entries and ((n_sequences is not None and len(self) > n_sequences) or
                                 (n_bytes is not None and self.nbytes > n_bytes)):
            del self._entries[next(iter(self._entries))]
