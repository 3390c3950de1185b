"""Prompt-cache files of mlx-lm, mlx-swift-lm and mlxrs.

    import kvcache

    with kvcache.open("chat.safetensors") as cache:       # reads the header
        print(cache.format, cache.tokens, cache.layers[3].window)
        print(cache.loads_in["mlx-swift-lm@3.31"].reason)
        cache.trim(to=1024).convert("mlx-swift-lm").save("swift.safetensors")
        cache.layers[0].keys[:, :, -16:]                  # numpy
    kvcache.verify("caches", recursive=True)              # findings as objects
    kvcache.Store().get(tokens, model="~/models/llama")   # what is stored of a prompt

Arrays are [B, H, S, D]: sequences of a batch, key/value heads, tokens, head dim. Lengths are tokens, sizes are bytes. Errors are
kvcache.Error and say what to do instead (`hint`). Nothing needs MLX, a GPU or a model; numpy is needed for the values of arrays.
"""

from ._arrays import Array
from ._cache import (
    Cache,
    Finding,
    Layer,
    LoadsIn,
    Saved,
    Source,
    UnknownFormat,
    Verdict,
    formats,
    from_arrays,
    merge,
    open,
)
from ._library import lib as _lib
from ._store import Entry, Found, Missed, Store
from ._verify import FileReport, Report, verify
from .errors import (
    Error,
    ImpossibleError,
    InternalError,
    Interrupted,
    IoError,
    LossWarning,
    UnreadableError,
    UsageError,
)

__version__: str = _lib.kvcache_version().decode()

__all__ = [
    "Array",
    "Cache",
    "Entry",
    "Error",
    "FileReport",
    "Finding",
    "Found",
    "ImpossibleError",
    "InternalError",
    "Interrupted",
    "IoError",
    "Layer",
    "LoadsIn",
    "LossWarning",
    "Missed",
    "Report",
    "Saved",
    "Source",
    "Store",
    "UnknownFormat",
    "UnreadableError",
    "UsageError",
    "Verdict",
    "formats",
    "from_arrays",
    "merge",
    "open",
    "verify",
]
