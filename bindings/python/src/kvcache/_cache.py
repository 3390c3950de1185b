"""A prompt cache and its layers."""

from __future__ import annotations

import ctypes
import json
import os
import warnings
from dataclasses import dataclass
from typing import (
    Any,
    BinaryIO,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
    overload,
)

from . import _arrays, _work
from . import _library as c
from ._arrays import Array
from ._handle import Handle
from ._library import lib
from ._work import ProgressFunction
from .errors import Error, ImpossibleError, LossWarning, UsageError, check, text

_ref = ctypes.byref
PathLike = Union[str, "os.PathLike[str]", bytes]


def _path(path: "Union[PathLike, os.PathLike[bytes]]") -> bytes:
    return os.fsencode(path)


def _or_none(value: int) -> Optional[int]:
    return None if value == c.ABSENT else value


class Layer:
    """One layer of a cache. What its class has not is None. Lengths are tokens, sizes are bytes."""

    __slots__ = ("_cache", "_path", "_facts", "_children", "_arrays")

    def __init__(self, cache: "Cache", path: Tuple[int, ...], facts: c.LayerFacts) -> None:
        self._cache, self._path, self._facts = cache, path, facts
        self._children: Optional[Tuple[Layer, ...]] = None
        self._arrays: Optional[Dict[str, Optional[Array]]] = None

    def __repr__(self) -> str:
        tokens = "" if self.tokens is None else f", {self.tokens} tokens"
        return f"<kvcache.Layer {self.index} {self.class_name}{tokens}>"

    @property
    def index(self) -> int:
        """Its number in the cache; of a child, in its list."""
        return self._path[-1]

    @property
    def class_name(self) -> str:
        """As mlx-lm calls it: "KVCache", "RotatingKVCache"."""
        self._cache._open_handle()  # whose string it is
        return text(self._facts.class_name)

    @property
    def tokens(self) -> Optional[int]:
        """Logical length: the cache's offset."""
        return _or_none(self._facts.tokens)

    @property
    def rows(self) -> Optional[int]:
        """Rows stored on the sequence axis."""
        return _or_none(self._facts.rows)

    @property
    def batch(self) -> Optional[int]:
        """Sequences: B."""
        return _or_none(self._facts.batch)

    @property
    def kv_heads(self) -> Optional[int]:
        """H."""
        return _or_none(self._facts.kv_heads)

    @property
    def key_dim(self) -> Optional[int]:
        """Head dim of keys, unpacked."""
        return _or_none(self._facts.key_dim)

    @property
    def value_dim(self) -> Optional[int]:
        """Head dim of values, unpacked."""
        return _or_none(self._facts.value_dim)

    @property
    def window(self) -> Optional[int]:
        """Of a rotating cache, its max_size in tokens."""
        return _or_none(self._facts.max_size)

    max_size = window

    @property
    def keep(self) -> Optional[int]:
        """Tokens that a window pins."""
        return _or_none(self._facts.keep)

    @property
    def idx(self) -> Optional[int]:
        """Of a window, the row of the ring after the newest one."""
        return _or_none(self._facts.idx)

    @property
    def wrapped(self) -> Optional[bool]:
        """Of a window: tokens were evicted, or the ring is out of temporal order."""
        wrapped = _or_none(self._facts.wrapped)
        return None if wrapped is None else bool(wrapped)

    @property
    def bits(self) -> Optional[int]:
        """Of a quantized value."""
        return _or_none(self._facts.bits)

    @property
    def group_size(self) -> Optional[int]:
        """Quantized values that share a scale."""
        return _or_none(self._facts.group_size)

    @property
    def chunk_size(self) -> Optional[int]:
        """Of a chunked cache, tokens."""
        return _or_none(self._facts.chunk_size)

    @property
    def start_position(self) -> Optional[int]:
        """Tokens that a chunked cache has dropped from the front."""
        return _or_none(self._facts.start_position)

    @property
    def slots(self) -> Optional[int]:
        """Of recurrent state, those that are not set as well."""
        return _or_none(self._facts.slots)

    @property
    def total(self) -> Optional[int]:
        """Of a batch of windows, rows appended, padding included."""
        return _or_none(self._facts.total)

    @property
    def rotated(self) -> Optional[bool]:
        """Of a batch of windows: the oldest row is at idx."""
        rotated = _or_none(self._facts.rotated)
        return None if rotated is None else bool(rotated)

    @property
    def bytes(self) -> int:
        """Of its arrays."""
        return int(self._facts.bytes)

    @property
    def padding_bytes(self) -> int:
        """Part of them that no token uses."""
        return int(self._facts.padding_bytes)

    @property
    def dtype(self) -> Optional[str]:
        """Of keys, or of the scales of a quantized cache: "BF16"."""
        number = self._facts.dtype
        return None if number < 0 else _arrays.NAMES[number]

    @property
    def trimmable(self) -> bool:
        """Tokens can be given back."""
        return bool(self._facts.trimmable)

    @property
    def empty(self) -> bool:
        """Never used: holds no arrays."""
        return bool(self._facts.empty)

    def _integers(self, which: int) -> Optional[List[int]]:
        handle = self._cache._open_handle()
        path = (ctypes.c_size_t * len(self._path))(*self._path)
        count = ctypes.c_size_t()
        arguments = (handle.pointer, path, len(self._path), which)
        check(lib.kvcache_layer_integers, *arguments, None, 0, _ref(count))
        if count.value == 0:
            return None
        values = (ctypes.c_int64 * count.value)()
        check(lib.kvcache_layer_integers, *arguments, values, count.value, None)
        return list(values)

    @property
    def left_padding(self) -> Optional[List[int]]:
        """Of a batch, rows of padding before each sequence."""
        return self._integers(0)

    @property
    def offsets(self) -> Optional[List[int]]:
        """Of a batch, tokens of each sequence."""
        return self._integers(1)

    @property
    def lengths(self) -> Optional[List[int]]:
        """Of recurrent state, tokens of each sequence."""
        return self._integers(2)

    @property
    def children(self) -> "Tuple[Layer, ...]":
        """Of a CacheList."""
        if self._children is None:
            handle = self._cache._open_handle()
            children = []
            for i in range(self._facts.children):
                path = (*self._path, i)
                facts = c.LayerFacts()
                check(lib.kvcache_layer_at, handle.pointer, (ctypes.c_size_t * len(path))(*path), len(path), _ref(facts))
                children.append(Layer(self._cache, path, facts))
            self._children = tuple(children)
        return self._children

    @property
    def arrays(self) -> "Mapping[str, Optional[Array]]":
        """All arrays by name, in the order of the class's state; None for a slot that is not set. Those of a list's children are
        the layer's, as "child 0 keys"."""
        if self._arrays is None:
            handle = self._cache._open_handle()
            arrays: Dict[str, Optional[Array]] = {}
            if len(self._path) == 1:
                for i in range(self._facts.arrays):
                    facts = c.Array()
                    check(lib.kvcache_array_at, handle.pointer, self._path[0], i, _ref(facts))
                    arrays[text(facts.name)] = None if facts.dtype < 0 else Array(handle, self._path[0], i, facts)
            else:
                top = self._cache.layers[self._path[0]].arrays
                prefix = "".join(f"child {i} " for i in self._path[1:])
                arrays = {name[len(prefix) :]: array for name, array in top.items() if name.startswith(prefix)}
            self._arrays = arrays
        return self._arrays

    def _plain(self, name: str) -> Array:
        array = self.arrays.get(name)
        if array is None or self.bits is not None:
            where = f"layer {self._path[0]} ({self.class_name})"
            if self.bits is not None:
                raise ImpossibleError(
                    f"{where}: {name} are packed in {self.bits} bits", "cache.dequantize() first; .arrays has what is stored"
                )
            raise ImpossibleError(f"{where} has no {name}", ".arrays has what it holds: " + (", ".join(self.arrays) or "nothing"))
        return array

    @property
    def keys(self) -> Array:
        """[B, H, S, D], rows as stored: those of a window in the order of the ring (Cache.unrotate() makes it that of time).
        ImpossibleError for a class without, and for packed ones."""
        return self._plain("keys")

    @property
    def values(self) -> Array:
        """As keys."""
        return self._plain("values")


