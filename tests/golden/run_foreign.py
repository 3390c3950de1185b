#!/usr/bin/env python3
"""Checks kvcache against folders that other projects' own code wrote. usage: run_foreign.py BINARY FOLDER [-v] [--only TEXT]

FOLDER holds scenarios: store/ (as on disk), tokens/, expected/ (what the project restores, as an mlx-lm@2026-08 file), manifest.json. Per scenario:
  look     `ls --json STORE` and `verify --json -r STORE` end by themselves with exit 0, 1 or 3 and JSON; nothing in the store changes
  import   per query: `convert STORE --tokens IDS --to mlx-lm@2026-08 [--model-name NAME] [--block-size N] --json -o OUT`
           a file is expected: exit 0, the same arrays and the same class and layer metadata (user metadata is not compared), and the summary says
           "restored": tokens; none is: exit 1 (nothing matches), 3 or 4, and no OUT. Where the manifest says that a careful importer may do otherwise
           (`importer_*`, a query of the same length as the entry), both are right. Reduced codecs: within 1e-6 of the row's maximum.
  explain  `explain STORE --tokens IDS --json` ends with exit 0 or 1 and JSON
Standard library only. Last line: 'N passed, M failed' (a check each)."""
import hashlib, json, os, struct, subprocess, sys, tempfile

args = [a for a in sys.argv[1:] if not a.startswith("-")]
verbose = "-v" in sys.argv
only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
args = [a for a in args if a != only] or args
binary, folder = os.path.abspath(args[0]), os.path.abspath(args[1])
passed = failed = 0

def run(*a):
    try:
        p = subprocess.run([binary, *a], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return p.returncode, p.stdout, p.stderr.decode("utf-8", "replace").strip().split("\n")[0][:200]
    except subprocess.TimeoutExpired:
        return 999, b"", "timeout"

def check(name, problem):
    global passed, failed
    if problem:
        failed += 1
        if verbose: print("FAIL", name, problem)
    else: passed += 1

def read(path):
    with open(path, "rb") as f: b = f.read()
    n = struct.unpack("<Q", b[:8])[0]
    h = json.loads(b[8:8 + n])
    meta = h.pop("__metadata__", None) or {}
    return {k: (t["dtype"], t["shape"], b[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]]) for k, t in h.items()}, meta

def floats(dtype, b):
    if dtype == "F32": return struct.unpack("<%df" % (len(b) // 4), b)
    if dtype == "F16": return struct.unpack("<%de" % (len(b) // 2), b)
    if dtype == "BF16": return struct.unpack("<%df" % (len(b) // 2), b"".join(b"\0\0" + b[i:i + 2] for i in range(0, len(b), 2)))
    return None

def differs(got, want, tolerant):
    (a, ma), (b, mb) = read(got), read(want)
    own = lambda m: {k: v for k, v in m.items() if k.split(".")[0] in ("0", "2")}
    if own(ma) != own(mb): return "layer metadata %r, expected %r" % (own(ma), own(mb))
    if sorted(a) != sorted(b): return "arrays %s, expected %s" % (sorted(a), sorted(b))
    for k in a:
        if a[k][:2] != b[k][:2]: return "%s is %s %s, expected %s %s" % (k, *a[k][:2], *b[k][:2])
        if a[k][2] == b[k][2]: continue
        x, y = floats(a[k][0], a[k][2]), floats(b[k][0], b[k][2])
        if not tolerant or x is None: return "%s differs" % k
        row = b[k][1][-1] or 1
        for r in range(0, len(y), row):
            m = max(abs(v) for v in y[r:r + row])
            if any(abs(p - q) > 1e-6 * m for p, q in zip(x[r:r + row], y[r:r + row])): return "%s differs in row %d" % (k, r // row)
    return None

def digest(path):
    s = hashlib.sha256()
    for base, dirs, files in sorted(os.walk(path)):
        dirs.sort()
        for f in sorted(files):
            s.update(os.path.relpath(os.path.join(base, f), path).encode("utf-8", "surrogateescape"))
            with open(os.path.join(base, f), "rb") as h: s.update(h.read())
    return s.hexdigest()

for name in sorted(os.listdir(folder)):
    home = os.path.join(folder, name)
    if not os.path.isfile(home + "/manifest.json") or only not in name: continue
    with open(home + "/manifest.json") as f: manifest = json.load(f)
    store = home + "/store"
    before = digest(store)
    for what, command in (("ls", ["ls", "--json", store]), ("verify", ["verify", "--json", "-r", store])):
        code, out, err = run(*command)
        try: json.loads(out); problem = None if code in (0, 1, 3) else "exit %d: %s" % (code, err)
        except ValueError: problem = "exit %d, no JSON: %s" % (code, err)
        check(name + " " + what, problem)
    for q in manifest["queries"]:
        if not q.get("tokens_file"): continue
        ids = os.path.join(home, q["tokens_file"])
        more = [x for k, o in (("model_name", "--model-name"), ("block_size", "--block-size")) if q.get(k) for x in (o, str(q[k]))]
        with tempfile.TemporaryDirectory() as tmp:
            out_path = tmp + "/out.safetensors"
            code, out, err = run("convert", store, "--tokens", ids, "--to", "mlx-lm@2026-08", *more, "--json", "-o", out_path)
            wanted = [q["expected"]] if q.get("expected") else []
            if q.get("importer_expected"): wanted.append(q["importer_expected"])
            free = any(k.startswith("importer_") for k in q) or "same length" in (q.get("why") or "") or "strictly shorter" in (q.get("why") or "")
            problem = None
            if code == 0:
                if not os.path.isfile(out_path): problem = "exit 0 without output"
                elif wanted:
                    problems = [differs(out_path, os.path.join(home, w), bool(q.get("compare"))) for w in wanted]
                    problem = None if None in problems or free else problems[0]
                elif not free: problem = "restored what nothing can restore (%s)" % (q.get("import_should_refuse") or q.get("why") or manifest["notes"])
                if problem is None and q.get("expected") and not free:
                    try:
                        if json.loads(out).get("restored") != q["restored_tokens"]: problem = "restored %r, expected %r" % (json.loads(out).get("restored"), q["restored_tokens"])
                    except ValueError: problem = "no JSON summary"
            elif code not in (1, 3, 4): problem = "exit %d: %s" % (code, err)
            elif os.path.exists(out_path): problem = "exit %d and an output" % code
            elif q.get("expected") and not free: problem = "exit %d: %s" % (code, err)
            check("%s import %s" % (name, q["name"]), problem)
            code, out, err = run("explain", store, "--tokens", ids, *more, "--json")
            try: json.loads(out); problem = None if code in (0, 1) else "exit %d: %s" % (code, err)
            except ValueError: problem = "exit %d, no JSON: %s" % (code, err)
            check("%s explain %s" % (name, q["name"]), problem)
    check(name + " untouched", None if digest(store) == before else "the store changed")
print("%d passed, %d failed" % (passed, failed))
sys.exit(failed > 0)
