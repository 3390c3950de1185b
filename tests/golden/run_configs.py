#!/usr/bin/env python3
"""Checks kvcache against caches that mlx-lm's own models made.  run_configs.py BINARY FOLDER [-v] [--only TEXT] [--json OUT]

Per case (standard library only; nothing is written beside the cases):
  create    `create --config DIR --tokens N --dtype D`, then `inspect --json`: classes, windows, heads, dims, slots, bytes (N short and long)
  estimate  `estimate --config DIR --tokens N --json`: bytes (N short and long)
  verify    `verify --model DIR FILE` on the file that mlx-lm saved: nothing to complain about
  refuse    the same file with one layer less, other heads, another width, another window or chunk, another state: KV811, KV814, KV815
  unknown   a config nobody can tell the caches of: no number, KV810 and nothing else from `verify --model`
Last line: 'N passed, M failed' (cases)."""
import copy, json, os, struct, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor

args = [a for a in sys.argv[1:] if not a.startswith("-")]
verbose = "-v" in sys.argv
only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
out_json = sys.argv[sys.argv.index("--json") + 1] if "--json" in sys.argv else ""
args = [a for a in args if a not in (only, out_json)] or args
binary, folder = os.path.abspath(args[0]), os.path.abspath(args[1])
SHORT = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}

def run(*a):
    try:
        p = subprocess.run([binary, *a], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return 999, "", "timeout"

def message(rc, err):
    line = (err.strip().split("\n") or [""])[0]
    return f"exit {rc}: " + line.split(": ", 2)[-1][:150]

# ---- what the product says, in the words of the cases
def slots_of(layer, prefix):
    """Arrays of an ArraysCache under `prefix`: flat (0.31), or in a list of their own (2026-08)."""
    own = [a for a in layer["arrays"] if a["key"].startswith(prefix + ".")]
    nested = [a for a in own if a["key"].startswith(prefix + ".0.")]
    own = sorted(nested or own, key=lambda a: [int(x) for x in a["key"].split(".")])
    return [{"shape": a["shape"], "dtype": a["dtype"]} for a in own]

def seen(layer, whole, prefix):
    d = {"class": layer["class"], "bytes": layer["bytes"]}
    if layer.get("children"):
        d["children"] = [seen(c, whole, f"{prefix}.{i}") for i, c in enumerate(layer["children"])]
    elif layer["class"] == "ArraysCache":
        d["slots"] = slots_of(whole, prefix)
    else:
        for k in ("max_size", "keep", "chunk_size", "kv_heads", "key_dim", "value_dim", "rows", "dtype"):
            if layer.get(k) is not None: d[k] = layer[k]
    return d

def brief(d):
    if "children" in d: return "[" + ", ".join(map(brief, d["children"])) + "]"
    if "slots" in d: return "state " + ", ".join("unset" if s is None else "x".join(map(str, s["shape"])) + ":" + s["dtype"] for s in d["slots"])
    name = {"KVCache": "plain", "RotatingKVCache": f"window {d.get('max_size')}", "ChunkedKVCache": f"chunk {d.get('chunk_size')}"}.get(d["class"], d["class"])
    if d.get("unused"): return name + " unused"
    return f"{name} {d.get('kv_heads')}x{d.get('key_dim')}/{d.get('value_dim')} {d.get('dtype')} rows {d.get('rows')}"

def same(want, got, chunked_rows):
    if want["class"] != got["class"]: return False
    if "children" in want:
        return len(want["children"]) == len(got.get("children", [])) and all(same(a, b, chunked_rows) for a, b in zip(want["children"], got["children"]))
    if "slots" in want: return [s for s in want["slots"] if s is not None] == got["slots"]
    keys = [k for k in ("max_size", "keep", "chunk_size", "kv_heads", "key_dim", "value_dim", "dtype") if k in want]
    if not (chunked_rows and want["class"] == "ChunkedKVCache"): keys += ["rows", "bytes"]
    return all(want[k] == got.get(k) for k in keys)

def compare(want, got, chunked_rows=False):
    if len(want) != len(got): return f"{len(got)} caches instead of {len(want)} (first: {brief(got[0]) if got else '-'}; right: {brief(want[0])})"
    bad = [i for i, (a, b) in enumerate(zip(want, got)) if not same(a, b, chunked_rows)]
    return f"cache {bad[0]}{' and %d more' % (len(bad) - 1) if len(bad) > 1 else ''}: {brief(got[bad[0]])} instead of {brief(want[bad[0]])}" if bad else ""

# ---- safetensors, read and written as plain bytes
def read_file(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n]); meta = head.pop("__metadata__", {}); body = raw[8 + n:]
    return {k: [v["dtype"], v["shape"], body[v["data_offsets"][0]:v["data_offsets"][1]]] for k, v in head.items()}, meta

