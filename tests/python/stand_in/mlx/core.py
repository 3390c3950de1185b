"""As much of mlx.core as the tests of kvcache need, over numpy: arrays of a dtype, whose bfloat16 is bits."""
import numpy


class Dtype:
    def __init__(self, name, numpy_name, size):
        self.name, self.numpy_name, self.size = name, numpy_name, size

    def __repr__(self):
        return "mlx.core." + self.name


_DTYPES = {name: Dtype(name, kind, size) for name, kind, size in (
    ("bool_", "bool", 1), ("uint8", "uint8", 1), ("uint16", "uint16", 2), ("uint32", "uint32", 4), ("int32", "int32", 4),
    ("int64", "int64", 8), ("float16", "float16", 2), ("bfloat16", "uint16", 2), ("float32", "float32", 4))}
globals().update(_DTYPES)


def _of(numpy_dtype):
    return _DTYPES["bool_" if numpy_dtype.name == "bool" else numpy_dtype.name]


class array:
    def __init__(self, value, dtype=None):
        if isinstance(value, array):
            value, dtype = value._bits, dtype or value.dtype
        self._bits = numpy.array(value, None if dtype is None else dtype.numpy_name)
        if dtype is None and not isinstance(value, numpy.ndarray):  # MLX makes 32 bits of Python's numbers
            self._bits = self._bits.astype({"float64": "float32", "int64": "int32"}.get(self._bits.dtype.name, self._bits.dtype))
        self.dtype = dtype or _of(self._bits.dtype)

    shape = property(lambda self: self._bits.shape)
    ndim = property(lambda self: self._bits.ndim)
    size = property(lambda self: self._bits.size)
    nbytes = property(lambda self: self._bits.nbytes)

    def view(self, dtype):
        made = array(self._bits.view(dtype.numpy_name))
        made.dtype = dtype
        return made

    def __getitem__(self, key):
        made = array(self._bits[key])
        made.dtype = self.dtype
        return made

    def __array__(self, dtype=None, copy=None):
        assert self.dtype.name != "bfloat16", "numpy has no bfloat16, so the real one refuses"
        return self._bits

    def tolist(self):
        return self._bits.tolist()
