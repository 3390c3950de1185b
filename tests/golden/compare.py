"""What "the same" means: for safetensors files, for JSON and for verify's findings."""
import json
import math
import re
import struct

ITEM_BYTES = {"BOOL": 1, "I8": 1, "U8": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4,
              "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8}
ULP_DTYPES = {"F16": "H", "BF16": "H", "F32": "I"}


class Mismatch(Exception):
    """One difference, in words."""


def parse_json(text, what):
    """Strict: a repeated key is a mistake of the writer that json.loads would hide."""
    def unique(pairs):
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise Mismatch(f"{what}: a JSON key twice among {keys[:8]}")
        return dict(pairs)
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as e:
        raise Mismatch(f"{what} is not JSON: {e}: {text[:120]!r}")


def read_safetensors(path, what):
    """({key: (dtype, shape, bytes)}, metadata). Strict, with neither holes nor a tail: the tool wrote it."""
    with open(path, "rb") as f:
        raw = f.read()
    if len(raw) < 8:
        raise Mismatch(f"{what}: only {len(raw)} bytes")
    (header_bytes,) = struct.unpack_from("<Q", raw)
    if header_bytes > len(raw) - 8:
        raise Mismatch(f"{what}: a header of {header_bytes} bytes in a file of {len(raw)}")
    header = parse_json(raw[8:8 + header_bytes], f"{what}: header")
    data = raw[8 + header_bytes:]
    if not isinstance(header, dict):
        raise Mismatch(f"{what}: the header is not an object")
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise Mismatch(f"{what}: __metadata__ is not a map of strings")

    tensors, spans = {}, []
    for key, entry in header.items():
        try:
            dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
            expected = math.prod(shape) * ITEM_BYTES[dtype]
        except (KeyError, TypeError, ValueError) as e:
            raise Mismatch(f"{what}: bad entry {key!r}: {e!r}")
        if not 0 <= begin <= end <= len(data) or end - begin != expected:
            raise Mismatch(f"{what}: {key!r} has bytes {begin} to {end} of {len(data)}, needs {expected}")
        tensors[key] = (dtype, list(shape), data[begin:end])
        if end > begin:
            spans.append((begin, end, key))
    at = 0
    for begin, end, key in sorted(spans):
        if begin != at:
            raise Mismatch(f"{what}: {key!r} starts at {begin}, expected {at}")
        at = end
    if at != len(data):
        raise Mismatch(f"{what}: {len(data) - at} bytes after the last tensor")
    return tensors, metadata


def ulp_rank(bits, width):
    """Bit pattern of a float as an integer whose steps are ulps; both zeros are 0."""
    sign = 1 << (width - 1)
    return bits if bits < sign else sign - bits


def compare_tensors(key, got, want, within_one_ulp):
    for name, g, w in zip(("dtype", "shape"), got, want):
        if g != w:
            raise Mismatch(f"tensor {key!r}: {name} {g}, expected {w}")
    if got[2] == want[2]:
        return
    size = ITEM_BYTES[want[0]]
    elements = range(0, len(want[2]), size)
    differing = [i // size for i in elements if got[2][i:i + size] != want[2][i:i + size]]
    if within_one_ulp and want[0] in ULP_DTYPES:
        unpack = struct.Struct("<" + ULP_DTYPES[want[0]]).unpack_from
        differing = [i for i in differing if abs(ulp_rank(*unpack(got[2], i * size), 8 * size) -
                                                 ulp_rank(*unpack(want[2], i * size), 8 * size)) > 1]
    if differing:
        at = differing[0] * size
        raise Mismatch(f"tensor {key!r}: {len(differing)} of {len(elements)} elements differ, first element {differing[0]}: "
                       f"{got[2][at:at + size].hex()}, expected {want[2][at:at + size].hex()}")


def compare_safetensors(got_path, want_path, within_one_ulp):
    got, got_metadata = read_safetensors(got_path, "output")
    want, want_metadata = read_safetensors(want_path, "expected file")
    if got.keys() != want.keys():
        raise Mismatch(f"tensors missing {sorted(want.keys() - got.keys())[:6]}, too many {sorted(got.keys() - want.keys())[:6]}")
    for key in sorted(want):
        compare_tensors(key, got[key], want[key], within_one_ulp)
    for key in sorted(got_metadata.keys() | want_metadata.keys()):
        if got_metadata.get(key) != want_metadata.get(key):
            raise Mismatch(f"metadata {key!r}: {got_metadata.get(key)!r}, expected {want_metadata.get(key)!r}")


def contains(got, want, at="$"):
    """Objects may have more keys than expected; lists have the same length; numbers that are not whole agree to 1e-6."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key, value in want.items():
            if key not in got:
                raise Mismatch(f"json {at}: no {key!r}")
            contains(got[key], value, f"{at}.{key}")
        return
    if isinstance(want, list) and isinstance(got, list):
        if len(got) != len(want):
            raise Mismatch(f"json {at}: {len(got)} entries, expected {len(want)}")
        for i, (g, w) in enumerate(zip(got, want)):
            contains(g, w, f"{at}[{i}]")
        return
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (got, want))
    if numbers and (isinstance(got, float) or isinstance(want, float)):
        same = got == want or math.isclose(got, want, rel_tol=1e-6)
    else:
        same = got == want and (numbers or type(got) is type(want))
    if not same:
        raise Mismatch(f"json {at}: {got!r}, expected {want!r}")


STATUS = {"error": ("errors", "unreadable"), "warning": ("warnings",), None: ("ok",)}


def check_findings(document, exit_code, strict, case):
    """verify --json: its form, that severities, status and exit code agree, and the codes that the case asks for."""
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, list) or not files:
        raise Mismatch('verify --json: no "files"')
    if document.get("schema", "kvcache.verify/1") != "kvcache.verify/1":
        raise Mismatch(f"verify --json: schema {document['schema']!r}")
    codes, severities = set(), set()
    for file in files:
        if not isinstance(file, dict) or not isinstance(file.get("path"), str) or not isinstance(file.get("findings"), list):
            raise Mismatch('verify --json: a file without "path" and "findings"')
        for finding in file["findings"]:
            check_finding(finding)
        seen = {finding["severity"] for finding in file["findings"]}
        fitting = STATUS["error" if "error" in seen else "warning" if "warning" in seen else None]
        if file.get("status", fitting[0]) not in fitting:
            raise Mismatch(f"verify --json: status {file['status']!r} with findings of severity {sorted(seen)}")
        codes |= {finding["code"] for finding in file["findings"]}
        severities |= seen

    reported = " ".join(sorted(codes)) or "none"
    missing = set(case.get("findings") or ()) - codes
    if missing:
        raise Mismatch(f"not reported: {' '.join(sorted(missing))} (reported: {reported})")
    any_of = set(case.get("findings_any") or ())
    if any_of and not any_of & codes:
        raise Mismatch(f"none of {' '.join(sorted(any_of))} reported (reported: {reported})")
    wrong = codes & set(case.get("findings_absent") or ())
    if wrong:
        raise Mismatch(f"wrongly reported: {' '.join(sorted(wrong))}")
    if exit_code == 0 and "error" in severities:
        raise Mismatch(f"exit 0 although an error is reported ({reported})")
    if exit_code in (1, 3, 5) and "error" not in severities and not (strict and "warning" in severities):
        raise Mismatch(f"exit {exit_code} although no error is reported ({reported})")


def check_finding(finding):
    if not isinstance(finding, dict) or not re.fullmatch(r"KV\d{3}", str(finding.get("code"))):
        raise Mismatch(f"verify --json: a finding without a code: {finding!r}")
    if finding.get("severity") not in ("error", "warning", "info"):
        raise Mismatch(f"verify --json: {finding['code']} has severity {finding.get('severity')!r}")
    if not isinstance(finding.get("message"), str) or not finding["message"]:
        raise Mismatch(f"verify --json: {finding['code']} has no message")
