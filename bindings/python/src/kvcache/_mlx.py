"""Caches as the objects of mlx-lm, and back, without a file between them.

What an object of a class is made of is told by a table of its attributes (CLASSES), by the version of mlx-lm. What the installed classes
do not have is refused: a cache that was put together wrongly would load and then decode wrongly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ._arrays import Array, need_numpy
from ._cache import Cache, Layer, from_arrays
from .errors import ImpossibleError

Version = Tuple[int, ...]


@dataclass(frozen=True)
class Attributes:
    """Of one class, in some versions: what its constructor wants, and what is set afterwards."""

    #: first version that has it so
    since: Version
    #: first version that has not, or ()
    until: Version
    #: arguments of the constructor, from a layer
    arguments: Callable[[Layer], Sequence[Any]]
    #: attribute: "keys" (array), "quantized key" (codes, scales, biases), "integers NAME" (an array of what is per sequence), "slots",
    #: "children", or the name of a fact of the layer
    values: Mapping[str, str]

    def holds(self, version: Version) -> bool:
        return self.since <= version and not (self.until and version >= self.until)


def _no_arguments(_: Layer) -> Sequence[Any]:
    return ()


def _left_padding(layer: Layer) -> Sequence[Any]:
    if layer.left_padding is None:
        raise ImpossibleError(f"layer {layer.index} ({layer.class_name}): its left_padding is not known, and mlx-lm wants one")
    return (layer.left_padding,)


def _slots(layer: Layer) -> Sequence[Any]:
    return (layer.slots,)


_RECURRENT = {"cache": "slots", "left_padding": "integers left_padding", "lengths": "integers lengths"}
_PLAIN = {"keys": "keys", "values": "values", "offset": "tokens"}
_BATCH = {"keys": "keys", "values": "values", "offset": "integers offsets", "left_padding": "integers left_padding"}

#: By the names that files give the classes, as mlx-lm's sources have them from 0.22.0 to 0.31.3.
CLASSES: Dict[str, List[Attributes]] = {
    "KVCache": [Attributes((0, 22), (), _no_arguments, _PLAIN)],
    "ConcatenateKVCache": [Attributes((0, 26), (), _no_arguments, _PLAIN)],
    "RotatingKVCache": [
        Attributes(
            (0, 22),
            (),
            lambda layer: (layer.max_size, layer.keep),
            {**_PLAIN, "max_size": "max_size", "keep": "keep", "_idx": "idx"},
        )
    ],
    "QuantizedKVCache": [
        Attributes(
            (0, 22),
            (),
            lambda layer: (layer.group_size, layer.bits),
            {
                "keys": "quantized key",
                "values": "quantized value",
                "offset": "tokens",
                "group_size": "group_size",
                "bits": "bits",
            },
        )
    ],
    "ChunkedKVCache": [
        Attributes(
            (0, 24),
            (),
            lambda layer: (layer.chunk_size,),
            {**_PLAIN, "chunk_size": "chunk_size", "start_position": "start_position"},
        )
    ],
    "ArraysCache": [
        Attributes((0, 26, 1), (0, 28), _slots, {"cache": "slots"}),
        Attributes((0, 28), (0, 30, 4), _slots, {"cache": "slots", "left_padding": "integers left_padding"}),
        Attributes((0, 30, 4), (), _slots, _RECURRENT),
    ],
    "MambaCache": [
        Attributes((0, 22), (0, 28), _no_arguments, {"cache": "slots"}),
        Attributes((0, 28), (0, 30, 4), _no_arguments, {"cache": "slots", "left_padding": "integers left_padding"}),
        Attributes((0, 30, 4), (0, 30, 6), _no_arguments, _RECURRENT),
    ],
    "CacheList": [Attributes((0, 24), (), _no_arguments, {"caches": "children"})],
    "BatchKVCache": [Attributes((0, 28), (), _left_padding, {**_BATCH, "_idx": "rows"})],
    "BatchRotatingKVCache": [
        Attributes(
            (0, 28, 1),
            (),
            lambda layer: (layer.max_size, *_left_padding(layer)),
            {**_BATCH, "max_size": "max_size", "_offset": "total", "_idx": "idx", "rotated": "rotated"},
        )
    ],
}
# From 0.30.6 on the state of Mamba layers is of the class it is.
_RENAMED = {"MambaCache": "ArraysCache"}


def installed_version() -> Version:
    """Of mlx-lm. ImportError where it is not installed."""
    try:
        import mlx_lm
    except ImportError as error:
        raise ImportError(f"cache objects are mlx-lm's: install mlx-lm ({error})") from None
    return tuple(int(number) for number in re.findall(r"\d+", str(mlx_lm.__version__))[:3])


def _classes() -> Any:
    from mlx_lm.models import cache

    return cache


def _attributes(class_name: str, version: Version) -> Tuple[str, Attributes]:
    for name in (class_name, _RENAMED.get(class_name, "")):
        for attributes in CLASSES.get(name, ()):
            if attributes.holds(version) and hasattr(_classes(), name):
                return name, attributes
    shown = ".".join(map(str, version))
    raise ImpossibleError(
        f"mlx-lm {shown} has no {class_name} that is known here",
        "save() it and load the file there, or convert() it to that release first",
    )


def _mx() -> Any:
    try:
        import mlx.core
    except ImportError as error:
        raise ImportError(f"MLX is not installed ({error})") from None
    return mlx.core


def to_mlx(array: Array) -> Any:
    """mlx.core.array of the same type and shape."""
    mx, numpy = _mx(), need_numpy()
    if array.dtype in ("BF16", "F8_E4M3", "F8_E8M0"):
        bits = array.numpy().view(numpy.uint16 if array.dtype == "BF16" else numpy.uint8)
        made = mx.array(bits)
        return made.view(mx.bfloat16) if array.dtype == "BF16" else made
    return mx.array(array.numpy())


def _value(layer: Layer, kind: str) -> Any:
    arrays = layer.arrays

    def array(name: str) -> Any:
        found = arrays.get(name)
        return None if found is None else to_mlx(found)

    if kind in ("keys", "values"):
        return array(kind)
    if kind.startswith("quantized "):
        what = kind[len("quantized ") :]
        parts = [array(f"{what} {part}") for part in ("codes", "scales", "biases")]
        return None if parts[0] is None else tuple(part for part in parts if part is not None)
    if kind == "slots":
        return [array(f"slot {i}") for i in range(layer.slots or 0)]
    if kind.startswith("integers "):
        numbers = getattr(layer, kind[len("integers ") :])
        return None if numbers is None else _mx().array(numbers, dtype=_mx().int32)
    fact = getattr(layer, kind)
    if fact is None and (kind == "tokens" or layer.empty):
        return 0
    if fact is None:
        raise ImpossibleError(f"layer {layer.index} ({layer.class_name}): its {kind} is not known, and mlx-lm wants one")
    return fact


def build(layer: Layer, version: Version) -> Any:
    """The object of the installed mlx-lm for one layer."""
    name, attributes = _attributes(layer.class_name, version)
    kind = getattr(_classes(), name)
    # Of recurrent state, what a version has no place for must not be lost.
    for fact in ("left_padding", "lengths"):
        if layer.slots is not None and getattr(layer, fact) is not None and fact not in attributes.values:
            raise ImpossibleError(f"layer {layer.index}: {name} of mlx-lm {'.'.join(map(str, version))} has no {fact}")
    made = kind(*attributes.arguments(layer))
    for attribute, what in attributes.values.items():
        if not hasattr(made, attribute):
            raise ImpossibleError(
                f"layer {layer.index}: {name} of mlx-lm {'.'.join(map(str, version))} has no attribute {attribute}",
                "save() it and load the file there",
            )
        value: Any = tuple(build(child, version) for child in layer.children) if what == "children" else _value(layer, what)
        setattr(made, attribute, value)
    return made


def load(cache: Cache, model: Any = None) -> List[Any]:
    """One object per layer. `model`: the model that is to use them: its own caches are what they are compared with."""
    for finding in cache.findings:
        if finding.severity == "error":
            raise ImpossibleError(f"{finding.where + ': ' if finding.where else ''}{finding.message}", finding.hint, finding.code)
    version = installed_version()
    made = [build(layer, version) for layer in cache.layers]
    if model is not None:
        own = _classes().make_prompt_cache(model)
        if len(own) != len(made):
            raise ImpossibleError(f"the model has {len(own)} caches and this is one of {len(made)}", "it is of another model")
    return made


# ---- Back: what mlx-lm 0.32 would save of objects, whole state and all, whatever release they are of

_SCALAR, _NONE, _STRING = "scalar", "none", "string"


class _State:
    """Arrays and the table of what else is in the state, as in files of mlx-lm 0.32."""

    def __init__(self) -> None:
        self.arrays: Dict[str, Any] = {}
        self.rows: List[Tuple[str, str]] = []

    def array(self, key: str, value: Any) -> None:
        if value is None:
            self.arrays[key] = ("F32", need_numpy().empty([0], "float32"))
            self.rows.append((key, _NONE))
        else:
            self.arrays[key] = from_mlx(value)

    def scalar(self, key: str, value: Any) -> None:
        numpy = need_numpy()
        self.arrays[key] = numpy.array(value, "bool" if isinstance(value, bool) else "int32")
        self.rows.append((key, _SCALAR))

    def string(self, key: str, value: str) -> None:
        self.arrays[key] = need_numpy().array([ord(letter) for letter in value], "int32")
        self.rows.append((key, _STRING))


def from_mlx(array: Any) -> Any:
    """A numpy array, or ("BF16", bits), of an mlx.core.array, without a copy where memory is shared."""
    numpy = need_numpy()
    name = str(array.dtype).rsplit(".", 1)[-1]
    if name == "bfloat16":
        return "BF16", numpy.array(array.view(_mx().uint16), copy=False)
    return numpy.array(array, copy=False)


def _flatten(cache: Any, key: str, state: _State) -> str:
    """Puts the state of one object below `key`; returns the name of its class."""
    name = type(cache).__name__

    def scalars(first: int, *values: Any) -> None:
        for i, value in enumerate(values):
            state.scalar(f"{key}.{first + i}", value if isinstance(value, bool) else int(value))

    def rows(value: Any, valid: int) -> Any:
        return value if value is None or value.shape[2] <= valid else value[..., :valid, :]

    if name in ("KVCache", "ConcatenateKVCache", "RotatingKVCache", "ChunkedKVCache"):
        valid = cache.offset - (cache.start_position if name == "ChunkedKVCache" else 0)
        state.array(f"{key}.0", rows(cache.keys, valid))
        state.array(f"{key}.1", rows(cache.values, valid))
        if name == "RotatingKVCache":
            scalars(2, cache.offset, cache.keep, cache.max_size, cache._idx)
        elif name == "ChunkedKVCache":
            scalars(2, cache.offset, cache.chunk_size, cache.start_position)
        elif name == "KVCache":
            scalars(2, cache.offset)
    elif name == "QuantizedKVCache":
        for i, parts in enumerate((cache.keys, cache.values)):
            if parts is None:
                state.array(f"{key}.{i}", None)
            else:
                for j, part in enumerate(parts):
                    state.array(f"{key}.{i}.{j}", rows(part, cache.offset))
        scalars(2, cache.offset, cache.group_size, cache.bits)
    elif name in ("ArraysCache", "MambaCache"):
        for i, slot in enumerate(cache.cache):
            state.array(f"{key}.0.{i}", slot)
        state.array(f"{key}.1", getattr(cache, "left_padding", None))
        state.array(f"{key}.2", getattr(cache, "lengths", None))
        name = "ArraysCache"
    elif name == "CacheList":
        if not cache.caches:
            raise ImpossibleError("a CacheList without caches is in no file", "no model makes one")
        for i, child in enumerate(cache.caches):
            state.string(f"{key}.{i}.1", _flatten(child, f"{key}.{i}.0", state))
    elif name == "BatchKVCache":
        state.array(f"{key}.0", rows(cache.keys, cache._idx))
        state.array(f"{key}.1", rows(cache.values, cache._idx))
        state.array(f"{key}.2", cache.offset)
        state.array(f"{key}.3", cache.left_padding)
        scalars(4, cache._idx)
    elif name == "BatchRotatingKVCache":
        state.array(f"{key}.0", rows(cache.keys, cache._offset))
        state.array(f"{key}.1", rows(cache.values, cache._offset))
        state.array(f"{key}.2", cache.offset)
        state.array(f"{key}.3", cache.left_padding)
        scalars(4, cache.max_size, cache._offset, cache._idx, bool(cache.rotated))
    else:
        raise ImpossibleError(f"a {name} of mlx-lm is not known here", "save it with mlx_lm's save_prompt_cache()")
    return name


def from_objects(caches: "Sequence[Any]", metadata: "Optional[Mapping[str, str]]" = None) -> Cache:
    """A kvcache.Cache of mlx-lm's cache objects, one per layer. Arrays are not copied where memory is shared: the result is for
    saving or storing before the objects are used again."""
    state = _State()
    table: Dict[str, str] = {f"0.{key}": value for key, value in (metadata or {}).items()}
    for i, cache in enumerate(caches):
        table[f"1.{i}"] = _flatten(cache, str(i), state)
    table["2.0"] = ""
    for k, (key, kind) in enumerate(state.rows, 1):
        table[f"2.{k}.0"], table[f"2.{k}.1"] = key, kind
    return from_arrays(state.arrays, table, label="mlx-lm")
