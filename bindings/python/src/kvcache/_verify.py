"""Checking files."""

from __future__ import annotations

import ctypes
import json
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union, overload

from . import _library as c
from . import _work
from ._cache import Finding, PathLike, Verdict, _Owned, _path, _take_string
from ._library import lib
from ._work import ProgressFunction


@dataclass(frozen=True)
class FileReport:
    """What was found in one file."""

    path: str
    #: "ok", "warnings", "errors" or "unreadable"
    status: str
    #: "mlx-lm@0.31", or None: unreadable, or its layers are of several
    format: Optional[str]
    findings: Tuple[Finding, ...] = ()
    #: by the ids of formats; empty for an unreadable file
    loads_in: Mapping[str, Verdict] = field(default_factory=dict)
    #: what it lacks for everyday use although nothing is wrong with it
    notes: Tuple[str, ...] = ()
    #: with fix=True: what Cache.repair() would do, as in the JSON of `kvcache verify --fix`
    fixes: Tuple[Mapping[str, Any], ...] = ()
    #: with fix=True: Cache.repair() has an answer for everything
    repairable: Optional[bool] = None

    @property
    def ok(self) -> bool:
        """It is readable and has no errors."""
        return self.status in ("ok", "warnings")


class Report(Sequence[FileReport]):
    """Of all files, in the order of the paths. True where all of them are ok."""

    def __init__(self, files: List[FileReport], not_caches: Dict[str, str], worst: int) -> None:
        self._files = files
        #: what was passed over below folders: paths, and what they are ("model weights")
        self.not_caches = not_caches
        #: as the exit status of `kvcache verify`: 0, 1 for errors, 3 for unreadable files, 5 for files that cannot be opened
        self.worst = worst

    @overload
    def __getitem__(self, index: int) -> FileReport: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[FileReport]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[FileReport, Sequence[FileReport]]:
        return self._files[index]

    def __len__(self) -> int:
        return len(self._files)

    def __bool__(self) -> bool:
        return self.worst == 0

    @property
    def ok(self) -> bool:
        """All files are."""
        return self.worst == 0

    @property
    def findings(self) -> Iterator[Tuple[str, Finding]]:
        """Of all files: path and finding."""
        for file in self._files:
            for finding in file.findings:
                yield file.path, finding

    def __repr__(self) -> str:
        counts: Dict[str, int] = {}
        for file in self._files:
            counts[file.status] = counts.get(file.status, 0) + 1
        return f"<kvcache.Report {len(self._files)} files: {', '.join(f'{n} {status}' for status, n in counts.items())}>"


def _strings(values: List[bytes]) -> Any:
    return (ctypes.c_char_p * max(1, len(values)))(*values)


def verify(
    paths: "Union[PathLike, Iterable[PathLike]]",
    *,
    recursive: bool = False,
    data: bool = False,
    fix: bool = False,
    load_in: Iterable[str] = (),
    model: Optional[PathLike] = None,
    threads: int = 0,
    progress: Optional[ProgressFunction] = None,
) -> Report:
    """Check files. What is wrong with one is a finding, no exception.

    recursive: every cache below folders; what does not claim to be one is counted only.
    data: read all values: NaN, infinities, rows of zeros.
    fix: say what Cache.repair() would do.
    load_in: formats, releases or runtimes that have to load them, or "all".
    model: a model's folder, to compare with.
    """
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    names = [_path(path) for path in paths]
    options = c.VerifyOptions(recursive=recursive, data=data, fix=fix)
    targets = [target.encode() for target in ((load_in,) if isinstance(load_in, str) else load_in)]
    wanted = _strings(targets)
    options.load_in, options.load_in_count = ctypes.cast(wanted, ctypes.POINTER(ctypes.c_char_p)), len(targets)
    if model is not None:
        options.model = _path(model)
    out = _Owned(lib.kvcache_string_free)
    worst = ctypes.c_int32()
    _work.call(
        lib.kvcache_verify,
        _strings(names),
        len(names),
        ctypes.byref(options),
        threads=threads,
        progress=progress,
        after=(ctypes.byref(out.pointer), ctypes.byref(worst)),
    )
    document = json.loads(_take_string(out))
    files = [
        FileReport(
            path=file["path"],
            status=file["status"],
            format=file["format"],
            findings=tuple(Finding(**finding) for finding in file["findings"]),
            loads_in={target: Verdict(**verdict) for target, verdict in file["loads_in"].items()},
            notes=tuple(file["notes"]),
            fixes=tuple(file.get("fixes", ())),
            repairable=file.get("repairable"),
        )
        for file in document["files"]
    ]
    return Report(files, {entry["path"]: entry["what"] for entry in document["not_caches"]}, worst.value)
