"""A prompt cache for mlx_lm.server that survives it: memory first, a store on the disk behind.

    import kvcache.mlx_lm

    kvcache.mlx_lm.install()          # before the server is started
    from mlx_lm.server import main

    main()

or, the same from a command line: `python -m kvcache.mlx_lm --model mlx-community/Llama-3.2-3B-Instruct-4bit`, with the arguments of
mlx_lm.server. StoredPromptCache is a subclass of mlx-lm's own LRUPromptCache: what that does in memory stays as it is; what memory
does not have, or has less of, is taken from the store, and what is put into memory is stored as well. A store that cannot be read or
written never stops the server: it is said in the log.
"""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import _mlx
from ._store import Store
from .errors import Error

log = logging.getLogger("kvcache.mlx_lm")


def base_class() -> Any:
    """LRUPromptCache, wherever the installed mlx-lm has it."""
    for name in ("mlx_lm.models.cache", "mlx_lm.server"):
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            if name == "mlx_lm.server":
                raise ImportError(f"mlx-lm with LRUPromptCache (0.28.4 or later) is not installed ({error})") from None
            continue
        found = getattr(module, "LRUPromptCache", None)
        if found is not None:
            return found
    raise ImportError("the installed mlx-lm has no LRUPromptCache: 0.28.4 is the first with it")


def identity_of(model: Any) -> "Dict[str, Any]":
    """Whose keys and values: of the key that mlx_lm.server gives its model, (path, adapter path, draft model path). A folder counts by
    what is in it, a name by itself."""
    parts = model if isinstance(model, (tuple, list)) else (model,)
    path, adapter, *rest = [*parts, None, None][: max(2, len(parts))]
    if isinstance(path, (str, os.PathLike)) and os.path.isfile(os.path.join(path, "config.json")) and not any(rest):
        whose: Dict[str, Any] = {"model": os.fspath(path)}
        if adapter:
            whose["adapter"] = os.fspath(adapter)
        return whose
    return {"identity": "mlx-lm " + repr(tuple(None if part is None else str(part) for part in parts))}


def _stored(base: Any) -> Any:
    class StoredPromptCache(base):  # type: ignore[misc]
        """LRUPromptCache with a store behind it.

        store: a kvcache.Store, or the folder of one; by default the default one.
        salt: a secret of the tenant, without which nothing is found.
        min_tokens: shorter prompts are not stored, and shorter hits are not worth reading.
        """

        def __init__(
            self, *arguments: Any, store: Any = None, salt: Optional[str] = None, min_tokens: int = 1, **more: Any
        ) -> None:
            super().__init__(*arguments, **more)
            self._store = store if isinstance(store, Store) else Store(store)
            self._salt = salt
            self._min_tokens = min_tokens

        def fetch_nearest_cache(self, model: Any, tokens: "Sequence[int]") -> "Tuple[Optional[List[Any]], Sequence[int]]":
            """(cache, tokens that remain): of memory, or of the store where that has more. (None, tokens): of neither."""
            cache, rest = super().fetch_nearest_cache(model, tokens)
            in_memory = 0 if cache is None else len(tokens) - len(rest)
            # The server needs one token to go on from: nothing that is stored can be better.
            if in_memory >= len(tokens) - 1:
                return cache, rest
            try:
                found = self._store.get(
                    tokens, salt=self._salt, min_tokens=max(in_memory + 1, self._min_tokens), **identity_of(model)
                )
                if found:
                    loaded = found.load()
                    log.info("%d of %d tokens from the store", found.resume_at, len(tokens))
                    return loaded, tokens[found.resume_at :]
                log.debug("nothing better in the store: %s", found.reason)
            except Exception as error:
                log.warning("the store was not read: %s", error, exc_info=not isinstance(error, Error))
            return cache, rest

        def insert_cache(
            self, model: Any, tokens: "Sequence[int]", prompt_cache: "List[Any]", *arguments: Any, **more: Any
        ) -> None:
            """Into memory, and into the store."""
            if len(tokens) >= self._min_tokens:
                try:
                    entry = self._store.put(
                        _mlx.from_objects(prompt_cache),
                        [int(token) for token in tokens],
                        salt=self._salt,
                        label=str(more.get("cache_type", "")),
                        **identity_of(model),
                    )
                    log.debug("stored %d tokens: %d new blocks, %d bytes", entry.tokens, entry.new_blocks, entry.bytes)
                except Exception as error:
                    log.warning("%d tokens were not stored: %s", len(tokens), error, exc_info=not isinstance(error, Error))
            super().insert_cache(model, tokens, prompt_cache, *arguments, **more)

    return StoredPromptCache


_made: Any = None


def __getattr__(name: str) -> Any:
    """StoredPromptCache, made when it is first asked for: importing this needs no mlx-lm."""
    global _made
    if name == "StoredPromptCache":
        if _made is None:
            _made = _stored(base_class())
        return _made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def install(store: Any = None, *, salt: Optional[str] = None, min_tokens: int = 1) -> Any:
    """Make mlx_lm.server use a store, from its next start on. Returns the class that takes the place of LRUPromptCache.

    store: a kvcache.Store, or the folder of one; by default the default one.
    """
    base = __getattr__("StoredPromptCache")
    opened = store if isinstance(store, Store) else Store(store)

    class Installed(base):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **{"store": opened, "salt": salt, "min_tokens": min_tokens, **more})

    Installed.__name__ = Installed.__qualname__ = "StoredPromptCache"
    for name in ("mlx_lm.models.cache", "mlx_lm.server"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if hasattr(module, "LRUPromptCache"):
            setattr(module, "LRUPromptCache", Installed)
    return Installed


def main() -> None:
    """mlx_lm.server with the default store ($KVCACHE_STORE)."""
    install()
    importlib.import_module("mlx_lm.server").main()


if __name__ == "__main__":
    main()
