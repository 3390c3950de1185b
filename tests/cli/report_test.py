#!/usr/bin/env python3
"""The page of `kvcache report`: well-formed, self-contained, bounded, and in agreement with the other commands.

usage: report_test.py BINARY TESTDATA
"""
import html.parser
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest

BINARY, TESTDATA = (os.path.abspath(p) for p in (sys.argv.pop(1), sys.argv.pop(1)))
VOID = {"meta", "link", "br", "img", "input", "hr"}
# What would fetch or run something, or be a style that the policy of the page forbids.
FORBIDDEN_TAGS = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "audio", "use", "image", "foreignobject"}


class Page(html.parser.HTMLParser):
    """Checks that every element is closed where it must be, and gathers tables, ids and text."""

    def __init__(self, text):
        super().__init__()
        self.problems, self.open, self.ids, self.links, self.text = [], [], [], [], []
        self.tables, self.labels = {}, []
        self.feed(text)
        self.close()
        self.problems += ["never closed: %s" % tag for tag in self.open]

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in FORBIDDEN_TAGS:
            self.problems.append("<%s> has no place here" % tag)
        for name, value in attrs.items():
            if name.startswith("on") or name == "style" or (name in ("src", "href", "action") and not (value or "").startswith("#")):
                self.problems.append("%s=%r on <%s>" % (name, value, tag))
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if "href" in attrs else []
        if tag == "svg" and attrs.get("role") != "img" and attrs.get("aria-hidden") != "true":
            self.problems.append("a picture without words")
        if "aria-label" in attrs:
            self.labels.append(attrs["aria-label"])
        if tag == "table":
            self.caption, self.rows = "", []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.problems.append("</%s> closes %s" % (tag, self.open[-1:]))
        else:
            self.open.pop()
        if tag == "table":
            self.tables[self.caption] = self.rows

    def handle_data(self, data):
        self.text.append(data)
        if "caption" in self.open:
            self.caption += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    def table(self, caption):
        return next(rows for name, rows in self.tables.items() if name.startswith(caption))


