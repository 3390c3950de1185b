"""Calls that take long: progress, stopping, and Ctrl-C."""

from __future__ import annotations

import ctypes
import threading
from typing import Any, Callable, List, Optional

from . import _library as c
from ._library import lib
from .errors import Interrupted, check

#: Called with bytes done and bytes in total.
ProgressFunction = Callable[[int, int], Any]


class _Stop:
    def __init__(self) -> None:
        self.handle = lib.kvcache_stop_new()
        if not self.handle:
            raise MemoryError("kvcache: out of memory")

    def request(self) -> None:
        lib.kvcache_stop_request(self.handle)

    def __del__(self) -> None:
        lib.kvcache_stop_free(self.handle)


def call(
    function: "ctypes._FuncPointer",
    *arguments: object,
    threads: int = 0,
    progress: Optional[ProgressFunction] = None,
    after: "tuple[object, ...]" = (),
) -> int:
    """function(*arguments, work, *after). In the main thread KeyboardInterrupt, or whatever a signal handler raises, stops it: it
    runs in another one meanwhile, because Python looks after signals between its own instructions only."""
    stop = _Stop()
    raised: List[BaseException] = []

    def on_progress(_: object, done: int, total: int) -> None:
        assert progress is not None
        try:
            if not raised:
                progress(done, total)
        except BaseException as error:  # it comes out below, not in a thread of the library
            raised.append(error)
            stop.request()

    work = c.Work(threads=threads, stop=stop.handle)
    if progress is not None:
        work.progress = c.Progress(on_progress)

    def run() -> int:
        try:
            return check(function, *arguments, ctypes.byref(work), *after)
        except Interrupted:
            if raised:
                raise raised[0]
            raise

    if threading.current_thread() is not threading.main_thread():
        return run()

    outcome: List[Any] = []
    done = threading.Event()

    def worker() -> None:
        try:
            outcome.append(run())
        except BaseException as error:
            outcome.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=worker, name="kvcache", daemon=True)
    thread.start()
    interrupt: Optional[BaseException] = None
    while not done.is_set():
        try:
            done.wait()
        except BaseException as error:
            interrupt = interrupt or error
            stop.request()
    thread.join()
    if interrupt is not None:
        # What was complete when the signal came stays: the file is there, and the interrupt is not lost.
        raise interrupt
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return int(outcome[0])
