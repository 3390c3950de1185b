#!/usr/bin/env python3
"""Servers that do what few do, encrypted ones, proxies, and those who may write but not look. usage: odd_servers_test.py BINARY"""
import gzip
import http.client
import http.server
import os
import re
import shutil
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
from xml.sax.saxutils import escape

import s3_server

BINARY = os.path.abspath(sys.argv.pop(1)) if __name__ == "__main__" else ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_any(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        self.server.answer(self)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_any

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def range_of(self, data):
        """-> (first, last) of what is asked for, or None"""
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        return match and (int(match[1]), min(int(match[2]), len(data) - 1))

    def say_range(self, data, total=None, **headers):
        part = self.range_of(data)
        if not part:
            return self.say(200, data, **headers)
        return self.say(206, data[part[0]:part[1] + 1], Content_Range="bytes %d-%d/%s" % (*part, total or len(data)), **headers)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


class OddServers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="kvcache-odd-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.small = os.path.join(cls.folder, "small.safetensors")
        subprocess.run([BINARY, "create", "-q", "--layers", "2", "--heads", "2", "--head-dim", "64", "--tokens", "100", "--fill", "random", "-o",
                        cls.small], check=True)
        cls.want = os.path.join(cls.folder, "want.safetensors")
        subprocess.run([BINARY, "trim", "-q", cls.small, "-n", "1", "-o", cls.want], check=True)
        with open(cls.small, "rb") as small, open(cls.want, "rb") as want:
            cls.data, cls.want = small.read(), want.read()

    def serve(self, answer, certificate=None):
        server = Server(("127.0.0.1", 0), Handler)
        server.answer, server.seen = answer, []
        server.url = "http%s://127.0.0.1:%d" % ("s" if certificate else "", server.server_address[1])
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def run_tool(self, *arguments, **environment):
        drop = ("AWS_", "HF_", "CURL_", "SSL_")
        clean = {n: v for n, v in os.environ.items() if not n.startswith(drop) and not n.lower().endswith("_proxy")}
        return subprocess.run([BINARY, *arguments], cwd=self.folder, env=dict(clean, HOME=self.folder, **environment), timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def good(self, address, **environment):
        """What is read by ranges, whatever the server does, is the file."""
        done = self.run_tool("trim", address, "-n", "1", "--force", "-o", "out.safetensors", **environment)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        with open(os.path.join(self.folder, "out.safetensors"), "rb") as file:
            self.assertEqual(file.read(), self.want)

    def bad(self, words, address, code=5, **environment):
        done = self.run_tool("inspect", address, "--timeout", "1", **environment)
        errors = done.stderr.decode()
        self.assertEqual(done.returncode, code, errors)
        self.assertIn(words, errors)
        return errors

    # How long, and in which form.

    def test_a_length_that_is_said_nowhere(self):
        for head in (lambda h: h.say(405), lambda h: h.say(200, Content_Length=None, Connection="close"),
                     lambda h: h.say(200, Content_Length=str(len(self.data)))):
            server = self.serve(lambda h: head(h) if h.command == "HEAD" else h.say_range(self.data, total="*"))
            self.good(server.url + "/k")
            self.assertEqual([s[0] for s in server.seen], ["GET", "HEAD", "GET"])

    def test_no_length_at_all(self):
        def chunked(handler):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for at in range(0, len(self.data), 5000):
                piece = self.data[at:at + 5000]
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")

        def until_the_end(handler):
            handler.close_connection = True
            handler.say(200, self.data, Content_Length=None, Connection="close")

        for answer in (chunked, until_the_end):
            self.good(self.serve(answer).url + "/k")

    def test_lengths_that_are_wrong(self):
        for words, headers in (("the answer broke off, 5 times", {"Content_Length": "1000"}), ("a part without Content-Range", {"Content_Range": None}),
                               ("the server sent bytes 0-102783", {"Content_Range": "bytes 0-102783/102784"})):
            server = self.serve(lambda h: h.say(206, self.data[:65536], **{"Content_Range": "bytes 0-65535/102784", **headers}))
            self.bad(words, server.url + "/k")

    def test_compressed_on_the_way(self):
        server = self.serve(lambda h: h.say_range(gzip.compress(self.data), Content_Encoding="gzip"))
        self.good(server.url + "/k")
        self.assertEqual(server.seen[0][2]["Accept-Encoding"], "identity")
        server = self.serve(lambda h: h.say_range(gzip.compress(self.data), Content_Encoding="aws-chunked, GZIP"))
        self.good(server.url + "/k")
        server = self.serve(lambda h: h.say_range(b"\x0b\x02\x80" + self.data, Content_Encoding="br"))
        self.bad("the server sends it compressed, as 'br'", server.url + "/k")

    def test_what_is_no_answer(self):
        self.bad("the answer is none of HTTP", self.serve(lambda h: h.wfile.write(b"hello\r\n\r\n")).url + "/k")

    # Where it leads to.

    def test_redirections_to_nowhere(self):
        for location, words in (("file:///etc/passwd", "the server refers to file:///etc/passwd: file:///etc/passwd is no address of a web server"),
                                ("ftp://127.0.0.1/k", "the server refers to ftp://127.0.0.1/k"),
                                ("http://192.0.2.1/k", "the server refers to http://192.0.2.1/k: http://192.0.2.1 is not encrypted"),
                                ("http://u:hush@127.0.0.1:1/k?sig=hush", "(at http://127.0.0.1:1/k, to which the server refers), 5 times")):
            self.assertNotIn("hush", self.bad(words, self.serve(lambda h: h.say(302, Location=location)).url + "/k"))

    def test_what_the_hub_says(self):
        for status, said in ((401, "Access to model o/r is restricted"), (404, "Revision not found")):
            hub = self.serve(lambda h: h.say(status, X_Error_Message=said))
            self.bad("(%d): %s" % (status, said), "hf://o/r/a b#c?.safetensors@refs/pr/1", HF_ENDPOINT=hub.url + "/")
            self.assertEqual(hub.seen[0][1], "/o/r/resolve/refs%2Fpr%2F1/a%20b%23c%3F.safetensors")

    def test_encrypted(self):
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed, to make a certificate")
        certificate = [os.path.join(self.folder, name) for name in ("cert.pem", "key.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-out", certificate[0], "-keyout", certificate[1], "-days", "2",
                        "-subj", "/CN=kvcache", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stderr=subprocess.DEVNULL)
        server = self.serve(lambda h: h.say_range(self.data), certificate)
        for variable in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            self.good(server.url + "/k", **{variable: certificate[0]})
        self.assertIn("CURL_CA_BUNDLE names a file", self.bad("certificate", server.url + "/k"))
        self.bad("certificate", server.url.replace("127.0.0.1", "localhost") + "/k", CURL_CA_BUNDLE=certificate[0])

    def test_proxies(self):
        def pass_on(handler):
            url = urllib.parse.urlsplit(handler.path)
            to = http.client.HTTPConnection(url.hostname, url.port)
            body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
            to.putrequest(handler.command, url.path + ("?" + url.query if url.query else ""), skip_host=True, skip_accept_encoding=True)
            for name, value in handler.headers.items():
                if not name.startswith("Proxy-"):
                    to.putheader(name, value)
            to.endheaders(body)
            got = to.getresponse()
            handler.say(got.status, got.read(), **{n.replace("-", "_"): v for n, v in got.getheaders() if n in ("ETag", "Content-Range")})
            to.close()

        proxy = self.serve(pass_on)
        with s3_server.Service() as service:
            service.objects["b/k"] = s3_server.Object(self.data)
            self.good("s3://b/k", http_proxy=proxy.url.replace("//", "//user:hush@"), **service.environment())
            self.assertEqual(len(proxy.seen), len(service.requests))
            self.assertTrue(proxy.seen[0][2]["Proxy-Authorization"].startswith("Basic "))
            self.good("s3://b/k", http_proxy="http://127.0.0.1:1", no_proxy="127.0.0.1", **service.environment())
        refused = self.bad("by way of the proxy that http_proxy names?", "http://127.0.0.1:9/k", http_proxy="http://user:hush@127.0.0.1:1")
        self.assertNotIn("hush", refused)
        wants = self.serve(lambda h: h.say(407, Proxy_Authenticate="Basic"))
        self.assertIn("http://USER:PASSWORD@HOST:PORT", self.bad("the proxy wants to know who asks (407)", "http://127.0.0.1:9/k", http_proxy=wants.url))

    # Many.

    def listed(self, service):
        done = self.run_tool("ls", "--names", "s3://b/p/", **service.environment())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode().splitlines()

    def test_odd_lists(self):
        keys = ["p/%d +%%&=é.safetensors" % i for i in range(5)]
        item = "<Contents><Key>%s</Key><Size>1</Size></Contents>"

        def as_tokens(query):
            """Every second page is empty, and tokens are what none should be."""
            number = int(query.get("continuation-token", "+ /=%?é&<0")[9:])
            more = "<NextContinuationToken>+ /=%%?é&amp;&lt;%d</NextContinuationToken>" % (number + 1)
            page = item % escape(keys[number // 2]) if number % 2 else ""
            return "<IsTruncated>%s</IsTruncated>%s%s" % ("true" if number < 9 else "false", more, page)

        def as_before_tokens(query):
            left = [key for key in keys if key > query.get("marker", "")]
            pages = "".join(item % urllib.parse.quote_plus(key) for key in left[:2])
            return "<EncodingType>url</EncodingType><IsTruncated>%s</IsTruncated>%s" % ("true" if left[2:] else "false", pages)

        for answer in (as_tokens, as_before_tokens):
            with s3_server.Service() as service:
                for key in keys:
                    service.objects["b/" + key] = s3_server.Object(self.data)
                service.list = lambda request, _, query: request.answer(
                    200, ("<ListBucketResult>%s</ListBucketResult>" % answer(query)).encode())
                self.assertEqual(self.listed(service), ["s3://b/" + key for key in keys])
        with s3_server.Service() as service:
            service.list = lambda request, *_: request.answer(
                200, b"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>k</Key></Contents></ListBucketResult>")
            self.assertIn(b"gives the same page of the list again", self.run_tool("ls", "s3://b/", **service.environment()).stderr)

    # Where and when.

    def test_buckets_in_other_regions(self):
        """Each is asked for in a wrong region once, by however many at once."""
        buckets = {"b": "eu-west-1", "c": "ap-south-1", "d": s3_server.REGION}
        with s3_server.Service(signed=False) as service:
            def in_region(request, body):
                bucket = request.path.split("/")[1].partition("?")[0]
                region = request.headers.get("Authorization", "").split("/")[2]
                if region == buckets[bucket]:
                    return s3_server.Service.answer(service, request, body)
                if request.command == "HEAD" or bucket == "c":
                    return request.answer(301, b"", {"x-amz-bucket-region": buckets[bucket]})
                return request.answer(400, b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>%s</Region></Error>" % buckets[bucket].encode())

            service.answer = in_region
            for bucket in buckets:
                for i in range(20):
                    service.objects["%s/p/%02d.safetensors" % (bucket, i)] = s3_server.Object(self.data)
            service.delay = 0.02
            names = ["s3://%s/p/%02d.safetensors" % (bucket, i) for i in range(20) for bucket in buckets]
            done = self.run_tool("verify", "-q", *names, **service.environment())
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            service.reset()
            done = self.run_tool("diff", names[0], names[1], **service.environment())
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertEqual([r.split("/")[1] for r in service.requests][:4], ["b", "b", "c", "c"])
            self.assertEqual(len(service.requests), 6)  # and one more range of each

    def test_wrong_clocks_and_keys_that_are_over(self):
        for status, code, words in ((403, "RequestTimeTooSkewed", "the clock of this machine is wrong, or the service's, which says "),
                                    (400, "ExpiredToken", "AWS_SESSION_TOKEN and its keys have to be new ones")):
            with s3_server.Service() as service:
                service.on_get = lambda request, *_: service.error(request, status, code)
                self.bad(words, "s3://b/k", **service.environment())

    # Outputs.

    def write(self, service, *more):
        service.reset()
        return self.run_tool("trim", self.small, "-n", "1", "-o", "s3://b/a/out.safetensors", *more, **service.environment())

    def test_who_may_write_and_not_look(self):
        for conditional in (True, False):
            with s3_server.Service(conditional=conditional) as service:
                service.on_head = lambda request, *_: service.error(request, 403, "AccessDenied")
                done = self.write(service)
                if conditional:
                    self.assertEqual((done.returncode, list(service.objects)), (0, ["b/a/out.safetensors"]), done.stderr)
                    done = self.write(service)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(b"output s3://b/a/out.safetensors exists", done.stderr)
                else:
                    # The service would replace what is there, and does not say whether anything is.
                    self.assertEqual((done.returncode, service.objects), (5, {}), done.stderr)
                    self.assertIn(b"s3://b/a/out.safetensors: cannot tell whether it exists", done.stderr)
                self.assertEqual(self.write(service, "--force").returncode, 0)

    def test_who_may_not_write(self):
        for status, code in ((403, "AccessDenied"), (404, "NoSuchBucket")):
            with s3_server.Service() as service:
                service.on_put = lambda request, *_: service.error(request, status, code)
                for more in ((), ("--force",)):
                    done = self.write(service, *more)
                    self.assertEqual(done.returncode, 5)
                    # Of the output, not of the input; and nothing of what the service would keep.
                    self.assertIn(b"kvcache trim: s3://b/a/out.safetensors: cannot be written", done.stderr)
                    self.assertNotIn(b"warning", done.stderr)
                    self.assertEqual(service.objects, {})


if __name__ == "__main__":
    unittest.main()
