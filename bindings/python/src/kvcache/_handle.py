"""The handle of a cache, and what has to live as long as it."""

from __future__ import annotations

import mmap
from typing import Any, List, Optional, Tuple

from ._library import lib


class Handle:
    """Shared by who is at work with it, so that closing a cache ends nothing under the feet of another thread."""

    __slots__ = ("pointer", "keep", "_memory", "_map", "_mapped", "__weakref__")

    def __init__(self, pointer: int, keep: "Tuple[Any, ...]" = (), memory: Any = None) -> None:
        self.pointer = pointer
        self.keep = keep  # buffers and callbacks that the library reads from
        self._memory = memory  # the buffer that source offsets count in, if it is in memory
        self._map: Optional[mmap.mmap] = None
        self._mapped = False

    def __del__(self, close: Any = lib.kvcache_close) -> None:
        close(self.pointer)

    def mapped(self) -> Any:
        """A buffer of the whole source, or None: it is compressed, or no file."""
        if self._memory is not None:
            return self._memory
        if not self._mapped:
            descriptor = lib.kvcache_descriptor(self.pointer)
            if descriptor >= 0:
                try:
                    self._map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
                except (OSError, ValueError):  # a file system without mmap: its bytes are read instead
                    self._map = None
            self._mapped = True
        return self._map

    def derived(self, pointer: int, *others: "Handle") -> "Handle":
        """Of what was made from this one, and from others."""
        keep: List[Any] = list(self.keep)
        for other in others:
            keep += other.keep
        return Handle(pointer, tuple(keep), self._memory)
