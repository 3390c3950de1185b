"""Arrays of a cache: lazy, read where they are indexed."""

from __future__ import annotations

import ctypes
import operator
from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Tuple

from . import _library as c
from ._library import lib
from .errors import UsageError, check

if TYPE_CHECKING:
    import numpy as np

    from ._handle import Handle

#: Names of dtypes as files have them, by their numbers in the C interface.
NAMES: List[str] = []
while True:
    _name = lib.kvcache_dtype_name(len(NAMES))
    if _name is None:
        break
    NAMES.append(_name.decode())

_NUMPY = {
    "BOOL": "bool",
    "I8": "int8",
    "U8": "uint8",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "I64": "int64",
    "U64": "uint64",
    "C64": "complex64",
}
# What numpy has no type for: the type of the package ml_dtypes where that is installed, else the bits.
_ML_DTYPES = {"BF16": ("bfloat16", "uint16"), "F8_E4M3": ("float8_e4m3fn", "uint8"), "F8_E8M0": ("float8_e8m0fnu", "uint8")}


def number(name: str) -> int:
    """Of a dtype by its name, as files have it ("BF16") or in small letters."""
    try:
        return NAMES.index(name.upper())
    except ValueError:
        raise UsageError(f"{name!r} is no dtype", "one of " + ", ".join(NAMES)) from None


def numpy_dtype(name: str) -> "np.dtype[Any]":
    """The numpy type of a dtype: of BF16 ml_dtypes.bfloat16 where that package is installed, else uint16."""
    numpy = need_numpy()
    if name in _NUMPY:
        return numpy.dtype(_NUMPY[name])  # type: ignore[no-any-return]
    name_there, bits = _ML_DTYPES[name]
    try:
        import ml_dtypes
    except ImportError:
        return numpy.dtype(bits)  # type: ignore[no-any-return]
    kind = getattr(ml_dtypes, name_there, None)
    return numpy.dtype(bits if kind is None else kind)  # type: ignore[no-any-return]


def name_of(dtype: "np.dtype[Any]") -> str:
    """The dtype of a numpy type. Bits (uint16) are what they are: bfloat16 has to be said."""
    for name, other in _NUMPY.items():
        if dtype.name == other:
            return name
    for name, (other, _) in _ML_DTYPES.items():
        if dtype.name == other:
            return name
    raise UsageError(f"an array of {dtype} cannot be in a cache", "one of " + ", ".join(NAMES))


def need_numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise ImportError("arrays are numpy's: install numpy, or take their bytes with tobytes()") from None
    return numpy


def _box(key: Any, shape: Tuple[int, ...]) -> Optional[Tuple[List[int], List[int], Tuple[Any, ...]]]:
    """Of an index of integers, slices and ...: which part [begin, end) of every dimension it needs, and the same index within that.
    None for any other one."""
    parts = key if isinstance(key, tuple) else (key,)
    if sum(1 for part in parts if part is Ellipsis) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if len(parts) - any(part is Ellipsis for part in parts) > len(shape):
        raise IndexError(f"too many indices: the array has {len(shape)} dimensions")
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts = parts[:at] + (slice(None),) * (len(shape) - len(parts) + 1) + parts[at + 1 :]
    parts += (slice(None),) * (len(shape) - len(parts))
    begin: List[int] = []
    end: List[int] = []
    within: List[Any] = []
    for axis, (part, dim) in enumerate(zip(parts, shape)):
        if isinstance(part, slice):
            chosen = range(*part.indices(dim))
            low, high = (min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1) if len(chosen) else (0, 0)
            begin.append(low)
            end.append(high)
            if not len(chosen):
                within.append(slice(0, 0))
            else:
                stop: Optional[int] = chosen[-1] - low + (1 if chosen.step > 0 else -1)
                within.append(slice(chosen[0] - low, None if stop is not None and stop < 0 else stop, chosen.step))
        elif isinstance(part, bool) or part is None:
            return None
        else:
            try:
                index = operator.index(part)
            except TypeError:
                return None
            if not -dim <= index < dim:
                raise IndexError(f"index {index} is out of bounds for axis {axis} with size {dim}")
            begin.append(index % dim)
            end.append(index % dim + 1)
            within.append(0)
    return begin, end, tuple(within)


