"""Prompt caches kept on disk by their tokens."""

from __future__ import annotations

import ctypes
import inspect
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import _library as c
from . import _work
from ._cache import Cache, PathLike, _Owned, _path
from ._handle import Handle
from ._library import lib
from ._work import ProgressFunction
from .errors import ImpossibleError, UsageError, check, text

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    _P = ParamSpec("_P")

_ref = ctypes.byref


@dataclass(frozen=True)
class Entry:
    """What a put has done."""

    #: id of the entry: 64 hex digits
    id: str
    #: of the prompt
    tokens: int
    #: complete blocks that it is made of
    blocks: int
    #: of them, those that were not there
    new_blocks: int
    #: that were written
    bytes: int
    #: bytes that had to go for it
    evicted: int


class Missed(ImpossibleError):
    """There was nothing to resume from, and the cache was asked for all the same."""


class Found:
    """What a store has of a prompt. True where there is something to resume from.

    Attributes:
        tokens: of the prompt.
        matched: leading tokens whose blocks are stored.
        resume_at: tokens of the cache; the others remain to be processed. 0: a miss.
        entry: id of an entry that has these tokens, or empty.
        format: of that entry, or empty.
        bytes: of the arrays of the cache.
        reason: why there is not more, in a clause; or empty.
    """

    __slots__ = ("tokens", "matched", "resume_at", "entry", "format", "bytes", "reason", "_cache", "_ids")

    def __init__(self, facts: c.MatchFacts, cache: Optional[Cache], ids: Sequence[int]) -> None:
        self.tokens: int = facts.query
        self.matched: int = facts.matched
        self.resume_at: int = facts.resume_at
        self.entry: str = text(facts.entry)
        self.format: str = text(facts.format)
        self.bytes: int = facts.bytes
        self.reason: str = text(facts.reason)
        self._cache, self._ids = cache, ids

    def __bool__(self) -> bool:
        return self.resume_at > 0

    def __repr__(self) -> str:
        return f"<kvcache.Found {self.resume_at} of {self.tokens} tokens{': ' + self.reason if self.reason else ''}>"

    @property
    def remainder(self) -> List[int]:
        """The tokens that remain to be processed."""
        return list(self._ids[self.resume_at :])

    @property
    def cache(self) -> Cache:
        """Of the first resume_at tokens. Missed (an ImpossibleError) where there is none."""
        if self._cache is None:
            raise Missed(self.reason or "nothing of this prompt is stored")
        return self._cache

    def load(self, *, model: Any = None) -> "List[Any]":
        """The cache objects of the mlx-lm that is installed, one per layer."""
        return self.cache.load(model=model)


def _lookup(
    find: "Callable[Concatenate[Store, bool, _P], Found]", load: bool, name: str, doc: str
) -> "Callable[Concatenate[Store, _P], Found]":
    """find() as a method of Store with `load` decided: get() and probe() have the same arguments."""

    def method(self: "Store", /, *args: "_P.args", **kwargs: "_P.kwargs") -> Found:
        return find(self, load, *args, **kwargs)

    method.__name__, method.__qualname__, method.__doc__ = name, "Store." + name, doc
    signature = inspect.signature(find)
    others = [parameter for parameter in signature.parameters.values() if parameter.name != "load"]
    method.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
    return method


