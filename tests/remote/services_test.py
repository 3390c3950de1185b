#!/usr/bin/env python3
"""The same against real services, where they are: OpenStack Swift with its S3 API, Ceph's radosgw. usage: services_test.py BINARY

Nothing is installed or downloaded here. A service that runs already is named by a variable: KVCACHE_S3_SERVICES, one or several of
NAME=URL,KEY,SECRET with blanks between them; tests/fleet/services.py starts one. Without one this is skipped (exit status 77)."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import uuid

BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""
SERVICES = [s.partition("=")[::2] for s in os.environ.get("KVCACHE_S3_SERVICES", "").split()]
BUCKET = os.environ.get("KVCACHE_S3_BUCKET", "bkt")


class Services(unittest.TestCase):
    def test_round_trips(self):
        for name, where in SERVICES:
            url, key, secret = where.split(",")
            with self.subTest(name), tempfile.TemporaryDirectory(prefix="kvcache-services-") as folder:
                environment = dict(os.environ, AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret,
                                   AWS_REGION="us-east-1", HOME=folder)

                def tool(*arguments, code=0):
                    done = subprocess.run([BINARY, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    self.assertEqual(done.returncode, code, done.stderr.decode())
                    return done.stdout

                prefix = "s3://%s/%s" % (BUCKET, uuid.uuid4())
                for size, tokens in (("small", 100), ("large", 2400)):  # one request, and parts
                    tool("create", "-q", "--layers", "8", "--heads", "8", "--head-dim", "128", "--tokens", str(tokens), "--fill", "random",
                         "-o", size)
                    there = "%s/a b+%s.safetensors" % (prefix, size)
                    tool("trim", size, "-n", "1", "-o", there)
                    tool("trim", size, "-n", "1", "-o", there, code=2)
                    if size == "small":
                        tool("trim", size, "-n", "1", "-o", there, "--force")
                    tool("trim", size, "-n", "3", "-o", "want")
                    tool("trim", there, "-n", "2", "-o", "got")
                    with open(os.path.join(folder, "got"), "rb") as got, open(os.path.join(folder, "want"), "rb") as want:
                        self.assertEqual(got.read(), want.read())
                    self.assertEqual(json.loads(tool("inspect", "--json", there))["remote"]["requests"], 1)
                    os.remove(os.path.join(folder, "got"))
                    os.remove(os.path.join(folder, "want"))
                listed = json.loads(tool("ls", "--json", prefix + "/"))
                self.assertEqual([f["tokens"] for f in listed["files"]], [2399, 99])
                tool("inspect", prefix + "/nothing", code=5)


if __name__ == "__main__":
    if not SERVICES:
        print("SKIPPED: no service to test with; KVCACHE_S3_SERVICES='swift=http://127.0.0.1:8080,test:tester,testing' names one")
        sys.exit(77)
    unittest.main()