def write_file(path, arrays, meta):
    head, body = {"__metadata__": meta}, b""
    for k, (dtype, shape, data) in arrays.items():
        head[k] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}; body += data
    text = json.dumps(head).encode(); text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)

SIZE = {"BF16": 2, "F16": 2, "F32": 4, "I64": 8, "I32": 4}
def twice(entry, axis):
    """The array with every row along `axis` doubled in number."""
    dtype, shape, data = entry
    inner = SIZE[dtype]
    for s in shape[axis:]: inner *= s
    new = list(shape); new[axis] *= 2
    return [dtype, new, b"".join(data[i:i + inner] * 2 for i in range(0, len(data), inner)) if inner else data]

def leaves(layers):
    """(path of keys and of metadata, record) of every keys-and-values cache and state, lists taken apart."""
    for i, l in enumerate(layers):
        if "children" in l:
            for j, c in enumerate(l["children"]): yield f"{i}.{j}", f"0.{i}.1.{j}", f"0.{i}.0.{j}", c
        else: yield str(i), f"0.{i}", f"2.{i}", l

def wrong_files(case, arrays, meta):
    """(what is wrong, code, arrays, metadata)"""
    layers = case["layers"]; last = str(len(layers) - 1); out = []
    if len(layers) > 1:
        a = {k: v for k, v in arrays.items() if k.split(".")[0] != last}
        m = {k: v for k, v in meta.items() if not (k.split(".")[0] in "02" and k.split(".")[1] == last)}
        out.append(("a layer less", {"KV811"}, a, m))
    did = set()
    for path, info, cls, l in leaves(layers):
        if l.get("unused"): continue
        if "slots" in l:
            if "state" in did or l["slots"][0] is None or arrays.get(f"{path}.0.0", ["I64"])[0] == "I64": continue
            did.add("state"); a = dict(arrays); k = f"{path}.0.{len(l['slots']) - 1}"; a[k] = twice(a[k], len(a[k][1]) - 1)
            out.append(("another state", {"KV814"}, a, meta)); continue
        kk, vv = f"{path}.0", f"{path}.1"
        kind = l["class"]
        if "heads" + kind not in did:
            did.add("heads" + kind); a = dict(arrays); a[kk], a[vv] = twice(a[kk], 1), twice(a[vv], 1)
            out.append((f"twice the heads ({kind})", {"KV814"}, a, meta))
        if "width" + kind not in did and l["value_dim"]:
            did.add("width" + kind); a = dict(arrays); a[vv] = twice(a[vv], 3); a[kk] = twice(a[kk], 3)
            out.append((f"twice the width ({kind})", {"KV814"}, a, meta))
        if kind == "RotatingKVCache" and "window" not in did:
            did.add("window"); m = dict(meta); m[info + ".1"] = str(int(m[info + ".1"]) + 8)
            out.append(("another window", {"KV815"}, arrays, m))
            m = {k: v for k, v in meta.items() if not k.startswith(info + ".")}; m[info] = ""; m[cls] = "KVCache"
            out.append(("no window", {"KV816"}, arrays, m))
        if kind == "ChunkedKVCache" and "chunk" not in did:
            did.add("chunk"); m = dict(meta); m[info + ".0"] = str(int(m[info + ".0"]) + 8)
            out.append(("another chunk", {"KV815"}, arrays, m))
        if kind == "KVCache" and "plain" not in did and l["kv_heads"] * l["value_dim"]:
            did.add("plain"); m = {k: v for k, v in meta.items() if k != info}
            for j, v in enumerate(("0", "4096", str(l["offset"]), str(l["rows"]))): m[f"{info}.{j}"] = v
            m[cls] = "RotatingKVCache"
            out.append(("a window for a plain cache", {"KV816"}, arrays, m))
    return out

def findings(folder_of_model, path):
    rc, out, err = run("verify", "--json", "--model", folder_of_model, path)
    try: files = json.loads(out)["files"][0]
    except Exception: return rc, None, message(rc, err)
    return rc, [(f["code"], f["severity"], f["message"]) for f in files["findings"]], ""

