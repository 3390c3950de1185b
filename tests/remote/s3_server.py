"""A small S3 service for tests, on loopback: standard library only, objects in memory, sparse files from a folder.

It checks signatures (AWS Signature Version 4, written from Amazon's description and not from the client's code) and payload hashes, and
answers GET and HEAD with ranges and conditions, PUT with If-None-Match, multipart uploads, DELETE and ListObjectsV2. Every request is
counted. `faults` maps the number of a request, or "all", to what goes wrong with it:

    503      "Slow Down" with Retry-After: 0           stall   the answer begins and never ends
    reset    the connection is reset                    short   half of the body, then the end
    whole    200 with everything in place of 206        etag    another ETag than before
    range    a Content-Range of other bytes             lost    done, and then the connection is reset
    late     200, and then an error in the body
"""
import datetime
import email.utils
import hashlib
import hmac
import http.server
import os
import re
import socket
import socketserver
import struct
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

KEY, SECRET, REGION = "tester", "a secret/of+tests", "us-east-1"


class Object:
    def __init__(self, data=b"", path=None):
        self.data, self.path = data, path
        self.size = os.path.getsize(path) if path else len(data)
        self.etag = '"%s"' % hashlib.md5(data if not path else path.encode() + str(self.size).encode()).hexdigest()
        self.meta = {}
        self.modified = time.time()

    def read(self, begin, size):
        if not self.path:
            return self.data[begin:begin + size]
        with open(self.path, "rb") as f:
            f.seek(begin)
            return f.read(size)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_any(self):
        service = self.server.service
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Expect"):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(length)
        with service.lock:
            service.requests.append("%s %s" % (self.command, self.path))
            number = len(service.requests)
            service.headers.append(dict(self.headers))
        fault = service.faults.get(number, service.faults.get("all"))
        if service.delay:
            time.sleep(service.delay)
        if fault == "503":
            return self.answer(503, b"<Error><Code>SlowDown</Code><Message>Slow Down</Message></Error>", {"Retry-After": "0"})
        if fault == "reset":
            return self.reset()
        if fault == "late":
            return self.answer(200, b"\n<Error><Code>InternalError</Code><Message>Try again</Message></Error>")
        self.fault = fault
        service.answer(self, body)
        if self.fault == "stall":  # others are served meanwhile
            service.stalled.wait(30)
            self.hang_up()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_any

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass

    def answer(self, status, body=b"", headers=()):
        headers = dict(headers)
        fault = getattr(self, "fault", None)
        if fault == "lost":
            return self.reset()
        if fault == "etag" and "ETag" in headers:
            headers["ETag"] = '"another"'
        if fault == "range" and "Content-Range" in headers:
            headers["Content-Range"] = re.sub(r"bytes (\d+)-(\d+)",
                                              lambda m: "bytes %d-%d" % (int(m[1]) + 1, int(m[2]) + 1), headers["Content-Range"])
        size = int(headers.pop("Content-Length", len(body)))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        if fault == "stall" and (self.command == "HEAD" or not body):
            self.flush_headers()  # and not the empty line
            return None
        self.end_headers()
        if self.command == "HEAD" or status in (204, 304):
            return None
        try:
            if fault in ("short", "stall"):
                self.wfile.write(body[:len(body) // 2])
                self.wfile.flush()
                if fault == "short":
                    self.hang_up()
            else:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True
        return None


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass


class Service:
    """with Service() as service: service.url, service.objects["bucket/key"]."""

    def __init__(self, signed=True, conditional=True, ranges=True, page=1000, listen="127.0.0.1"):
        self.listen = listen.replace("*", "")  # of all addresses
        self.signed, self.conditional, self.ranges, self.page = signed, conditional, ranges, page
        self.objects, self.uploads = {}, {}
        self.requests, self.headers, self.faults = [], [], {}
        self.redirects = {}  # path: location
        self.delay = 0
        self.lock = threading.Lock()
        self.stalled = threading.Event()

    def __enter__(self):
        self.server = Server((self.listen, 0), Handler)
        self.server.service = self
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stalled.set()
        self.server.shutdown()
        self.server.server_close()

    def reset(self, faults=()):
        """Forget what was asked; from now on these faults."""
        self.requests, self.headers, self.faults = [], [], dict(faults)

    def environment(self):
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}

    # What is wrong with a signature, or None.
    def judge(self, request, body):
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?"
                             r"Signature=([0-9a-f]{64})", request.headers.get("Authorization", ""))
        if not match:
            return "AccessDenied"
        key, date, region, signed, signature = match.groups()
        if key != KEY:
            return "InvalidAccessKeyId"
        if region != REGION:
            return "AuthorizationHeaderMalformed"
        digest = request.headers.get("x-amz-content-sha256", "")
        if digest != hashlib.sha256(body).hexdigest():
            return "XAmzContentSHA256Mismatch"
        names = signed.split(";")
        must = {"host"} | {n.lower() for n in request.headers if n.lower().startswith("x-amz-")}
        if names != sorted(names) or not must <= set(names):
            return "SignatureDoesNotMatch"
        path, _, query = request.path.partition("?")
        pairs = sorted(part.partition("=")[::2] for part in query.split("&") if part)
        canonical = "\n".join([request.command, path, "&".join("%s=%s" % pair for pair in pairs),
                               "".join("%s:%s\n" % (n, " ".join((request.headers.get(n) or "").split())) for n in names), signed, digest])
        stamp = request.headers.get("x-amz-date")
        scope = "%s/%s/s3/aws4_request" % (date, region)
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        secret = ("AWS4" + SECRET).encode()
        for part in (date, region, "s3", "aws4_request"):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        good = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(good, signature) else "SignatureDoesNotMatch"

    def answer(self, request, body):
        path, _, query = request.path.partition("?")
        if path in self.redirects:
            return request.answer(302, b"", {"Location": self.redirects[path]})
        if self.signed:
            wrong = self.judge(request, body)
            if wrong:
                return self.error(request, 403, wrong)
        query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        name = urllib.parse.unquote(path)[1:]
        bucket, _, key = name.partition("/")
        answer = getattr(self, "on_" + request.command.lower())
        if request.command in ("GET", "HEAD"):
            return answer(request, bucket, key, query, body)  # may take as long as it likes
        with self.lock:
            return answer(request, bucket, key, query, body)

    @staticmethod
    def error(request, status, code):
        return request.answer(status, b"<?xml version='1.0'?><Error><Code>%s</Code><Message>no</Message></Error>" % code.encode())

    def on_get(self, request, bucket, key, query, _):
        if not key and "list-type" in query:
            return self.list(request, bucket, query)
        if not key and "uploads" in query:
            ids = "".join("<Upload><Key>%s</Key><UploadId>%s</UploadId></Upload>" % (escape(u["key"]), i)
                          for i, u in self.uploads.items() if u["key"].startswith(query.get("prefix", "")))
            return request.answer(200, ("<ListMultipartUploadsResult>%s</ListMultipartUploadsResult>" % ids).encode())
        found = self.objects.get("%s/%s" % (bucket, key))
        if found is None:
            return self.error(request, 404, "NoSuchKey")
        headers = {"ETag": found.etag, "Last-Modified": email.utils.formatdate(found.modified, usegmt=True), **found.meta}
        wanted = request.headers.get("If-Match")
        if wanted and wanted != found.etag:
            return self.error(request, 412, "PreconditionFailed")
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if request.headers.get("Range") and not match:
            return self.error(request, 400, "OnlyPlainRanges")
        if not match or not self.ranges or request.fault == "whole":
            headers["Content-Length"] = found.size
            return request.answer(200, b"" if request.command == "HEAD" else found.read(0, found.size), headers)
        first, last = int(match[1]), min(int(match[2]), found.size - 1)
        if first >= found.size:
            return self.error(request, 416, "InvalidRange")
        headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, found.size)
        return request.answer(206, found.read(first, last - first + 1), headers)

    on_head = on_get

    def list(self, request, bucket, query):
        keys = sorted(k[len(bucket) + 1:] for k in self.objects if k.startswith(bucket + "/" + query.get("prefix", "")))
        keys = [k for k in keys if k > query.get("continuation-token", "")]
        page, more = keys[:self.page], keys[self.page:]
        stamp = datetime.datetime.fromtimestamp(1767225600, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        text = "".join("<Contents><Key>%s</Key><LastModified>%s</LastModified><Size>%d</Size></Contents>"
                       % (urllib.parse.quote_plus(k), stamp, self.objects["%s/%s" % (bucket, k)].size) for k in page)
        token = "<NextContinuationToken>%s</NextContinuationToken>" % escape(page[-1]) if more else ""
        return request.answer(200, ("<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
                                    "<IsTruncated>%s</IsTruncated>%s<EncodingType>url</EncodingType>%s</ListBucketResult>"
                                    % ("true" if more else "false", token, text)).encode())

    @staticmethod
    def meta_of(request):
        return {n: v for n, v in request.headers.items() if n.lower().startswith("x-amz-meta-")}

    def on_put(self, request, bucket, key, query, body):
        if "partNumber" in query:
            upload = self.uploads.get(query["uploadId"])
            if upload is None:
                return self.error(request, 404, "NoSuchUpload")
            part = Object(body)
            upload["parts"][int(query["partNumber"])] = part
            return request.answer(200, b"", {"ETag": part.etag})
        name = "%s/%s" % (bucket, key)
        if request.headers.get("If-None-Match"):
            if not self.conditional:
                return self.error(request, 501, "NotImplemented")
            if name in self.objects:
                return self.error(request, 412, "PreconditionFailed")
        self.objects[name] = Object(body)
        self.objects[name].meta = self.meta_of(request)
        return request.answer(200, b"", {"ETag": self.objects[name].etag})

    def on_post(self, request, bucket, key, query, body):
        if "uploads" in query:
            name = "upload%d" % (len(self.requests))
            self.uploads[name] = {"bucket": bucket, "key": key, "parts": {}, "meta": self.meta_of(request)}
            return request.answer(200, ("<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>"
                                        % name).encode())
        upload = self.uploads.get(query.get("uploadId"))
        if upload is None:
            return self.error(request, 404, "NoSuchUpload")
        numbers = [int(n) for n in re.findall(r"<PartNumber>(\d+)</PartNumber>", body.decode())]
        if numbers != list(range(1, len(upload["parts"]) + 1)):
            return self.error(request, 400, "InvalidPart")
        if any(len(upload["parts"][n].data) < 5 << 20 for n in numbers[:-1]):
            return self.error(request, 400, "EntityTooSmall")
        made = Object(b"".join(upload["parts"][n].data for n in numbers))
        made.meta = upload["meta"]
        self.objects["%s/%s" % (bucket, key)] = made
        del self.uploads[query["uploadId"]]
        return request.answer(200, b"<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>"
                              % escape(made.etag).encode())

    def on_delete(self, request, bucket, key, query, _):
        if "uploadId" in query:
            if self.uploads.pop(query["uploadId"], None) is None:
                return self.error(request, 404, "NoSuchUpload")
        else:
            self.objects.pop("%s/%s" % (bucket, key), None)
        return request.answer(204)