class Array:
    """An array of one layer. Nothing is read before it is indexed or converted, and then no more than that.

    Indexing gives numpy arrays: of an array that lies in an uncompressed file, or in memory, views that copy nothing and cannot be
    written; of what an edit computes, new arrays. BF16 is ml_dtypes.bfloat16 where that package is installed, else uint16.

    Attributes:
        name: "keys", "values", "key scales", "slot 1".
        dtype: as the file says it: "BF16".
        shape: [B, H, S, D] for keys and values: sequences, heads, tokens, head dim.
        nbytes: of all elements.
    """

    __slots__ = ("name", "dtype", "shape", "nbytes", "_handle", "_layer", "_index", "_offset", "_whole")

    def __init__(self, handle: "Handle", layer: int, index: int, facts: c.Array) -> None:
        self.name: str = facts.name.decode("utf-8", "replace")
        self.dtype: str = NAMES[facts.dtype]
        self.shape: Tuple[int, ...] = tuple(facts.shape[: facts.rank])
        self.nbytes: int = facts.bytes
        self._handle, self._layer, self._index = handle, layer, index
        self._offset: int = facts.source_offset
        self._whole: "Optional[np.ndarray[Any, Any]]" = None

    def __repr__(self) -> str:
        return f"<kvcache.Array {self.name!r} {self.dtype} {list(self.shape)}>"

    @property
    def ndim(self) -> int:
        """How many dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array of no dimensions has no length")
        return self.shape[0]

    def _read(self, begin: Optional[Sequence[int]], end: Optional[Sequence[int]], out: int, size: int) -> None:
        bounds = ctypes.c_int64 * len(self.shape)
        check(
            lib.kvcache_array_read,
            self._handle.pointer,
            self._layer,
            self._index,
            None if begin is None else bounds(*begin),
            None if end is None else bounds(*end),
            out,
            size,
        )

    def _view(self) -> "Optional[np.ndarray[Any, Any]]":
        """All of it without a copy, or None."""
        if self._whole is None and self._offset != c.ABSENT:
            if self.nbytes == 0:
                self._whole = need_numpy().empty(self.shape, numpy_dtype(self.dtype))
            else:
                source = self._handle.mapped()
                if source is not None:
                    dtype = numpy_dtype(self.dtype)
                    flat = need_numpy().frombuffer(source, dtype, self.nbytes // dtype.itemsize, self._offset)
                    flat.flags.writeable = False
                    self._whole = flat.reshape(self.shape)
        return self._whole

    def __getitem__(self, key: Any) -> "np.ndarray[Any, Any]":
        numpy = need_numpy()
        view = self._view()
        if view is not None:
            return view[key]  # type: ignore[no-any-return]
        box = _box(key, self.shape)
        if box is None:
            return self.numpy()[key]  # type: ignore[no-any-return]
        begin, end, within = box
        part = numpy.empty([e - b for b, e in zip(begin, end)], numpy_dtype(self.dtype))
        self._read(begin, end, part.ctypes.data, part.nbytes)
        return part[within]  # type: ignore[no-any-return]

    def numpy(self) -> "np.ndarray[Any, Any]":
        """All of it: a view where that copies nothing, else a new array."""
        view = self._view()
        if view is not None:
            return view
        whole = need_numpy().empty(self.shape, numpy_dtype(self.dtype))
        self._read(None, None, whole.ctypes.data, whole.nbytes)
        return whole  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> "np.ndarray[Any, Any]":
        whole = self.numpy()
        if dtype is not None and whole.dtype != dtype:
            return whole.astype(dtype)
        return whole.copy() if copy else whole

    def tobytes(self) -> bytes:
        """Its bytes, row-major and little-endian. Needs no numpy."""
        buffer = bytearray(self.nbytes)
        if self.nbytes:
            self._read(None, None, ctypes.addressof((ctypes.c_char * self.nbytes).from_buffer(buffer)), self.nbytes)
        return bytes(buffer)

    def mlx(self) -> Any:
        """An mlx.core.array of the same type and shape. Needs MLX."""
        from . import _mlx

        return _mlx.to_mlx(self)


def pointer_of(buffer: Any) -> "Tuple[int, memoryview]":
    """Where the bytes of a buffer are, read-only ones too; the view keeps them there."""
    view = memoryview(buffer)
    if not view.c_contiguous:
        raise UsageError("the bytes are not contiguous", "numpy.ascontiguousarray() makes them so")
    if view.nbytes == 0:
        return 0, view
    view = view.cast("B") if view.format != "B" or view.ndim != 1 else view
    if not view.readonly:
        return ctypes.addressof(ctypes.c_char.from_buffer(view)), view
    # ctypes takes no read-only buffers but bytes; the buffer protocol itself tells the address.
    raw = _PyBuffer()
    _get_buffer(ctypes.py_object(view), ctypes.byref(raw), 0)
    address = int(raw.buf or 0)
    _release_buffer(ctypes.byref(raw))
    return address, view


class _PyBuffer(ctypes.Structure):
    """Py_buffer of CPython: its size and its first field have never changed."""

    _fields_ = [("buf", ctypes.c_void_p), ("rest", ctypes.c_void_p * 15)]


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int]
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = [ctypes.c_void_p]
_release_buffer.restype = None


def named_arrays(arrays: "Sequence[Tuple[str, str, Sequence[int], Any]]") -> "Tuple[Any, List[Any]]":
    """kvcache_named_array[] of (name, dtype, shape, buffer), and what has to live as long."""
    out = (c.NamedArray * max(1, len(arrays)))()
    keep: List[Any] = [out]
    for entry, (name, dtype, shape, buffer) in zip(out, arrays):
        address, view = pointer_of(buffer)
        dims = (ctypes.c_int64 * max(1, len(shape)))(*shape)
        label = name.encode()
        entry.name, entry.dtype, entry.rank = label, number(dtype), len(shape)
        entry.shape = ctypes.cast(dims, ctypes.POINTER(ctypes.c_int64))
        entry.bytes, entry.size = address, view.nbytes
        keep += [view, dims, label]
    return out, keep


def of_value(name: str, value: Any) -> "Tuple[str, str, Sequence[int], Any]":
    """A row for named_arrays(): of a numpy array, an Array, or (dtype, array) where numpy has no such type."""
    dtype: Optional[str] = None
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        dtype, value = value
    if isinstance(value, Array):
        return name, value.dtype, value.shape, value.tobytes()
    numpy = need_numpy()
    array = numpy.ascontiguousarray(value)
    if dtype is None:
        dtype = name_of(array.dtype)
    elif numpy_dtype(dtype).itemsize != array.dtype.itemsize:
        raise UsageError(f"array {name!r}: {array.dtype} is not as wide as {dtype}")
    return name, dtype, array.shape, array.reshape(-1).view(numpy.uint8)