def write_cache(path, layers, metadata=None, rows=3, fill=b"\x00\x3c"):
    """Plain layers [1, 1, rows, 4] of F16."""
    header, size = {"__metadata__": dict(metadata or {})}, rows * 8
    for i in range(layers):
        header["__metadata__"]["0.%d" % i] = ""
        header["__metadata__"]["2.%d" % i] = "KVCache"
        for k in range(2):
            begin = (2 * i + k) * size
            header["%d.%d" % (i, k)] = {"dtype": "F16", "shape": [1, 1, rows, 4], "data_offsets": [begin, begin + size]}
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + fill * (layers * 2 * size // len(fill)))


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-report-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def tool(self, *words):
        return subprocess.run([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)

    def report(self, cache):
        """-> (text, Page) of a page without problems."""
        done = self.tool("report", cache, "-o", self.path("page.html"), "--force")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        with open(self.path("page.html"), encoding="utf-8") as f:
            text = f.read()
        page = Page(text)
        self.assertEqual(page.problems, [])
        self.assertEqual(len(page.ids), len(set(page.ids)))
        self.assertLessEqual({link[1:] for link in page.links}, set(page.ids))
        return text, page

    def test_every_golden_cache_has_a_sound_page(self):
        files = [os.path.join(TESTDATA, "golden", "models", "files", name)
                 for name in sorted(os.listdir(os.path.join(TESTDATA, "golden", "models", "files")))]
        ops = os.path.join(TESTDATA, "golden", "ops", "files")
        files += [os.path.join(ops, name + ".safetensors") for name in
                  ("quant-f16-b4-g64", "merged", "rotating-batch-step8", "cache-list", "chunked", "arrays", "kv-nometa")]
        for file in files:
            with self.subTest(os.path.basename(file)):
                text, _ = self.report(file)
                self.assertNotIn(TESTDATA, text, "the page says nothing about folders")
                self.assertNotIn("{{", text)

    def test_folders_of_servers_have_sound_pages(self):
        golden = os.path.join(TESTDATA, "golden", "foreign")
        for name in sorted(os.listdir(golden)):
            store = os.path.join(golden, name, "store")
            explained = json.loads(self.tool("explain", store, "--json").stdout or "{}")
            if not explained.get("places"):
                continue
            with self.subTest(name):
                text, page = self.report(store)
                self.assertNotIn(TESTDATA, text, "the page says nothing about folders")
                self.assertNotIn("{{", text)
                rows = page.table("Folders and files of servers")[1:]
                self.assertEqual([int(row[2]) for row in rows], [place["entries"] for place in explained["places"]])
                if any(place["signatures"] for place in explained["places"]):
                    ids = [row[0] for row in page.table("Entries with the same settings: a server uses those of its own, and no others")[1:]]
                    self.assertEqual(ids, [s["id"] for place in explained["places"] for s in place["signatures"]])

    def test_numbers_agree_with_inspect(self):
        for name in ("llama-f16", "gemma3_text-bf16", "qwen3_5-f16"):
            cache = os.path.join(TESTDATA, "golden", "models", "files", name + ".safetensors")
            _, page = self.report(cache)
            facts = json.loads(self.tool("inspect", "--json", "--stats", cache).stdout)
            rows = page.table("Values of each array")[1:]
            expected = [[str(layer["index"]), a["part"]] + ["%.3g" % a[key] for key in ("min", "max", "mean", "std")]
                        for layer in facts["layers"] for a in layer["stats"]]
            self.assertEqual([[row[i] if i < 2 else "%.3g" % float(row[i]) for i in range(6)] for row in rows], expected)
            total = sum(int(row[1].replace(",", "")) for row in page.table("Bytes of the file")[1:])
            self.assertEqual(total, facts["file_bytes"])
            verify = json.loads(self.tool("verify", "--json", cache).stdout)["files"][0]
            loads = {row[0].split()[0]: row[1] for row in page.table("Runtimes")[1:]}
            self.assertEqual({k: "✓ yes" if v["ok"] else "✗ no" for k, v in verify["loads_in"].items()}, loads)

    def test_a_hostile_file_stays_text(self):
        attack = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{style}}\u0000\u202e"
        for cache in ("hostile.safetensors", "<b onclick=x>&\"'.safetensors"):
            write_cache(self.path(cache), 2, {"1.%s" % attack: attack, "1.model": attack})
            text, page = self.report(self.path(cache))
            self.assertNotIn("<script", text)
            self.assertNotIn("<img", text)
            self.assertIn("<script>alert(1)</script>", "".join(page.text), "shown as it is")
            self.assertEqual(text.count("<style>"), 1)
        # Values that are not finite, and a class name that nobody knows, are findings.
        write_cache(self.path("nan.safetensors"), 1, fill=b"\x00\x7e")
        text, page = self.report(self.path("nan.safetensors"))
        self.assertIn("KV601", text)
        self.assertIn("12 NaN", "".join(page.text))
        write_cache(self.path("class.safetensors"), 1, {"2.1": "<script>", "0.1": ""})
        text, _ = self.report(self.path("class.safetensors"))
        self.assertIn("&lt;script&gt;", text)

    def test_the_same_file_gives_the_same_page(self):
        cache = os.path.join(TESTDATA, "golden", "models", "files", "llama-f16.safetensors")
        self.assertEqual(self.report(cache)[0], self.report(cache)[0])

    def test_the_style_is_the_one_that_the_policy_allows(self):
        import base64
        import hashlib
        text, _ = self.report(os.path.join(TESTDATA, "golden", "models", "files", "llama-f16.safetensors"))
        style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.assertIn("default-src 'none'; style-src 'sha256-%s'" % digest, text)

    def test_thousands_of_layers_fit_on_a_page(self):
        done = self.tool("create", "--layers", "3000", "--heads", "1", "--head-dim", "8", "--tokens", "120", "--fill", "random",
                         "-o", self.path("many.safetensors"))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        text, page = self.report(self.path("many.safetensors"))
        self.assertLess(len(text), 600_000)
        self.assertIn("3000", "".join(page.text))
        write_cache(self.path("kinds.safetensors"), 1000, {"2.%d" % i: "Class%d" % i for i in range(1000)})
        text, _ = self.report(self.path("kinds.safetensors"))
        self.assertLess(len(text), 600_000)


if __name__ == "__main__":
    unittest.main()
