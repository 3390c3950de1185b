"""What the benchmarks share: running a program once, and the commands that are measured."""
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RELEASE = os.path.join(ROOT, "build/release/kvcache")
LAYERS, HEADS, HEAD_DIM = 32, 8, 128
# What a count of instructions may grow by before bench/gate and bench/compare fail. They repeat within a thousandth on one machine.
GROWTH = 1.03


def run(argv, one_cpu=False):
    """-> (seconds, peak resident MiB)"""
    seconds, _, peak = run_counted(argv, one_cpu)
    return seconds, peak


def run_counted(argv, one_cpu=False):
    """-> (seconds, processor seconds, peak resident MiB)"""
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
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


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
        os.makedirs(self.path, exist_ok=True)

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


def build(tree, folder="build/release"):
    subprocess.run(["bash", "-c", ". scripts/lib.sh && build release kvcache_cli"], cwd=tree, check=True)
    return os.path.join(tree, folder, "kvcache")


def commit_of(name):
    return subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", name + "^{commit}"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def build_commit(commit):
    """The tool of a commit, built beside this tree. -> its path"""
    tree = os.path.join(ROOT, "build/compare", commit)
    if not os.path.isdir(tree):
        subprocess.run(["git", "-C", ROOT, "worktree", "prune"], check=True)
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "--quiet", "--detach", tree, commit], check=True)
    return build(tree)


def instructions(argv):
    """By callgrind, on one processor: with one thread, the order of work is the same each time."""
    def pin():
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    text = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"] + argv, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=True, preexec_fn=pin).stderr
    return int(re.search(r"Collected : (\d+)", text).group(1))


def counted_commands(kvcache, folder):
    """Small inputs, and what is counted: start-up, headers, rules, and each kernel. -> (name, arguments, the file they write or None)"""
    many, small, small4, stamped, out = map(folder, ("many.st", "small.st", "small4.st", "stamped.st", "out.st"))
    files = folder("counted")

    def create(path, layers, tokens):
        run([kvcache, "create", "--layers", layers, "--heads", "1", "--head-dim", "64", "--tokens", tokens, "--fill", "random", "-o", path])

    remove(many, small, small4, stamped, out, files)
    create(many, "200", "4")
    create(small, "1", "4096")
    run([kvcache, "quantize", small, "--bits", "4", "-o", small4])
    run([kvcache, "stamp", small, "-o", stamped])
    os.makedirs(files)
    for i in range(100):
        shutil.copyfile(many, os.path.join(files, "%d.safetensors" % i))
    return [("start (--version)", ["--version"], None),
            ("headers (inspect, 400 tensors)", ["inspect", many], None),
            ("rules (verify, 400 tensors)", ["verify", many], None),
            ("folders (ls, 100 files)", ["ls", files], None),
            ("folders (verify -r, 100 files)", ["verify", "-r", "-q", files], None),
            ("scan (verify --data, 1 MiB)", ["verify", "--data", small], None),
            ("sums (verify of a stamp, 1 MiB)", ["verify", stamped], None),
            ("statistics (inspect --stats, 1 MiB)", ["inspect", "--stats", small], None)] + \
           [("encode (quantize to %s bits, 1 MiB)" % bits, ["quantize", small, "--bits", bits, "-o", out], out)
            for bits in ("3", "4", "8")] + \
           [("decode (dequantize 4 bits)", ["dequantize", small4, "-o", out], out)]


def interval(values):
    """Median, and the bounds that it has with at least 95 percent whatever the distribution: order statistics."""
    ordered = sorted(values)
    n = len(ordered)
    below = 0
    chance = 0.0
    for k in range(n // 2):
        chance += math.comb(n, k) / 2 ** n
        if chance > 0.025:
            break
        below = k + 1
    low, high = (ordered[below - 1], ordered[n - below]) if below else (ordered[0], ordered[-1])
    return statistics.median(ordered), low, high


def machine():
    cpu = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), cpu)
    return "%s, %d cores, %s %s" % (cpu, os.cpu_count(), platform.system(), platform.release())


median = statistics.median
