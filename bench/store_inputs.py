"""What bench/store measures with: token files, caches, copies of stores, an index of a million blocks, who saves whole files."""
import array
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time

from measure import HEAD_DIM, HEADS, remove, run

BLOCK = 256
WHO = ["--identity", "bench"]
VOCABULARY = 150000


class Counted:
    """One run: seconds, peak MiB, and the bytes that it gave to write() and its like."""

    def __init__(self, argv, ok=(0,)):
        # What earlier runs left to be written must not be paid for by this one.
        os.sync()
        read, write = os.pipe()
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.dup2(write, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.closerange(3, 64)
            try:
                os.execvp(argv[0], argv)
            finally:
                os._exit(127)
        os.close(write)
        with os.fdopen(read, "rb") as f:
            self.text = f.read()
        # Of a process that has ended and was not waited for the counters can still be read.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self.seconds = time.monotonic() - start
        with open("/proc/%d/io" % pid, encoding="ascii") as f:
            self.written = int(dict(line.split(": ") for line in f)["wchar"]) - len(self.text)
        _, status, usage = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code not in ok:
            raise SystemExit("%s: exit code %d" % (" ".join(argv), code))
        self.peak = usage.ru_maxrss / (1 << 10)

    def json(self):
        return json.loads(self.text)


class Tokens:
    """Files of the first n ids of a sequence: those of `shared` and, behind them, its own."""

    def __init__(self, path, own, shared=0):
        self.path = path
        self.ids = array.array("i", random.Random(0).choices(range(VOCABULARY), k=shared))
        self.own = random.Random(own)

    def of(self, n):
        self.ids.extend(self.own.choices(range(VOCABULARY), k=max(0, n - len(self.ids))))
        with open(self.path, "wb") as f:
            f.write(self.ids[:n].tobytes())
        return self.path


def create(kvcache, path, layers, tokens, fill="random"):
    remove(path)
    run([kvcache, "create", "--layers", str(layers), "--heads", str(HEADS), "--head-dim", str(HEAD_DIM), "--tokens", str(tokens),
         "--fill", fill, "-o", path])
    return path


def copy_of(source, target):
    """A store again, as it was: objects are never changed, so names for them do."""
    remove(target)
    shutil.copytree(source, target, copy_function=os.link)
    for name in os.listdir(target):
        if name.startswith("store.db"):
            remove(os.path.join(target, name))
            shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
    return target


def object_bytes(store):
    return sum(os.path.getsize(os.path.join(parent, name)) for parent, _, names in os.walk(os.path.join(store, "objects"))
               for name in names)


def fill_index(store, blocks):
    """See add_blocks(). In a process of its own: what this one takes, those that it starts seem to have taken."""
    pid = os.fork()
    if pid == 0:
        try:
            add_blocks(store, blocks)
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1] != 0:
        raise SystemExit("the index was not filled")


def add_blocks(store, blocks):
    """Adds rows for so many blocks, in chats of 40, to the index of a store: as if their objects had been put. By SQL, in the
    order of their digests and with the index by parents made at the end, as a million puts would take hours."""
    with sqlite3.connect(os.path.join(store, "store.db")) as db:
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000")
        children, = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'node_children'").fetchone()
        db.execute("DROP INDEX node_children")
        space, root = db.execute("SELECT space, parent FROM node WHERE first = 0").fetchone()
        objects = json.dumps([["rows", BLOCK * 32768, [[0, BLOCK]]]])
        step, noise = (1 << 64) // blocks, random.Random(1)
        digest = lambda i: (i * step).to_bytes(8, "big") + noise.randbytes(24)
        # Which place in its chat a digest has is as good as random: a stride that shares no factor with their number.
        stride = 40 * (blocks // 97) + 1
        names = [digest(i) for i in range(blocks)]
        place = [0] * blocks
        for k in range(blocks):
            place[k * stride % blocks] = k

        def rows():
            for i in range(blocks):
                k = place[i]
                parent = root if k % 40 == 0 else names[(k - 1) * stride % blocks]
                yield (names[i], parent, space, k % 40 * BLOCK, 0, os.urandom(3 * BLOCK), None, objects, BLOCK * 32768, None, None, i,
                       int(k % 40 == 39))

        db.executemany("INSERT INTO node (hash, parent, space, first, tail, ids, extras, objects, bytes, cut, held, used, loose) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows())
        db.execute(children)
    # The log of the copy that this was made from is of another database now.
    with sqlite3.connect(os.path.join(store, "store.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")


STAND_IN = """
import os, sys, time
bytes_ = memoryview(os.urandom(1 << 20) * (int(sys.argv[2]) // (1 << 20) + 1))
for line in sys.stdin:
    n, durable = map(int, line.split())
    start = time.monotonic()
    with open(sys.argv[1], "wb", buffering=0) as f:
        at = 0
        while at < n:
            at += f.write(bytes_[at:n])
        if durable:
            os.fsync(f.fileno())
    print(time.monotonic() - start, flush=True)
"""


class SavesWhole:
    """A Python process with a cache in memory that writes the whole of it after each turn, as runtimes do."""

    def __init__(self, path, most):
        self.process = subprocess.Popen([sys.executable, "-c", STAND_IN, path, str(most)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def save(self, n, durable):
        os.sync()
        self.process.stdin.write("%d %d\n" % (n, durable))
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()
