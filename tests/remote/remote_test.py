#!/usr/bin/env python3
"""Files behind s3:// and http://: what each command asks for, and that every fault of a server gives the right bytes or an error.
usage: remote_test.py BINARY"""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import s3_server
from s3_server import Object, Service

BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
MIB = 1 << 20


def sparse_cache(path, rows, padding=0):
    """One layer of 2 x rows KiB of zeros that take no space on disk; `padding`: blanks in the header."""
    end = rows * 1024
    header = {"__metadata__": {"0.0": "", "2.0": "KVCache"},
              "0.0": {"dtype": "F16", "shape": [1, 1, rows, 512], "data_offsets": [0, end]},
              "0.1": {"dtype": "F16", "shape": [1, 1, rows, 512], "data_offsets": [end, 2 * end]}}
    text = json.dumps(header).encode() + b" " * padding
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + 2 * end)


class Remote(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory(prefix="kvcache-remote-")
        cls.small = os.path.join(cls.shared.name, "small.safetensors")
        cls.large = os.path.join(cls.shared.name, "large.safetensors")
        for path, layers, tokens in ((cls.small, 2, 200), (cls.large, 8, 1200)):
            subprocess.run([BINARY, "create", "-q", "--layers", str(layers), "--heads", "2", "--head-dim", "128", "--tokens", str(tokens),
                            "--fill", "random", "--seed", "1", "-o", path], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvcache-remote-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(self.path("tmp"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def bytes_of(self, path):
        with open(path, "rb") as f:
            return f.read()

    def environment(self, service=None, **more):
        clean = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "HF_")) and not n.lower().endswith("_proxy")}
        return {**clean, "HOME": self.folder, "TMPDIR": self.path("tmp"), **(service.environment() if service else {}), **more}

    def run_tool(self, *arguments, service=None, **environment):
        return subprocess.run([BINARY, *arguments], cwd=self.folder, env=self.environment(service, **environment), timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def good(self, *arguments, **more):
        done = self.run_tool(*arguments, **more)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def bad(self, code, words, *arguments, **more):
        done = self.run_tool(*arguments, **more)
        errors = done.stderr.decode()
        self.assertEqual(done.returncode, code, errors)
        self.assertIn(words, errors)
        return errors

    def nothing_is_left(self, *expected):
        self.assertEqual(sorted(os.listdir(self.folder)), sorted(["tmp", *expected]))
        self.assertEqual(os.listdir(self.path("tmp")), [])

    # What it costs.

    def test_a_header_is_one_request_however_long_the_file(self):
        sparse_cache(self.path("huge"), 50_000_000)  # 100 GB
        with Service() as service:
            service.objects["b/huge.safetensors"] = Object(path=self.path("huge"))
            for command in (["inspect", "--json"], ["verify", "--json"], ["estimate", "--tokens", "5", "--json", "--like"]):
                service.reset()
                shown = json.loads(self.good(*command, "s3://b/huge.safetensors", service=service))
                self.assertEqual(shown["remote"]["requests"], 1)
                self.assertLess(shown["remote"]["bytes_received"], 200_000)
                self.assertEqual(service.headers[0]["Range"], "bytes=0-65535")
                self.assertEqual(len(service.requests), 1)

    def test_a_long_header_is_two_requests(self):
        sparse_cache(self.path("file"), 1000, padding=3 * MIB)
        with Service() as service:
            service.objects["b/k"] = Object(path=self.path("file"))
            shown = json.loads(self.good("inspect", "--json", "s3://b/k", service=service))
            self.assertEqual(shown["remote"]["requests"], 2)
            self.assertEqual(service.headers[1]["If-Match"], service.objects["b/k"].etag)

    def test_verbose_says_what_it_cost(self):
        with Service() as service:
            service.objects["b/k"] = Object(self.bytes_of(self.small))
            done = self.run_tool("inspect", "-v", "s3://b/k", service=service)
            self.assertIn("remote: 1 request, 65.5 kB received, 0 B sent", done.stderr.decode())

    def test_bodies_are_read_ahead(self):
        with Service() as service:
            service.objects["b/k"] = Object(self.bytes_of(self.large))
            service.delay = 0.05
            begin = time.monotonic()
            self.good("trim", "s3://b/k", "-n", "1", "-o", "out.safetensors", service=service)
            self.assertLessEqual(len(service.requests), len(service.objects["b/k"].data) // MIB + 10)
            self.assertLess(time.monotonic() - begin, 5)
        self.good("trim", self.large, "-n", "1", "-o", "want.safetensors")
        self.assertEqual(self.bytes_of(self.path("out.safetensors")), self.bytes_of(self.path("want.safetensors")))

    def test_commands_that_read_values(self):
        with Service() as service:
            service.objects["b/k.safetensors"] = Object(self.bytes_of(self.large))
            for command in (["diff", "{}", self.large], ["verify", "--data", "{}"], ["inspect", "--stats", "{}"],
                            ["quantize", "{}", "--bits", "4", "-o", "q.safetensors", "--force"]):
                here = self.run_tool(*[a.format(self.large) for a in command])
                service.reset()
                there = self.run_tool(*[a.format("s3://b/k.safetensors") for a in command], service=service)
                self.assertEqual(there.returncode, here.returncode, there.stderr)
                self.assertEqual(there.stdout.replace(b"s3://b/k.safetensors", self.large.encode()), here.stdout)
                self.assertLess(len(service.requests), 250, command)

    def test_a_store_takes_over_objects(self):
        with open(self.path("ids.json"), "w", encoding="ascii") as f:
            json.dump(list(range(200)), f)
        self.good("stamp", self.small, "--tokens", "ids.json", "-o", "stamped")
        with Service() as service:
            for key in ("k.safetensors", "other", "p/k.safetensors"):
                service.objects["b/" + key] = Object(self.bytes_of(self.path("stamped")))
            for name in ("s3://b/k.safetensors", "s3://b/other", "s3://b/p/", service.url + "/b/other"):
                service.signed = name.startswith("s3:")
                shown = json.loads(self.good("store", "import", name, "--identity", name, "--store", "store", "--json", service=service))
                self.assertEqual((shown["entries"], shown["skipped"]), (1, 0), name)
            self.bad(5, "there is no such object", "store", "import", "s3://b/nothing", "--identity", "m", "--store", "store", service=service)

    # Every fault, at every request.

    def test_every_fault_at_every_request(self):
        self.good("trim", self.large, "-n", "1", "-o", "want.safetensors")
        want = self.bytes_of(self.path("want.safetensors"))
        with Service() as service:
            service.objects["b/k"] = Object(self.bytes_of(self.large))
            self.good("trim", "s3://b/k", "-n", "1", "-o", "out.safetensors", service=service)
            requests = len(service.requests)
            self.assertGreater(requests, 3)
            os.remove(self.path("out.safetensors"))
            for fault in ("503", "reset", "short", "whole", "etag", "range", "stall"):
                for number in range(1, min(requests, 5) + 1):
                    service.reset({number: fault})
                    done = self.run_tool("trim", "s3://b/k", "-n", "1", "-o", "out.safetensors", "--timeout", "1", service=service)
                    if done.returncode == 0:
                        self.assertEqual(self.bytes_of(self.path("out.safetensors")), want, (fault, number))
                        os.remove(self.path("out.safetensors"))
                    else:
                        # Of two versions no file can be made.
                        self.assertEqual((fault, done.returncode), ("etag", 5), done.stderr)
                        self.assertIn(b"changed while it was read", done.stderr)
                    self.nothing_is_left("want.safetensors")

    def test_faults_that_stay(self):
        with Service() as service:
            service.objects["b/k"] = Object(self.bytes_of(self.small))
            for fault, words in (("503", "503: SlowDown"), ("reset", "5 times"), ("short", "5 times"), ("range", "in place of 0-65535"),
                                 ("stall", "nothing came from the server for 0.3 s")):
                service.reset({"all": fault})
                begin = time.monotonic()
                self.bad(5, words, "inspect", "s3://b/k", "--timeout", "0.3", service=service)
                self.assertLess(time.monotonic() - begin, 10)

    def test_a_server_without_ranges(self):
        with Service(ranges=False) as service:
            service.objects["b/k"] = Object(self.bytes_of(self.large))
            self.good("trim", "s3://b/k", "-n", "1", "-o", "out.safetensors", service=service)
            self.assertLess(len(service.requests), 25)
        self.good("trim", self.large, "-n", "1", "-o", "want.safetensors")
        self.assertEqual(self.bytes_of(self.path("out.safetensors")), self.bytes_of(self.path("want.safetensors")))

    def test_what_is_not_there(self):
        with Service() as service:
            self.bad(5, "there is no such object (404)", "inspect", "s3://b/nothing", service=service)
            service.objects["b/empty"] = Object(b"")
            self.bad(3, "empty", "inspect", "s3://b/empty", service=service)

    # Who asks, and whom.

    def test_credentials(self):
        with Service() as service:
            service.objects["b/k"] = Object(self.bytes_of(self.small))
            errors = self.bad(5, "access denied (403, SignatureDoesNotMatch)", "inspect", "s3://b/k", service=service,
                              AWS_SECRET_ACCESS_KEY="another-secret")
            self.assertNotIn("another-secret", errors)
            os.mkdir(self.path(".aws"))
            with open(self.path(".aws/credentials"), "w", encoding="utf-8") as f:
                f.write("[default]\naws_access_key_id = x\n[work]\naws_access_key_id = %s\naws_secret_access_key = %s\n"
                        % (s3_server.KEY, s3_server.SECRET))
            with open(self.path(".aws/config"), "w", encoding="utf-8") as f:
                f.write("[profile work]\nregion = us-east-1\nendpoint_url = %s\n" % service.url)
            self.good("inspect", "s3://b/k", AWS_PROFILE="work")
            self.good("ls", "S3://b/", AWS_PROFILE="work")
            # Somebody should ask, and nobody does: it works where everybody may, and says why where not.
            with open(self.path(".aws/config"), "a", encoding="utf-8") as f:
                f.write("[profile sso]\nsso_session = x\n[profile bare]\nregion = us-east-1\n")
            for profile, words in (("nothere", "there is no profile 'nothere'"), ("bare", "profile 'bare' has no keys"),
                                   ("sso", "profile 'sso' has its keys by sso_session, which is not done here")):
                everybody = {"AWS_PROFILE": profile, "AWS_ENDPOINT_URL": service.url}
                service.signed = True
                self.bad(5, words, "inspect", "s3://b/k", **everybody)
                service.signed = False
                self.good("inspect", "s3://b/k", **everybody)

    def test_passwords_are_not_shown(self):
        with Service(signed=False) as service:
            service.objects["b/k"] = Object(self.bytes_of(self.small))
            address = service.url.replace("//", "//user:hush@") + "/b/k?X-Amz-Signature=hush"
            done = self.run_tool("inspect", "--json", address)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(service.headers[0]["Authorization"].startswith("Basic "))
            self.assertIn("?X-Amz-Signature=hush", service.requests[0])
            for command in (["inspect", address], ["inspect", "--json", address], ["verify", "--json", address], ["ls", "--json", address],
                            ["inspect", address.replace("/k?", "/nothing?")], ["trim", address, "-n", "1", "-o", address],
                            ["trim", address, "-n", "1", "--in-place"], ["metadata", address, "list", "--json"]):
                done = self.run_tool(*command)
                self.assertNotIn(b"hush", done.stdout + done.stderr, command)

    def test_hints_replace_nothing_that_lies_elsewhere(self):
        wrong = self.bytes_of(self.small).replace(b'"2.1":"KVCache"', b'"2.1":"KVCachf"')
        with Service(signed=False) as service:
            service.objects["b/small.safetensors"] = Object(self.bytes_of(self.small))
            service.objects["b/wrong.safetensors"] = Object(wrong)
            address = service.url + "/b/small.safetensors"
            for command in (["inspect", address], ["inspect", "--json", address], ["verify", "--infos", "--for", "mlx-lm", address],
                            ["verify", "--fix", service.url + "/b/wrong.safetensors"], ["trim", address, "-n", "1"],
                            ["trim", address, address + "?2", "-n", "1"], ["metadata", address, "set", "a=b"],
                            ["stamp", address], ["store", "put", address, "--store", self.path("store")]):
                done = self.run_tool(*command)
                self.assertNotIn(b"--in-place", done.stdout + done.stderr, command)
            self.assertIn(b"-o small-new.safetensors", self.run_tool("inspect", "--json", address).stdout)

    def test_redirections(self):
        with Service(signed=False) as first, Service(signed=False) as second:
            second.objects["b/k"] = Object(self.bytes_of(self.large))
            first.redirects["/here"] = "/there"
            first.redirects["/there"] = second.url + "/b/k"
            address = first.url.replace("//", "//user:secret@") + "/here"
            self.good("trim", address, "-n", "1", "-o", "out.safetensors")
            self.assertEqual([h.get("Authorization", "")[:5] for h in first.headers], ["Basic", "Basic"])
            self.assertEqual({h.get("Authorization") for h in second.headers}, {None})
            # Followed once, not for each range.
            self.assertEqual(len(first.requests), 2)
            first.redirects["/round"] = "/round"
            self.bad(5, "more than 5 redirections", "inspect", first.url + "/round")

    def test_hub(self):
        with Service(signed=False) as hub, Service(signed=False) as files:
            files.objects["b/k"] = Object(self.bytes_of(self.small))
            hub.redirects["/owner/repo/resolve/v1/a/k.safetensors"] = files.url + "/b/k"
            self.good("inspect", "hf://owner/repo/a/k.safetensors@v1", HF_ENDPOINT=hub.url, HF_TOKEN="hush\n")
            self.assertEqual(hub.headers[0]["Authorization"], "Bearer hush")
            self.assertNotIn("Authorization", files.headers[0])

    def test_plain_http_to_others(self):
        self.bad(2, "is not encrypted", "inspect", "http://192.0.2.1/k")
        self.bad(2, "is no kind of address", "inspect", "ftp://127.0.0.1/k")

    # Many.

    def test_lists(self):
        data = self.bytes_of(self.small)
        with Service(page=7) as service:
            for i in range(40):
                service.objects["b/p/a+b %02d&.safetensors" % i] = Object(data)
            service.objects["b/p/readme.txt"] = service.objects["b/q.safetensors"] = Object(b"x")
            shown = json.loads(self.good("ls", "--json", "s3://b/p/", service=service))
            self.assertEqual([f["path"] for f in shown["files"]], ["s3://b/p/a+b %02d&.safetensors" % i for i in range(40)])
            self.assertEqual({f["tokens"] for f in shown["files"]}, {200})
            self.assertEqual(shown["remote"]["requests"], 6 + 40)
            service.objects["b/p/old/tmp/x.safetensors"] = Object(data)
            for bucket in ("s3://b/p/", "s3://b"):
                for command in (("ls",), ("verify", "-r")):
                    some = json.loads(self.good(*command, "--json", "--exclude", "*1?&*", "--exclude", "tmp/", "--exclude", "/q*", bucket, service=service))
                    self.assertEqual(len(some["files"]), 30, (command, bucket))
            del service.objects["b/p/old/tmp/x.safetensors"]
            self.bad(2, "only folders on this machine are pruned", "prune", "s3://b/p/", service=service)
            self.bad(2, "-r takes folders of this machine", "trim", "-r", "s3://b/p/", "-n", "1", "-o", "out/", service=service)
            checked = json.loads(self.good("verify", "-r", "--json", "s3://b/p/", service=service))
            self.assertEqual(checked["summary"]["files"], 40)
            service.delay = 0.2
            service.reset()
            begin = time.monotonic()
            self.good("ls", "s3://b/p/", service=service)
            self.assertLess(time.monotonic() - begin, 8)  # one after the other it would be 9.2 s and more
            # Objects are read while the list goes on.
            lists = ["list-type" in request for request in service.requests]
            self.assertLess(lists.index(False), max(i for i, is_list in enumerate(lists) if is_list))
            self.bad(5, "cannot be listed", "ls", "s3://b/p/", service=service,
                     AWS_ACCESS_KEY_ID="other")

    # Outputs.

    def test_a_small_output_is_one_object(self):
        for conditional in (True, False):
            with Service(conditional=conditional) as service:
                done = self.run_tool("trim", self.small, "-n", "1", "-o", "s3://b/c/out.safetensors", "--json", service=service)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(b"would not keep" in done.stderr, not conditional)
                self.assertEqual(json.loads(done.stdout)["output"], "s3://b/c/out.safetensors")
                self.assertEqual(list(service.objects), ["b/c/out.safetensors"])
                self.good("trim", self.small, "-n", "1", "-o", "want.safetensors", "--force")
                self.assertEqual(service.objects["b/c/out.safetensors"].data, self.bytes_of(self.path("want.safetensors")))
                self.bad(2, "exists", "trim", self.small, "-n", "2", "-o", "s3://b/c/out.safetensors", service=service)
                self.good("trim", self.small, "-n", "2", "-o", "s3://b/c/out.safetensors", "--force", service=service)

    def test_outputs_whose_answer_is_lost(self):
        with Service() as service:
            for number in range(1, 7):
                service.objects.clear()
                service.reset({number: "lost"})
                self.good("trim", self.small, "-n", "1", "-o", "s3://b/out.safetensors", service=service)
                self.assertEqual(list(service.objects), ["b/out.safetensors"], number)

    def test_a_large_output_goes_in_parts(self):
        sparse_cache(self.path("big"), 34_000)  # 70 MB
        with Service() as service:
            self.good("trim", "big", "-n", "1", "-o", "s3://b/big.safetensors", service=service)
            self.assertEqual(list(service.objects), ["b/big.safetensors"])
            self.assertEqual(service.uploads, {})
            want = service.objects["b/big.safetensors"].data
            self.good("trim", "big", "-n", "1", "-o", "want")
            self.assertEqual(want, self.bytes_of(self.path("want")))
            asked = [r.split("?")[0] + "?" + r.partition("?")[2][:8] for r in service.requests]
            begun = 1 + asked.index("POST /b/big.safetensors?uploads=")
            done = 1 + next(i for i, r in enumerate(asked) if r.startswith("POST") and "?uploadId" in r)
            # At the beginning of the upload, at a part of it, and at its end.
            for fault, number in (("lost", begun), ("lost", begun + 2), ("503", begun + 3), ("lost", done), ("late", done)):
                service.objects.clear()
                service.reset({number: fault})
                self.good("trim", "big", "-n", "1", "-o", "s3://b/big.safetensors", service=service)
                self.assertEqual(list(service.objects), ["b/big.safetensors"])
                self.assertEqual(service.objects["b/big.safetensors"].data, want)
                self.assertEqual(service.uploads, {}, (fault, number))

    def test_an_interrupted_upload_leaves_nothing(self):
        sparse_cache(self.path("big"), 100_000)
        with Service() as service:
            service.delay = 0.3
            # While parts are on their way, and before anybody knows the name of the upload.
            for number, code, sight in ((signal.SIGINT, 130, "partNumber"), (signal.SIGTERM, 143, "partNumber"), (signal.SIGINT, 130, "uploads=")):
                service.reset()
                process = subprocess.Popen([BINARY, "trim", "big", "-n", "1", "-o", "s3://b/big.safetensors"], cwd=self.folder,
                                           env=self.environment(service), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
                while not any(sight in r for r in service.requests):
                    self.assertIsNone(process.poll())
                    time.sleep(0.02)
                process.send_signal(number)
                begin = time.monotonic()
                _, errors = process.communicate(timeout=20)
                self.assertLess(time.monotonic() - begin, 5)
                self.assertEqual(process.returncode, code, errors)
                time.sleep(0.4)  # until the service has done all that it was asked for
                self.assertEqual((service.objects, service.uploads), ({}, {}), sight)
                self.nothing_is_left("big")

    def test_reading_ends_at_once(self):
        with Service() as service:
            service.objects["b/k"] = Object(self.bytes_of(self.small))
            service.faults = {"all": "stall"}
            process = subprocess.Popen([BINARY, "inspect", "s3://b/k"], env=self.environment(service), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
            while not service.requests:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            begin = time.monotonic()
            process.communicate(timeout=20)
            self.assertLess(time.monotonic() - begin, 3)
            self.assertEqual(process.returncode, 130)


if __name__ == "__main__":
    unittest.main()