class _Layers(Sequence[Layer]):
    __slots__ = ("_cache", "_facts", "_made")

    def __init__(self, cache: "Cache", facts: Any, count: int) -> None:
        self._cache, self._facts = cache, facts
        self._made: List[Optional[Layer]] = [None] * count

    def __len__(self) -> int:
        return len(self._made)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Layer]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[Layer, Sequence[Layer]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self._made)
        if not 0 <= index < len(self._made):
            raise IndexError(f"there is no layer {index}: the cache has {len(self._made)}")
        layer = self._made[index]
        if layer is None:
            layer = self._made[index] = Layer(self._cache, (index,), self._facts[index])
        return layer

    def __repr__(self) -> str:
        return repr(list(self))


@dataclass(frozen=True)
class Verdict:
    """What a runtime makes of a cache. True where it restores what the cache means."""

    ok: bool
    #: why not, or empty
    reason: str = ""
    #: a command line that makes a file that it loads, or empty
    fix: str = ""

    def __bool__(self) -> bool:
        return self.ok


class LoadsIn(Mapping[str, Verdict]):
    """Who can load a cache, by the ids of formats. Those of releases ("mlx-lm@0.30.7") and of runtimes alone can be asked for."""

    __slots__ = ("_cache", "_known")

    def __init__(self, cache: "Cache") -> None:
        self._cache = cache
        self._known: Dict[str, Verdict] = {}

    def __getitem__(self, target: str) -> Verdict:
        verdict = self._known.get(target)
        if verdict is None:
            found = c.Verdict()
            try:
                check(lib.kvcache_loads_in, self._cache._open_handle().pointer, target.encode(), _ref(found))
            except UsageError as error:
                raise UnknownFormat(error.message, error.hint) from None
            verdict = self._known[target] = Verdict(bool(found.ok), text(found.reason), text(found.fix))
        return verdict

    def __iter__(self) -> Iterator[str]:
        return iter(formats())

    def __len__(self) -> int:
        return len(formats())

    def __repr__(self) -> str:
        return repr(dict(self))


