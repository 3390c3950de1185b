#!/usr/bin/env bash
# curl and libcurl 7.88.1-10+deb12u15 (apt, Debian 12), amd64.
#
# Expected: --aws-sigv4 signs headers that the request has. `-H "Expect:"` is curl's own way to leave a header out (so that an upload
# does not wait for "100 Continue"), and `-H "X-Empty;"` its way to send one without a value.
# Seen: what was left out is signed all the same: SignedHeaders has "expect", the request does not, and no S3 service can arrive at the
# same signature. A header without a value is signed by the name "x-empty;", semicolon included.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$(cat "$folder/pid" 2>/dev/null)" 2>/dev/null; rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
version=7.88.1-10+deb12u15
apt-get download -qq curl=$version libcurl4=$version 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done
python3 - <<'PY' &
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        signed = self.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0]
        sent = {name.lower() for name in self.headers}
        with open("seen", "a") as seen:
            seen.write("signed %s; not sent: %s\n" % (signed, ", ".join(n for n in signed.split(";") if n not in sent and n) or "-"))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open("pid", "w") as pid:
    pid.write(str(os.getpid()))
with open("port.new", "w") as port:
    port.write(str(server.server_address[1]))
os.rename("port.new", "port")
server.serve_forever()
PY
for _ in $(seq 100); do [ -e port ] || sleep 0.1; done
echo data >file
put() {
  LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu ./usr/bin/curl -q -s --noproxy '*' --max-time 20 --aws-sigv4 aws:amz:us-east-1:s3 --user key:secret \
    "$@" -T file "http://127.0.0.1:$(cat port)/bucket/key"
}
put
put -H "Expect:"
put -H "X-Empty;"
cat seen
[ "$(cat seen)" = "signed host;x-amz-date; not sent: -
signed expect;host;x-amz-date; not sent: expect
signed host;x-amz-date;x-empty;; not sent: -" ] || { echo 'changed' >&2; exit 1; }
