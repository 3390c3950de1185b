"""What goes wrong, as exceptions with data."""

from __future__ import annotations

import ctypes
import json
from typing import Any, Dict, Type

from . import _library as c
from ._library import lib


class Error(Exception):
    """The base of all errors of kvcache.

    Attributes:
        message: one line, without the name of the file.
        hint: what to do instead, often a command line that can be pasted; or empty.
        code: of a defect of the file, its code in docs/findings.md ("KV117"); or empty.
        path: the file that it is about; or empty.
        key: the key of the tensor or of the metadata that it is about; or empty.
        remedy: the hint as data, in order: {"words": "..."} or {"action": "convert", "arguments": {"to": "mlx-lm@0.31"}}; the
            action "repeat" is the same call with other options. Empty where there is nothing to do.
    """

    message: str
    hint: str
    code: str
    path: str
    key: str
    remedy: "list[dict[str, Any]]"

    def __init__(
        self, message: str, hint: str = "", code: str = "", path: str = "", key: str = "", remedy: str = "[]"
    ) -> None:
        super().__init__(message)
        self.message, self.hint, self.code, self.path, self.key = message, hint, code, path, key
        self.remedy = json.loads(remedy)

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text}\nhint: {self.hint}" if self.hint else text

    def __reduce__(self) -> "tuple[type, tuple[str, str, str, str, str, str]]":
        return type(self), (self.message, self.hint, self.code, self.path, self.key, json.dumps(self.remedy))


class UsageError(Error, ValueError):
    """What was asked for makes no sense: an index out of range, an output that exists."""


class UnreadableError(Error):
    """An input is no readable prompt cache: broken, cut off, or something else."""


class ImpossibleError(Error):
    """Not possible with this cache: a wrapped window, classes that differ, a loss."""


class IoError(Error, OSError):
    """The operating system: a missing file, no permission, a full disk."""


class Interrupted(Error):
    """The call was asked to stop, by another thread than this one."""


class InternalError(Error):
    """A fault of kvcache itself: please report it."""


_CLASSES: Dict[int, Type[Error]] = {
    c.USAGE: UsageError,
    c.UNREADABLE: UnreadableError,
    c.IMPOSSIBLE: ImpossibleError,
    c.IO: IoError,
    c.INTERRUPTED: Interrupted,
}


class LossWarning(UserWarning):
    """Something was lost, as the runtimes lose it as well, or is in doubt."""


def text(value: "bytes | None") -> str:
    """Of a borrowed string. Paths may be any bytes."""
    return "" if value is None else value.decode("utf-8", "surrogateescape")


def raise_error(status: int, error: ctypes.c_void_p) -> None:
    """Raises what a call reported, and gives it back."""
    try:
        if status == c.NO_MEMORY:
            raise MemoryError("kvcache: out of memory")
        raise _CLASSES.get(status, InternalError)(
            *(text(getattr(lib, "kvcache_error_" + part)(error)) for part in ("message", "hint", "code", "path", "key", "remedy"))
        )
    finally:
        lib.kvcache_error_free(error)


_ref = ctypes.byref
_new_error = ctypes.c_void_p


def check(function: "ctypes._FuncPointer", *arguments: object) -> int:
    """Calls what can fail."""
    error = _new_error()
    status: int = function(*arguments, _ref(error))
    if status > c.MISS:
        raise_error(status, error)
    return status