class UnknownFormat(UsageError, KeyError):
    """There is no such format, release or runtime."""


def formats() -> List[str]:
    """Ids of all formats: those of mlx-lm, mlx-swift-lm, mlxrs, in each the oldest first."""
    return [text(lib.kvcache_format_at(i)) for i in range(lib.kvcache_format_count())]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a file, or worth knowing."""

    #: "KV413", as in docs/findings.md
    code: str
    #: "info", "warning" or "error"
    severity: str
    #: what is wrong with the values at hand, and what follows from it
    message: str
    #: "layer 3", "header" or empty
    where: str = ""
    #: of a tensor or of metadata, or empty
    key: str = ""
    #: what to do about it, or empty
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.severity} {self.code} {self.where + ': ' if self.where else ''}{self.message}"


_SEVERITIES = ("info", "warning", "error")


@dataclass(frozen=True)
class Saved:
    """What was saved."""

    #: as it was named; empty for memory
    path: str
    #: of the file
    bytes: int
    #: what was lost, as the runtimes lose it as well, and doubts; each was a LossWarning, too
    warnings: Tuple[str, ...] = ()
    #: "checksums", "token ids", "text": what no longer held and was taken out of the stamp
    dropped_from_stamp: Tuple[str, ...] = ()


class _Owned:
    """A handle that a call gives, given back whatever happens."""

    __slots__ = ("pointer", "_free")

    def __init__(self, free: Any) -> None:
        self.pointer = ctypes.c_void_p()
        self._free = free

    def __del__(self) -> None:
        self._free(self.pointer)


def _take_string(owned: _Owned) -> str:
    return ctypes.string_at(owned.pointer).decode("ascii") if owned.pointer.value else ""


class Cache:
    """A prompt cache: what a file holds, and the edits made since. It never changes: an edit returns another one.

    Opening costs the header of the file; edits only describe what is to be done; bytes move when the result is saved or an array
    is read. Different caches may be used by different threads, and one cache by several.
    """

    __slots__ = ("_handle", "_layers", "_facts", "_loads_in", "_metadata", "__weakref__")

    def __init__(self, handle: Handle) -> None:
        self._handle: Optional[Handle] = handle
        self._layers: Optional[_Layers] = None
        self._facts: Optional[c.Facts] = None
        self._loads_in: Optional[LoadsIn] = None
        self._metadata: Optional[Dict[str, str]] = None

    # ---- life

    def _open_handle(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise UsageError("the cache is closed")
        return handle

    def close(self) -> None:
        """Let go of the file. Arrays that were taken out of it stay, and so do caches made from this one."""
        self._handle = None

    def __enter__(self) -> "Cache":
        self._open_handle()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: object, trace: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._handle is None:
            return "<kvcache.Cache, closed>"
        edited = ", edited" if self.edited else ""
        return f"<kvcache.Cache {self.path!r} {self.format}, {len(self.layers)} layers, {self.tokens} tokens{edited}>"

    # ---- facts

    def _all_facts(self) -> c.Facts:
        handle = self._open_handle()
        if self._facts is None:
            facts = c.Facts()
            check(lib.kvcache_cache_facts, handle.pointer, _ref(facts))
            self._facts = facts
        return self._facts

    @property
    def path(self) -> str:
        """As it was opened."""
        return text(self._all_facts().path)

    @property
    def format(self) -> Optional[str]:
        """The format it is saved in: "mlx-lm@0.31". None where its layers are of several."""
        value = self._all_facts().format
        return None if value is None else text(value)

    @property
    def tokens(self) -> int:
        """The largest offset of all layers."""
        return int(self._all_facts().tokens)

    @property
    def bytes(self) -> int:
        """Of keys, values and states."""
        return int(self._all_facts().bytes)

    @property
    def padding_bytes(self) -> int:
        """Part of `bytes` that no token uses."""
        return int(self._all_facts().padding_bytes)

    @property
    def file_bytes(self) -> int:
        """Of the file that was opened, as it lies on the disk."""
        return int(self._all_facts().file_bytes)

    @property
    def gzip(self) -> bool:
        """The file that was opened is compressed."""
        return bool(self._all_facts().gzip)

    @property
    def trimmable(self) -> bool:
        """Every layer can give tokens back."""
        return bool(self._all_facts().trimmable)

    @property
    def edited(self) -> bool:
        """It is not what its file holds."""
        return bool(self._all_facts().edited)

    @property
    def layers(self) -> "Sequence[Layer]":
        """In the model's order."""
        handle = self._open_handle()
        if self._layers is None:
            count = self._all_facts().layers
            facts = (c.LayerFacts * max(1, count))()
            facts[0].struct_size = ctypes.sizeof(c.LayerFacts)
            check(lib.kvcache_layers, handle.pointer, facts, count, None)
            self._layers = _Layers(self, facts, count)
        return self._layers

    @property
    def metadata(self) -> "Mapping[str, str]":
        """What the user stored beside the layers."""
        handle = self._open_handle()
        if self._metadata is None:
            found: Dict[str, str] = {}
            parts: List[Any] = [ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_void_p(), ctypes.c_size_t()]
            for i in range(lib.kvcache_metadata_count(handle.pointer)):
                check(lib.kvcache_metadata_at, handle.pointer, i, *(_ref(part) for part in parts))
                key, key_length, value, value_length = (part.value or 0 for part in parts)
                found[text(ctypes.string_at(key, key_length))] = text(ctypes.string_at(value, value_length))
            self._metadata = found
        return dict(self._metadata)

    @property
    def loads_in(self) -> LoadsIn:
        """Who can load it, as it would be saved."""
        self._open_handle()
        if self._loads_in is None:
            self._loads_in = LoadsIn(self)
        return self._loads_in

    @property
    def findings(self) -> "List[Finding]":
        """What is wrong with it, as far as headers tell; kvcache.verify() looks further."""
        handle = self._open_handle()
        count = ctypes.c_size_t()
        check(lib.kvcache_finding_count, handle.pointer, _ref(count))
        found = []
        for i in range(count.value):
            f = c.Finding()
            check(lib.kvcache_finding_at, handle.pointer, i, _ref(f))
            found.append(
                Finding(text(f.code), _SEVERITIES[f.severity], text(f.message), text(f.where), text(f.key), text(f.hint))
            )
        return found

    def inspect(self, *, stats: bool = False, threads: int = 0, progress: Optional[ProgressFunction] = None) -> "Dict[str, Any]":
        """What `kvcache inspect --json` prints, of the file or of the one that an edited cache would become.

        stats: with statistics of all values, for which data are read.
        """
        out = _Owned(lib.kvcache_string_free)
        handle = self._open_handle()
        _work.call(
            lib.kvcache_inspect, handle.pointer, int(stats), threads=threads, progress=progress, after=(_ref(out.pointer),)
        )
        document = json.loads(_take_string(out))
        assert isinstance(document, dict)
        return document

    # ---- edits

    def _copy(self, *others: Handle) -> "Cache":
        handle = self._open_handle()
        copy = ctypes.c_void_p()
        check(lib.kvcache_copy, handle.pointer, _ref(copy))
        return Cache(handle.derived(copy.value or 0, *others))

    def _edit(self, function: Any, *arguments: Any) -> "Cache":
        cache = self._copy()
        check(function, cache._open_handle().pointer, *arguments)
        return cache

    def trim(self, n: Optional[int] = None, *, to: Optional[int] = None) -> "Cache":
        """Without the last n tokens, or with the first `to` alone, in every layer; of a batch, of each sequence. ImpossibleError where
        a layer cannot give them back."""
        if (n is None) == (to is None):
            raise UsageError("how much is not given", "trim(n) removes the last n tokens, trim(to=n) keeps the first n")
        if n is not None:
            return self._edit(lib.kvcache_trim, n, None)
        return self._edit(lib.kvcache_trim_to, to, None)

    def unrotate(self) -> "Cache":
        """With the rows of every window in temporal order."""
        return self._edit(lib.kvcache_unrotate, None)

    def convert(
        self,
        to: Optional[str] = None,
        *,
        model: Optional[PathLike] = None,
        drop_model_state: bool = False,
        drop_unset_slots: bool = False,
    ) -> "Cache":
        """In another format: a runtime ("mlx-swift-lm"), an era or a release of it. ImpossibleError for what has no place there.

        model: the model's folder or config.json: refuses what its code in the target would misread.
        """
        options = c.ConvertOptions(drop_model_state=drop_model_state, drop_unset_slots=drop_unset_slots)
        if model is not None:
            options.model = _path(model)
        return self._edit(lib.kvcache_convert, None if to is None else to.encode(), _ref(options))

    def cast(self, dtype: str, *, allow_overflow: bool = False) -> "Cache":
        """With keys and values in F16, BF16 or F32. Values beyond its range fail save(), unless overflow is allowed."""
        return self._edit(lib.kvcache_cast, _arrays.number(dtype), int(allow_overflow), None)

    def to_plain(self) -> "Cache":
        """With windows that have dropped nothing as plain caches."""
        return self._edit(lib.kvcache_to_plain, None)

    def to_rotating(self, max_size: int, *, keep: int = 0) -> "Cache":
        """With plain caches as windows of max_size tokens that pin the first `keep`; tokens between them go."""
        return self._edit(lib.kvcache_to_rotating, max_size, keep, None, None)

    def restore_children(self, spec: str) -> "Cache":
        """With what CacheLists held, for files that forgot: "KVCache,ArraysCache:2"."""
        return self._edit(lib.kvcache_restore_children, spec.encode())

    def quantize(
        self,
        bits: int = 8,
        group_size: int = 64,
        *,
        layers: Optional[Iterable[int]] = None,
        requantize: bool = False,
    ) -> "Cache":
        """With plain layers quantized, bit for bit as mlx-lm's to_quantized does it.

        bits: 2, 3, 4, 5, 6 or 8. group_size: 32, 64 or 128 values share a scale. layers: which; negative ones count from the end.
        """
        options = c.QuantizeOptions(bits=bits, group_size=group_size, requantize=requantize)
        if bits == 0 or group_size == 0:
            raise UsageError(f"{bits} bits in groups of {group_size} are not supported", "2, 3, 4, 5, 6 or 8; 32, 64 or 128")
        if layers is not None:
            count = len(self.layers)
            chosen = [i + count if i < 0 else i for i in layers]
            if any(i < 0 for i in chosen):
                raise UsageError(f"there is no layer {min(chosen) - count}: the cache has {count}")
            indices = (ctypes.c_size_t * max(1, len(chosen)))(*chosen)
            options.layers = ctypes.cast(indices, ctypes.POINTER(ctypes.c_size_t))
            options.layer_count = len(chosen)
        return self._edit(lib.kvcache_quantize, _ref(options), None)

    def dequantize(self, dtype: Optional[str] = None) -> "Cache":
        """With quantized layers as plain ones; dtype: by default that of the scales."""
        return self._edit(lib.kvcache_dequantize, -1 if dtype is None else _arrays.number(dtype), None)

    def append(self, update: "Union[PathLike, Mapping[str, Any]]") -> "Cache":
        """With new tokens in every layer.

        update: a safetensors file, or arrays, "LAYER.keys" and "LAYER.values" of [B, H, N, D] for N tokens: of numpy, kvcache.Array,
        or ("BF16", bits) where numpy has no such type. In a CacheList "LAYER.CHILD.keys".
        """
        if not isinstance(update, Mapping):
            return self._edit(lib.kvcache_append_file, _path(update), None)
        arrays, keep = _arrays.named_arrays([_arrays.of_value(name, value) for name, value in update.items()])
        cache = self._edit(lib.kvcache_append, arrays, len(update), None)
        del keep
        return cache

    def extract(self, index: int) -> "Cache":
        """One sequence of a batch."""
        return self._edit(lib.kvcache_extract, index)

    def filter(self, indices: Iterable[int]) -> "Cache":
        """These sequences of a batch, in this order."""
        chosen = list(indices)
        return self._edit(lib.kvcache_filter, (ctypes.c_int64 * max(1, len(chosen)))(*chosen), len(chosen))

    def align(self, right_padding: Iterable[int]) -> "Cache":
        """With the last right_padding[b] rows of sequence b, which are padding, moved to the left."""
        rows = list(right_padding)
        return self._edit(lib.kvcache_align, (ctypes.c_int64 * max(1, len(rows)))(*rows), len(rows))

    def extend(self, other: "Cache") -> "Cache":
        """With the sequences of another batch."""
        theirs = other._open_handle()
        cache = self._copy(theirs)
        check(lib.kvcache_extend, cache._open_handle().pointer, theirs.pointer)
        return cache

    def with_metadata(
        self, metadata: "Optional[Mapping[str, Optional[str]]]" = None, *, force: bool = False, **more: Optional[str]
    ) -> "Cache":
        """With these user metadata; None removes one. A key that mlx-lm returns as something else is refused without `force`."""
        cache = self._copy()
        pointer = cache._open_handle().pointer
        for key, value in {**(metadata or {}), **more}.items():
            encoded = None if value is None else value.encode("utf-8", "surrogateescape")
            if "\0" in key or (encoded is not None and b"\0" in encoded):
                raise UsageError(f"metadata {key!r} has a NUL in it")
            check(lib.kvcache_metadata_set, pointer, key.encode("utf-8", "surrogateescape"), encoded, int(force))
        return cache

    def without_metadata(self) -> "Cache":
        """Without any. Keys and values themselves still hold the prompt."""
        return self._edit(lib.kvcache_metadata_clear)

    def stamp(
        self,
        *,
        model: Optional[PathLike] = None,
        token_ids: Optional[Sequence[int]] = None,
        prompt: Optional[str] = None,
        time: Optional[str] = None,
        threads: int = 0,
        progress: Optional[ProgressFunction] = None,
    ) -> "Cache":
        """With checksums of all arrays, and which model (its folder) and prompt it is of. Reads all data."""
        options = c.StampOptions()
        if time is not None:
            options.time = time.encode()
        if model is not None:
            options.model = _path(model)
        if prompt is not None:
            options.text = prompt.encode("utf-8", "surrogateescape")
        if token_ids is not None:
            ids = (ctypes.c_int32 * max(1, len(token_ids)))(*token_ids)
            options.token_ids, options.token_count = ctypes.cast(ids, ctypes.POINTER(ctypes.c_int32)), len(token_ids)
        cache = self._copy()
        handle = cache._open_handle()
        _work.call(lib.kvcache_stamp, handle.pointer, _ref(options), threads=threads, progress=progress)
        return cache

    def repair(self) -> "Cache":
        """With whatever is damaged and has exactly one answer put right; a sound one is saved byte for byte. ImpossibleError where
        something is left. To be done before other edits."""
        return self._edit(lib.kvcache_repair, None)

    # ---- saving

    def _save(self, path: str, function: Any, *arguments: Any, options: c.SaveOptions, out: Any, **work: Any) -> Saved:
        handle = self._open_handle()
        result = _Owned(lib.kvcache_result_free)
        _work.call(function, handle.pointer, *arguments, _ref(options), after=(*out, _ref(result.pointer)), **work)
        pointer = result.pointer
        saved = Saved(
            path,
            lib.kvcache_result_bytes(pointer),
            tuple(text(lib.kvcache_result_warning(pointer, i)) for i in range(lib.kvcache_result_warning_count(pointer))),
            tuple(text(lib.kvcache_result_dropped(pointer, i)) for i in range(lib.kvcache_result_dropped_count(pointer))),
        )
        for warning in saved.warnings:
            warnings.warn(f"{path}: {warning}" if path else warning, LossWarning, stacklevel=3)
        return saved

    def save(
        self,
        path: PathLike,
        *,
        overwrite: bool = False,
        gzip: bool = False,
        threads: int = 0,
        progress: Optional[ProgressFunction] = None,
    ) -> Saved:
        """Into a file, which appears complete or not at all. What is lost, as the runtimes lose it as well, is a LossWarning.

        progress: called with bytes done and bytes in total. Ctrl-C leaves nothing behind.
        """
        options = c.SaveOptions(overwrite=overwrite, gzip=gzip)
        to = _path(path)
        return self._save(
            os.fsdecode(to), lib.kvcache_save, to, options=options, out=(), threads=threads, progress=progress
        )

    def save_in_place(self, *, threads: int = 0, progress: Optional[ProgressFunction] = None) -> Saved:
        """Into the file that it was opened from, atomically, with the mode and the compression that has."""
        path = self.path
        to = _path(path)
        if not os.path.isfile(to):
            raise UsageError(f"{path} is no file that could be replaced", "save(path) writes a new one")
        options = c.SaveOptions(overwrite=True, gzip=self.gzip, keep_mode_of=to)
        return self._save(path, lib.kvcache_save, to, options=options, out=(), threads=threads, progress=progress)

    def to_bytes(self, *, gzip: bool = False, threads: int = 0, progress: Optional[ProgressFunction] = None) -> memoryview:
        """What save() would write, in memory."""
        buffer = _Owned(lib.kvcache_buffer_free)
        options = c.SaveOptions(gzip=gzip)
        self._save(
            "",
            lib.kvcache_save_memory,
            options=options,
            out=(_ref(buffer.pointer),),
            threads=threads,
            progress=progress,
        )
        size = lib.kvcache_buffer_size(buffer.pointer)
        array = (ctypes.c_ubyte * size).from_address(lib.kvcache_buffer_data(buffer.pointer))
        array._owner = buffer  # the memory goes with the last view of it
        return memoryview(array).cast("B").toreadonly()

    def load(self, *, model: Any = None) -> "List[Any]":
        """The cache objects of the mlx-lm that is installed, one per layer, without writing a file. Needs mlx and mlx_lm."""
        from . import _mlx

        return _mlx.load(self, model)