# ---- cases
PLAIN = None
def check(name):
    case = json.load(open(os.path.join(folder, name)))
    bad = []
    with tempfile.TemporaryDirectory() as tmp:
        os.mkdir(tmp + "/model"); json.dump(case["config"], open(tmp + "/model/config.json", "w"))
        made = tmp + "/made.safetensors"
        if case.get("expect") == "unknown":
            def honest(text):  # a note that says so will do
                try: d = json.loads(text)
                except Exception: return False
                return d.get("known") is False or any(w in " ".join(map(str, d.get("notes", []))).lower() for w in ("not known", "unknown", "assum", "guess"))
            rc, out, err = run("estimate", "--json", "--config", tmp + "/model", "--tokens", "11")
            if rc == 0 and not honest(out):
                try: n = json.loads(out)["estimates"][0]["bytes"]
                except Exception: n = "?"
                bad.append(("unknown-estimate", f"{n} bytes for 11 tokens, without a word"))
            elif rc not in (0, 1, 2, 3, 4, 5): bad.append(("unknown-estimate", message(rc, err)))
            rc, out, err = run("create", "--json", "--config", tmp + "/model", "--tokens", "11", "-o", made)
            if rc == 0 and not honest(out): bad.append(("unknown-create", "makes a cache, without a word"))
            elif rc not in (0, 1, 2, 3, 4, 5): bad.append(("unknown-create", message(rc, err)))
            if PLAIN:
                rc, found, why = findings(tmp + "/model", PLAIN)
                if found is None: bad.append(("unknown-verify", f"nothing verified, {why}"))
                else:
                    codes = {c for c, _, _ in found}
                    if codes & {"KV811", "KV812", "KV813", "KV814", "KV815", "KV816"}: bad.append(("unknown-verify", "compared all the same: " + ", ".join(sorted(codes))))
                    elif "KV810" not in codes: bad.append(("unknown-verify", "no KV810"))
            return case, bad
        dtype = SHORT[case["dtype"]]
        unused = any(l.get("unused") for l in case["layers"])
        for which, part in (("", case), ("-long", case["long"])):
            n = str(part["tokens"]); chunked = "live_nbytes" in case["long"] and which
            if not unused:
                rc, out, err = run("create", "--config", tmp + "/model", "--tokens", n, "--dtype", dtype, "--force", "-o", made)
                if rc: bad.append(("create" + which, message(rc, err)))
                else:
                    rc, out, err = run("inspect", "--json", made)
                    why = compare(part["layers"], [seen(l, l, str(l["index"])) for l in json.loads(out)["layers"]], chunked) if rc == 0 else message(rc, err)
                    if why: bad.append(("create" + which, why))
            rc, out, err = run("estimate", "--json", "--config", tmp + "/model", "--tokens", n)
            if rc: bad.append(("estimate" + which, message(rc, err)))
            else:
                got = json.loads(out)["estimates"][0]["bytes"]; want = {part["nbytes"]}
                if chunked:  # mlx-lm saves dropped rows as zeros; anything from the chunk to all of it is right
                    low = part["nbytes"] - sum(l["bytes"] // l["rows"] * (l["rows"] - l["chunk_size"]) for l in part["layers"] if l["class"] == "ChunkedKVCache")
                    want = {low, part["live_nbytes"], part["nbytes"]}
                if got not in want: bad.append(("estimate" + which, f"{got} bytes instead of {part['nbytes']} ({got / part['nbytes']:.2f}x)"))
        for key in ("file", "long_file"):
            if key not in case: continue
            rc, found, why = findings(tmp + "/model", os.path.join(folder, case[key]))
            if found is None: bad.append(("verify", f"nothing verified, {why}")); continue
            wrong = [f for f in found if f[1] == "error" or f[0].startswith("KV81")]
            if wrong: bad.append(("verify" + ("-long" if key == "long_file" else ""), f"{wrong[0][0]} {wrong[0][2][:130]}"))
        if "file" in case:
            arrays, meta = read_file(os.path.join(folder, case["file"]))
            for what, codes, a, m in wrong_files(case, arrays, meta):
                path = tmp + "/wrong.safetensors"; write_file(path, a, m)
                rc, found, why = findings(tmp + "/model", path)
                if found is None: bad.append(("refuse", f"{what}: nothing verified, {why}"))
                elif not codes & {c for c, _, _ in found}: bad.append(("refuse", f"{what}: " + (", ".join(sorted({c for c, _, _ in found if c.startswith(('KV8', 'KV3', 'KV4'))})) or "ok") + " instead of " + "/".join(codes)))
    return case, bad

names = sorted(n for n in os.listdir(folder) if n.endswith(".json") and only in n)
if os.path.exists(os.path.join(folder, "llama.gqa.safetensors")): PLAIN = os.path.join(folder, "llama.gqa.safetensors")
passed = failed = 0; kinds = {}; results = {}
with ThreadPoolExecutor(2) as pool:
    for case, bad in pool.map(check, names):
        results[case["id"]] = bad
        if bad: failed += 1
        else: passed += 1
        for kind in {b[0] for b in bad}: kinds[kind] = kinds.get(kind, 0) + 1
        if verbose and not bad: print("ok  ", case["id"])
        for kind, why in bad: print("FAIL", case["id"], kind + ":", why)
if out_json: json.dump(results, open(out_json, "w"), indent=1)
print("cases that fail, by check: " + (", ".join(f"{k} {v}" for k, v in sorted(kinds.items())) or "none"))
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