class Store:
    """A store of prompt caches: put() one with the tokens it is of, get() what it has of another prompt.

    Several processes, and several threads, may use one at once.
    """

    def __init__(self, path: Optional[PathLike] = None) -> None:
        """path: its folder, which is made where there is none; by default $KVCACHE_STORE, or the platform's folder for caches."""
        pointer = ctypes.c_void_p()
        check(lib.kvcache_store_open, None if path is None else _path(os.path.expanduser(path)), _ref(pointer))
        self._pointer: Optional[int] = pointer.value

    def close(self) -> None:
        """Caches that were got from it stay. Not while another thread is at work with it."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            lib.kvcache_store_close(pointer)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_pointer", None) is not None:
            self.close()

    def _open(self) -> int:
        if self._pointer is None:
            raise UsageError("the store is closed")
        return self._pointer

    @staticmethod
    def _prompt(tokens: Optional[Sequence[int]], whose: "Dict[str, Any]") -> Tuple[c.Prompt, Any]:
        prompt = c.Prompt()
        ids = None
        if tokens is not None:
            ids = (ctypes.c_int32 * max(1, len(tokens)))(*tokens)
            prompt.tokens, prompt.token_count = ctypes.cast(ids, ctypes.POINTER(ctypes.c_int32)), len(tokens)
        for name in ("model", "adapter"):
            if whose[name] is not None:
                setattr(prompt, name, _path(os.path.expanduser(whose[name])))
        for name in ("identity", "salt"):
            if whose[name] is not None:
                setattr(prompt, name, whose[name].encode())
        return prompt, ids

    @staticmethod
    def _facts(match: _Owned) -> c.MatchFacts:
        facts = c.MatchFacts()
        check(lib.kvcache_match_get, match.pointer, _ref(facts))
        for i in range(facts.warnings):
            warnings.warn(text(lib.kvcache_match_warning(match.pointer, i)), UserWarning, stacklevel=4)
        return facts

    def put(
        self,
        cache: Cache,
        tokens: Optional[Sequence[int]] = None,
        *,
        model: Optional[PathLike] = None,
        adapter: Optional[PathLike] = None,
        identity: Optional[str] = None,
        salt: Optional[str] = None,
        label: str = "",
        pin: bool = False,
        check_rows: bool = False,
        threads: int = 0,
        progress: Optional[ProgressFunction] = None,
    ) -> Entry:
        """Store a cache, which holds just these tokens. What the store has already of them is not written again.

        tokens: ids of the prompt; by default those of the cache's stamp.
        model: the model's folder, whose config and weights say whose keys and values these are; or identity: a text that changes with
            it.
        salt: a secret without which nothing is found.
        check_rows: compare with what is stored already, and store apart what differs.
        """
        prompt, ids = self._prompt(tokens, {"model": model, "adapter": adapter, "identity": identity, "salt": salt})
        options = c.PutOptions(label=label.encode(), pin=pin, check=check_rows)
        match = _Owned(lib.kvcache_match_free)
        handle = cache._open_handle()
        _work.call(
            lib.kvcache_store_put,
            self._open(),
            handle.pointer,
            _ref(prompt),
            _ref(options),
            threads=threads,
            progress=progress,
            after=(_ref(match.pointer),),
        )
        del ids
        facts = self._facts(match)
        return Entry(text(facts.entry), facts.query, facts.blocks, facts.new_blocks, facts.bytes, facts.evicted)

    def _find(
        self,
        load: bool,
        tokens: Sequence[int],
        *,
        model: Optional[PathLike] = None,
        adapter: Optional[PathLike] = None,
        identity: Optional[str] = None,
        salt: Optional[str] = None,
        leave: int = 1,
        min_tokens: int = 1,
        exact: bool = False,
    ) -> Found:
        prompt, ids = self._prompt(tokens, {"model": model, "adapter": adapter, "identity": identity, "salt": salt})
        options = c.QueryOptions(leave_none=leave == 0, leave=leave, min_tokens=min_tokens, exact=exact)
        match = _Owned(lib.kvcache_match_free)
        pointer = ctypes.c_void_p()
        question = (self._open(), _ref(prompt), _ref(options))
        if load:
            check(lib.kvcache_store_get, *question, _ref(pointer), _ref(match.pointer))
        else:
            check(lib.kvcache_store_probe, *question, _ref(match.pointer))
        del ids
        return Found(self._facts(match), None if pointer.value is None else Cache(Handle(pointer.value)), tokens)

    get = _lookup(
        _find,
        True,
        "get",
        """What is stored of a prompt: the cache of its longest prefix. A miss is no error: it is false, and says why.

        leave: tokens that must remain to be processed: models need at least one.
        min_tokens: a shorter hit is none.
        exact: nothing but a hit of all tokens.
        """,
    )
    probe = _lookup(_find, False, "probe", "Look up only: no data is read, and `cache` is Missed. Arguments as of get().")
