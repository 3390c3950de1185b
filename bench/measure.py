"""What the benchmarks share: running a program once, and the commands that are measured."""
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RELEASE = os.path.join(ROOT, "build/release/kvcache")
LAYERS, HEADS, HEAD_DIM = 32, 8, 128


def run(argv, one_cpu=False):
    """-> (seconds, peak resident MiB)"""
    # What earlier runs left to be written must not be paid for by this one.
    os.sync()
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        if one_cpu and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            os.execvp(argv[0], argv)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        raise SystemExit("%s: exit code %d" % (" ".join(argv), code))
    return seconds, usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def remove(*paths):
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)


def bytes_of(text):
    """"64M" -> 67108864"""
    return int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1]]


class Folder:
    """Where measured files are: --folder, or a temporary one in build/."""

    def __init__(self, path=None):
        self.temporary = None if path else tempfile.mkdtemp(prefix="bench-", dir=os.path.join(ROOT, "build"))
        self.path = path or self.temporary

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def __call__(self, name):
        return os.path.join(self.path, name)


class Inputs:
    """Caches of one size, made once: plain, quantized to 4 bits, half as long, and two of those as a batch."""

    def __init__(self, kvcache, folder, size):
        self.tokens = size // (LAYERS * HEADS * HEAD_DIM * 2 * 2)
        self.plain, self.q4, self.half, self.batch = map(folder, ("plain.st", "q4.st", "half.st", "batch.st"))
        remove(self.plain, self.q4, self.half, self.batch)
        run([kvcache, "create", "--layers", str(LAYERS), "--heads", str(HEADS), "--head-dim", str(HEAD_DIM), "--tokens", str(self.tokens),
             "--fill", "random", "-o", self.plain])
        run([kvcache, "quantize", self.plain, "--bits", "4", "-o", self.q4])
        run([kvcache, "trim", self.plain, "--to", str(self.tokens // 2), "-o", self.half])
        run([kvcache, "merge", self.half, self.half, "-o", self.batch])

    def remove(self):
        remove(self.plain, self.q4, self.half, self.batch)

    def commands(self):
        """-> (name, input, arguments, whether they write, bar): bar(written / input) is the most it may take, as a ratio to cp."""
        layout = lambda share: 1.1 * share
        half = str(self.tokens // 2)
        return [
            ("trim to half", self.plain, ["trim", self.plain, "--to", half], True, layout),
            ("convert to mlx-swift-lm", self.plain, ["convert", self.plain, "--to", "mlx-swift-lm"], True, layout),
            ("metadata set", self.plain, ["metadata", self.plain, "set", "a=b"], True, layout),
            ("merge two", self.half, ["merge", self.half, self.half], True, layout),
            ("extract one of two", self.batch, ["extract", self.batch, "--index", "1"], True, layout),
            ("filter one of two", self.batch, ["filter", self.batch, "--keep", "1"], True, layout),
            ("quantize 8 bits", self.plain, ["quantize", self.plain, "--bits", "8"], True, lambda _: 0.75),
            ("quantize 8 bits, one thread", self.plain, ["quantize", self.plain, "--bits", "8"], True, lambda _: 1.2),
            ("quantize 4 bits", self.plain, ["quantize", self.plain, "--bits", "4"], True, lambda _: 0.6),
            ("dequantize 4 bits", self.q4, ["dequantize", self.q4], True, lambda share: 1.3 * share),
            ("verify --data", self.plain, ["verify", "--data", self.plain], False, lambda _: 0.5),
            ("inspect --stats", self.plain, ["inspect", "--stats", self.plain], False, lambda _: 0.5),
        ]


def machine():
    cpu = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), cpu)
    return "%s, %d cores, %s %s" % (cpu, os.cpu_count(), platform.system(), platform.release())


median = statistics.median
