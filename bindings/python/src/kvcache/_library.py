"""The C interface, as ctypes sees it. Names and meanings are those of kvcache/kvcache_c.h."""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any, List, Tuple

ABI_MAJOR = 1
ABI_MINOR = 0
ABSENT = -(2**63)

OK, MISS, USAGE, UNREADABLE, IMPOSSIBLE, IO, INTERRUPTED, NO_MEMORY, INTERNAL = 0, 1, 2, 3, 4, 5, 6, 7, 70
FEATURE_STORE = 1

ReadAt = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_size_t)
Release = CFUNCTYPE(None, c_void_p)
Progress = CFUNCTYPE(None, c_void_p, c_uint64, c_uint64)


class Sized(Structure):
    """What begins with struct_size."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.struct_size = ctypes.sizeof(self)


class Work(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_uint32),
        ("progress", Progress),
        ("progress_context", c_void_p),
        ("stop", c_void_p),
    ]


class Source(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("context", c_void_p),
        ("label", c_char_p),
        ("size", c_uint64),
        ("read_at", ReadAt),
        ("release", Release),
    ]


class NamedArray(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("dtype", c_int32),
        ("rank", c_size_t),
        ("shape", POINTER(c_int64)),
        ("bytes", c_void_p),
        ("size", c_size_t),
    ]


class Facts(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("path", c_char_p),
        ("format", c_char_p),
        ("file_bytes", c_uint64),
        ("bytes", c_uint64),
        ("padding_bytes", c_uint64),
        ("tokens", c_int64),
        ("layers", c_size_t),
        ("gzip", c_uint8),
        ("trimmable", c_uint8),
        ("edited", c_uint8),
    ]


class LayerFacts(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("class_name", c_char_p),
        ("tokens", c_int64),
        ("rows", c_int64),
        ("batch", c_int64),
        ("kv_heads", c_int64),
        ("key_dim", c_int64),
        ("value_dim", c_int64),
        ("keep", c_int64),
        ("max_size", c_int64),
        ("idx", c_int64),
        ("wrapped", c_int64),
        ("bits", c_int64),
        ("group_size", c_int64),
        ("chunk_size", c_int64),
        ("start_position", c_int64),
        ("slots", c_int64),
        ("total", c_int64),
        ("rotated", c_int64),
        ("bytes", c_uint64),
        ("padding_bytes", c_uint64),
        ("children", c_size_t),
        ("arrays", c_size_t),
        ("dtype", c_int32),
        ("trimmable", c_uint8),
        ("empty", c_uint8),
    ]


class Verdict(Sized):
    _fields_ = [("struct_size", c_size_t), ("ok", c_int32), ("reason", c_char_p), ("fix", c_char_p)]


class Finding(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("severity", c_int32),
        ("code", c_char_p),
        ("where", c_char_p),
        ("key", c_char_p),
        ("message", c_char_p),
        ("hint", c_char_p),
    ]


class VerifyOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("load_in", POINTER(c_char_p)),
        ("load_in_count", c_size_t),
        ("model", c_char_p),
        ("recursive", c_uint8),
        ("data", c_uint8),
        ("fix", c_uint8),
    ]


class Array(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("bytes", c_uint64),
        ("source_offset", c_int64),
        ("shape", c_int64 * 32),
        ("rank", c_size_t),
        ("dtype", c_int32),
    ]


class ConvertOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("model", c_char_p),
        ("drop_model_state", c_uint8),
        ("drop_unset_slots", c_uint8),
    ]


class QuantizeOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("bits", c_int32),
        ("group_size", c_int32),
        ("layers", POINTER(c_size_t)),
        ("layer_count", c_size_t),
        ("requantize", c_uint8),
    ]


class StampOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("time", c_char_p),
        ("model", c_char_p),
        ("token_ids", POINTER(c_int32)),
        ("token_count", c_size_t),
        ("text", c_char_p),
    ]


class SaveOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("overwrite", c_uint8),
        ("gzip", c_uint8),
        ("public_mode", c_uint8),
        ("keep_mode_of", c_char_p),
    ]


class Prompt(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("tokens", POINTER(c_int32)),
        ("token_count", c_size_t),
        ("model", c_char_p),
        ("adapter", c_char_p),
        ("identity", c_char_p),
        ("salt", c_char_p),
    ]


class PutOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("label", c_char_p), ("pin", c_uint8), ("check", c_uint8)]


class QueryOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("leave_none", c_uint8),
        ("exact", c_uint8),
        ("leave", c_int64),
        ("min_tokens", c_int64),
    ]


class MatchFacts(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("query", c_int64),
        ("matched", c_int64),
        ("resume_at", c_int64),
        ("blocks", c_uint64),
        ("bytes", c_uint64),
        ("new_blocks", c_uint64),
        ("evicted", c_uint64),
        ("entry", c_char_p),
        ("reason", c_char_p),
        ("format", c_char_p),
        ("warnings", c_size_t),
    ]


# Arguments of all functions; the error that ends most of them is added below. `status` functions come first.
_handle = c_void_p
_out = POINTER(c_void_p)
_size_out = POINTER(c_size_t)
_i64_out = POINTER(c_int64)
_path = (POINTER(c_size_t), c_size_t)

_failing: List[Tuple[str, Tuple[Any, ...]]] = [
    ("open", (c_char_p, _out)),
    ("open_memory", (c_void_p, c_size_t, c_char_p, _out)),
    ("open_source", (POINTER(Source), _out)),
    ("open_arrays", (POINTER(NamedArray), c_size_t, POINTER(c_char_p), c_size_t, c_char_p, _out)),
    ("copy", (_handle, _out)),
    ("cache_facts", (_handle, POINTER(Facts))),
    ("layer_at", (_handle, *_path, POINTER(LayerFacts))),
    ("layers", (_handle, POINTER(LayerFacts), c_size_t, _size_out)),
    ("layer_integers", (_handle, *_path, c_int32, _i64_out, c_size_t, _size_out)),
    ("metadata_at", (_handle, c_size_t, _out, _size_out, _out, _size_out)),
    ("loads_in", (_handle, c_char_p, POINTER(Verdict))),
    ("finding_count", (_handle, _size_out)),
    ("finding_at", (_handle, c_size_t, POINTER(Finding))),
    ("inspect", (_handle, c_int32, POINTER(Work), _out)),
    ("verify", (POINTER(c_char_p), c_size_t, POINTER(VerifyOptions), POINTER(Work), _out, POINTER(c_int32))),
    ("array_at", (_handle, c_size_t, c_size_t, POINTER(Array))),
    ("array_read", (_handle, c_size_t, c_size_t, POINTER(c_int64), POINTER(c_int64), c_void_p, c_size_t)),
    ("trim", (_handle, c_int64, _i64_out)),
    ("trim_to", (_handle, c_int64, _i64_out)),
    ("unrotate", (_handle, _size_out)),
    ("convert", (_handle, c_char_p, POINTER(ConvertOptions))),
    ("cast", (_handle, c_int32, c_int32, _size_out)),
    ("to_plain", (_handle, _size_out)),
    ("to_rotating", (_handle, c_int64, c_int64, _size_out, _i64_out)),
    ("restore_children", (_handle, c_char_p)),
    ("quantize", (_handle, POINTER(QuantizeOptions), _size_out)),
    ("dequantize", (_handle, c_int32, _size_out)),
    ("append", (_handle, POINTER(NamedArray), c_size_t, _i64_out)),
    ("append_file", (_handle, c_char_p, _i64_out)),
    ("merge", (_out, c_size_t, _out)),
    ("extend", (_handle, _handle)),
    ("extract", (_handle, c_int64)),
    ("filter", (_handle, _i64_out, c_size_t)),
    ("align", (_handle, _i64_out, c_size_t)),
    ("metadata_set", (_handle, c_char_p, c_char_p, c_int32)),
    ("metadata_clear", (_handle,)),
    ("stamp", (_handle, POINTER(StampOptions), POINTER(Work))),
    ("repair", (_handle, _size_out)),
    ("save", (_handle, c_char_p, POINTER(SaveOptions), POINTER(Work), _out)),
    ("save_memory", (_handle, POINTER(SaveOptions), POINTER(Work), _out, _out)),
    ("store_open", (c_char_p, _out)),
    ("store_put", (_handle, _handle, POINTER(Prompt), POINTER(PutOptions), POINTER(Work), _out)),
    ("store_probe", (_handle, POINTER(Prompt), POINTER(QueryOptions), _out)),
    ("store_get", (_handle, POINTER(Prompt), POINTER(QueryOptions), _out, _out)),
    ("match_get", (c_void_p, POINTER(MatchFacts))),
]
_others: List[Tuple[str, Any, Tuple[Any, ...]]] = [
    ("abi_version", c_uint32, ()),
    ("version", c_char_p, ()),
    ("has", c_int32, (c_int32,)),
    ("error_free", None, (c_void_p,)),
    ("error_status", c_int32, (c_void_p,)),
    *((f"error_{part}", c_char_p, (c_void_p,)) for part in ("message", "hint", "code", "path", "key", "remedy")),
    ("string_free", None, (c_void_p,)),
    ("stop_new", c_void_p, ()),
    ("stop_request", None, (c_void_p,)),
    ("stop_free", None, (c_void_p,)),
    ("close", None, (_handle,)),
    ("dtype_name", c_char_p, (c_int32,)),
    ("dtype_size", c_size_t, (c_int32,)),
    ("format_count", c_size_t, ()),
    ("format_at", c_char_p, (c_size_t,)),
    ("metadata_count", c_size_t, (_handle,)),
    ("descriptor", c_int32, (_handle,)),
    ("result_free", None, (c_void_p,)),
    ("result_bytes", c_uint64, (c_void_p,)),
    ("result_warning_count", c_size_t, (c_void_p,)),
    ("result_warning", c_char_p, (c_void_p, c_size_t)),
    ("result_dropped_count", c_size_t, (c_void_p,)),
    ("result_dropped", c_char_p, (c_void_p, c_size_t)),
    ("store_close", None, (_handle,)),
    ("match_free", None, (c_void_p,)),
    ("match_warning", c_char_p, (c_void_p, c_size_t)),
    ("buffer_free", None, (c_void_p,)),
    ("buffer_data", c_void_p, (c_void_p,)),
    ("buffer_size", c_size_t, (c_void_p,)),
]


def _file() -> str:
    """The library beside this file, or another one by KVCACHE_LIBRARY."""
    other = os.environ.get("KVCACHE_LIBRARY")
    if other:
        return other
    name = "libkvcache_c.dylib" if sys.platform == "darwin" else "libkvcache_c.so"
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def _load() -> ctypes.CDLL:
    path = _file()
    try:
        # Calls through it run without the GIL.
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"kvcache cannot load {path}: {error}. Reinstall the package, or name the library with KVCACHE_LIBRARY"
        ) from error
    for name, result, arguments in _others:
        function = getattr(library, "kvcache_" + name)
        function.restype, function.argtypes = result, arguments
    version = library.kvcache_abi_version()
    if version >> 16 != ABI_MAJOR or version & 0xFFFF < ABI_MINOR:
        raise ImportError(
            f"{path} has interface {version >> 16}.{version & 0xFFFF}; this package needs {ABI_MAJOR}.{ABI_MINOR} or a later minor one"
        )
    for name, arguments in _failing:
        function = getattr(library, "kvcache_" + name)
        function.restype, function.argtypes = c_int32, (*arguments, _out)
    return library


lib = _load()