class Source:
    """Bytes that a program has somewhere: subclass it. Size and bytes stay what they are while a cache is made of them."""

    #: what messages call it
    label = "source"

    def __len__(self) -> int:
        """How many bytes."""
        raise NotImplementedError

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill the buffer with the bytes from `offset`. Called from several threads. What is raised fails the call at work."""
        raise NotImplementedError


def _open_program_source(source: Source) -> Handle:
    def read_at(_: object, offset: int, out: int, count: int) -> int:
        try:
            source.read_into(offset, memoryview((ctypes.c_ubyte * count).from_address(out)).cast("B"))
            return 0
        except BaseException:  # which cannot go through the library
            import sys

            sys.excepthook(*sys.exc_info())
            return 1

    callback = c.ReadAt(read_at)
    given = c.Source(label=source.label.encode(), size=len(source), read_at=callback)
    pointer = ctypes.c_void_p()
    check(lib.kvcache_open_source, _ref(given), _ref(pointer))
    return Handle(pointer.value or 0, (source, callback))


def open(source: "Union[PathLike, bytes, bytearray, memoryview, BinaryIO, Source]", *, label: Optional[str] = None) -> Cache:
    """Open a prompt cache. Only its header is read.

    source: a path, the bytes themselves (bytes, bytearray, memoryview: not copied, and not to be changed while
    the cache is in use), a binary file object (read whole), or a Source.
    label: what messages call bytes in memory.

    IoError for what cannot be read, UnreadableError for what is no prompt cache. A damaged one is opened: `findings` says so.
    """
    pointer = ctypes.c_void_p()
    if isinstance(source, (str, os.PathLike)):
        path = _path(source)
        if b"\0" in path:
            raise UsageError("the path has a NUL in it")
        check(lib.kvcache_open, path, _ref(pointer))
        return Cache(Handle(pointer.value or 0))
    if isinstance(source, Source):
        return Cache(_open_program_source(source))
    if hasattr(source, "read"):
        label = label or str(getattr(source, "name", "stream"))
        source = source.read()
    address, view = _arrays.pointer_of(source)
    check(lib.kvcache_open_memory, address, view.nbytes, (label or "memory").encode(), _ref(pointer))
    handle = Handle(pointer.value or 0, (view,), view)
    cache = Cache(handle)
    if cache.gzip:
        handle._memory = None  # its offsets are those of what was compressed
    return cache


def from_arrays(
    arrays: "Mapping[str, Any]", metadata: "Optional[Mapping[str, str]]" = None, *, label: str = "memory"
) -> Cache:
    """What a file of these arrays and this metadata would hold, without writing one.

    arrays: by their keys in a file of one of the formats: numpy arrays, kvcache.Arrays, or ("BF16", bits) where numpy has no such
    type. They are not copied where they are contiguous, and not to be changed while the cache is in use.
    """
    rows = [_arrays.of_value(name, value) for name, value in arrays.items()]
    named, keep = _arrays.named_arrays(rows)
    pairs: List[bytes] = []
    for key, value in (metadata or {}).items():
        pairs += [key.encode(), value.encode()]
    pointer = ctypes.c_void_p()
    check(
        lib.kvcache_open_arrays,
        named,
        len(rows),
        (ctypes.c_char_p * max(1, len(pairs)))(*pairs),
        len(pairs) // 2,
        label.encode(),
        _ref(pointer),
    )
    return Cache(Handle(pointer.value or 0, tuple(keep)))


def merge(caches: "Iterable[Cache]") -> Cache:
    """One batch of caches of single sequences; user metadata and format are the first one's. ImpossibleError naming the first
    mismatch."""
    handles = [cache._open_handle() for cache in caches]
    pointers = (ctypes.c_void_p * max(1, len(handles)))(*(handle.pointer for handle in handles))
    batch = ctypes.c_void_p()
    check(lib.kvcache_merge, pointers, len(handles), _ref(batch))
    return Cache(handles[0].derived(batch.value or 0, *handles[1:]))


__all__ = ["Cache", "Error", "Finding", "Layer", "LoadsIn", "Saved", "Source", "UnknownFormat", "Verdict"]
