"""Runs the tool once, in folders of its own, and tells what it did and what it left behind."""
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

# What a test reads of the tool's output at most: a tool gone wild must not fill the memory of the runner.
MAX_OUTPUT = 64 << 20
SANITIZER_REPORT = re.compile(rb"(?:ERROR|WARNING): \w*Sanitizer|SUMMARY: \w+Sanitizer|: runtime error: ")


@dataclass
class Result:
    exit_code: int  # negative: the signal that ended it
    timed_out: bool
    stdout: bytes
    stderr: bytes
    cpu_seconds: float
    peak_mib: float

    def crash(self):
        """How it crashed, in words, or None."""
        if self.timed_out:
            return "did not end in time"
        if self.exit_code < 0:
            return f"killed by {signal.Signals(-self.exit_code).name}"
        output = self.stderr + self.stdout
        report = SANITIZER_REPORT.search(output)
        return f"sanitizer report: {excerpt(output[report.start():], 400)}" if report else None


def excerpt(output, length=300):
    return output[:length].decode("utf-8", "backslashreplace").strip().replace("\n", " | ")


def limit_this_process(address_space_mib):
    """For this process and those it starts, which saves a hook between fork and exec for every one of them."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if address_space_mib:
        resource.setrlimit(resource.RLIMIT_AS, (address_space_mib << 20, address_space_mib << 20))


def tree(folder):
    """{path: what would change if somebody touched it}. Follows no link."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(parent, name)
            info = os.lstat(path)
            is_folder = stat.S_ISDIR(info.st_mode)
            found[os.path.relpath(path, folder)] = (info.st_mode,) if is_folder else (info.st_mode, info.st_size, info.st_mtime_ns)
    return found


class Pipe:
    """A file that arrives through a pipe: `path` is what the tool is given, `descriptor` what it inherits (None: a FIFO)."""

    def __init__(self, source, fifo=None):
        self.fifo, self.descriptor = fifo, None
        if fifo:
            os.mkfifo(fifo)
            self.path, end = fifo, None
        else:
            self.descriptor, end = os.pipe()
            self.path = f"/dev/fd/{self.descriptor}"

        def feed():
            try:
                with open(source, "rb") as f, open(fifo, "wb", 0) if fifo else os.fdopen(end, "wb", 0) as pipe:
                    shutil.copyfileobj(f, pipe)
            except OSError:
                pass  # it may stop reading where it has seen enough

        self.feeder = threading.Thread(target=feed, daemon=True)
        self.feeder.start()

    def close(self):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
        if self.fifo:
            # Lets a writer go that the tool never read from.
            os.close(os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK))
        self.feeder.join(2)


class Sandbox:
    """in: what `setup` of a case makes; out: where output belongs; outdir: where several do; fifos: named pipes; tmp: TMPDIR;
    their parent: the current directory."""

    FOLDERS = ("in", "out", "outdir", "fifos", "tmp")

    def __enter__(self):
        self.root = tempfile.mkdtemp(prefix="kvcache-case-")
        self.input, self.output, self.outputs, self.fifos, self.tmp = (os.path.join(self.root, name) for name in self.FOLDERS)
        for name in self.FOLDERS:
            os.mkdir(os.path.join(self.root, name))
        self.pipes = []
        return self

    def pipe(self, source, named):
        """The path of a pipe that `source` comes through, for one run."""
        self.pipes.append(Pipe(source, os.path.join(self.fifos, f"{len(self.pipes)}.safetensors") if named else None))
        return self.pipes[-1].path

    def close_pipes(self):
        while self.pipes:
            self.pipes.pop().close()

    def __exit__(self, *_):
        self.close_pipes()
        # A case may make a folder that cannot be entered.
        subprocess.run(["chmod", "-R", "u+rwX", self.root], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.root, ignore_errors=True)

    def environment(self, **more):
        return dict(os.environ, TMPDIR=self.tmp, NO_COLOR="1", DIR=self.input, **more)

    def set_up(self, script, **environment):
        done = subprocess.run(["/bin/sh", "-c", script], cwd=self.input, env=self.environment(**environment),
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"setup failed: {excerpt(done.stderr)}")

    def run(self, argv, timeout, stdin=None):
        """A regular file at `stdin` arrives through a pipe (which cannot seek), a device as it is."""
        piped = stdin is not None and not stdin.startswith("/dev/")
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(stdin or os.devnull, "rb") as source:
            process = subprocess.Popen(argv, cwd=self.root, env=self.environment(), stdin=subprocess.PIPE if piped else source,
                                       stdout=out, stderr=err, start_new_session=True,
                                       pass_fds=[pipe.descriptor for pipe in self.pipes if pipe.descriptor is not None])
            timed_out = threading.Event()

            def stop():
                timed_out.set()
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

            def feed():
                try:
                    shutil.copyfileobj(source, process.stdin)
                    process.stdin.close()
                except BrokenPipeError:
                    pass  # it may stop reading where it has seen enough

            timer = threading.Timer(timeout, stop)
            feeder = threading.Thread(target=feed if piped else lambda: None)
            timer.start()
            feeder.start()
            # wait4 instead of communicate: it tells what this one process used.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            timer.cancel()
            feeder.join()
            self.close_pipes()
            out.seek(0)
            err.seek(0)
            peak_unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
            return Result(process.returncode, timed_out.is_set(), out.read(MAX_OUTPUT), err.read(MAX_OUTPUT),
                          usage.ru_utime + usage.ru_stime, usage.ru_maxrss / peak_unit)
