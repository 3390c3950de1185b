#!/usr/bin/env python3
"""Services for tests, on loopback, started when they are needed and gone afterwards.

    with Postgres() as database: database.url
    with Swift() as service: service.environment, service.bucket

Both raise Missing where what they need is not installed. As a program: services.py [postgres] [s3] -- COMMAND..., with
KVCACHE_TEST_POSTGRES, KVCACHE_TEST_BUCKET and the variables of AWS set; exit status 77 where something is missing."""
import contextlib
import glob
import hashlib
import hmac
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77


class Missing(Exception):
    def __init__(self, what):
        super().__init__(what if sys.platform == "linux" else what + ", and asked for on machines of Linux only")


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def wait_for(is_there, what, process=None, seconds=60):
    end = time.monotonic() + seconds
    while not is_there():
        if process and process.poll() is not None:
            raise RuntimeError("%s ended with status %d" % (what, process.returncode))
        if time.monotonic() > end:
            raise RuntimeError("%s did not begin within %d seconds" % (what, seconds))
        time.sleep(0.05)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Postgres:
    """A server of its own in a folder of its own; a database and a user called kvcache, without a password."""

    def __init__(self, listen="127.0.0.1"):
        self.listen = listen
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb") or ""]
        self.programs = os.path.dirname(found[-1])
        if not self.programs:
            raise Missing("PostgreSQL is not installed (scripts/setup --ci)")
        # It refuses to run as root.
        self.user = {}
        if os.getuid() == 0:
            try:
                account = pwd.getpwnam("postgres")
            except KeyError:
                raise Missing("there is no user postgres to run PostgreSQL as") from None
            self.user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="kvcache-postgres-")
        if self.user:
            os.chown(self.folder, self.user["user"], self.user["group"])
        try:
            data = self.folder + "/data"
            subprocess.run([self.programs + "/initdb", "-D", data, "-U", "kvcache", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
                           check=True, cwd="/", stdout=subprocess.DEVNULL, **self.user)
            if self.listen != "127.0.0.1":
                with open(data + "/pg_hba.conf", "a", encoding="ascii") as rules:
                    rules.write("host all all samenet trust\n")
            self.port, = free_ports(1)
            settings = {"port": self.port, "listen_addresses": self.listen, "unix_socket_directories": "", "fsync": "off",
                        "synchronous_commit": "off", "full_page_writes": "off", "max_connections": 40, "shared_buffers": "16MB",
                        "autovacuum_naptime": "5s", "logging_collector": "off"}
            options = [part for name, value in settings.items() for part in ("-c", "%s=%s" % (name, value))]
            self.log = open(self.folder + "/log", "wb")
            self.process = subprocess.Popen([self.programs + "/postgres", "-D", data] + options, cwd="/", stdin=subprocess.DEVNULL,
                                            stdout=self.log, stderr=self.log, start_new_session=True, **self.user)
            wait_for(lambda: subprocess.run([self.programs + "/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                                            check=False).returncode == 0, "PostgreSQL", self.process)
            self.url = "postgresql://kvcache@127.0.0.1:%d/postgres" % self.port
        except BaseException:
            self.__exit__()
            raise
        return self

    def sql(self, text):
        done = subprocess.run([self.programs + "/psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url, "-c", text], check=True,
                              stdout=subprocess.PIPE, env=dict(os.environ, PGOPTIONS="-c client_min_messages=warning"))
        return done.stdout.decode().strip()

    def __exit__(self, *_):
        if getattr(self, "process", None):
            # At once: there is nothing to save.
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Swift:
    """OpenStack Swift with its S3 API; one bucket."""
    KEY, SECRET, REGION = "test:tester", "testing", "us-east-1"
    bucket = "kvcache"

    def __init__(self):
        check = subprocess.run(["/usr/bin/python3", "-c", "import swift.proxy.server, swift.account.server, swift.container.server, "
                                "swift.obj.server, eventlet"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if check.returncode != 0:
            raise Missing("OpenStack Swift is not installed (scripts/setup --ci)")

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="kvcache-swift-")
        try:
            ports = free_ports(5)
            self.url = "http://127.0.0.1:%d" % ports[0]
            self.log = open(self.folder + "/log", "wb")
            self.process = subprocess.Popen(["/usr/bin/python3", HERE + "/swift_server.py", self.folder] + [str(p) for p in ports],
                                            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
            wait_for(lambda: all(answers(p) for p in ports[:4]), "Swift", self.process)
            wait_for(self.make_bucket, "the bucket", self.process)
            self.environment = {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": self.KEY, "AWS_SECRET_ACCESS_KEY": self.SECRET,
                                "AWS_REGION": self.REGION}
        except BaseException:
            self.__exit__()
            raise
        return self

    def make_bucket(self):
        """PUT of the bucket, signed (AWS Signature Version 4)."""
        host = self.url[len("http://"):]
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        nothing = hashlib.sha256(b"").hexdigest()
        scope = "%s/%s/s3/aws4_request" % (stamp[:8], self.REGION)
        names = "host;x-amz-content-sha256;x-amz-date"
        canonical = "PUT\n/%s\n\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n\n%s\n%s" % (self.bucket, host, nothing, stamp, names,
                                                                                           nothing)
        key = ("AWS4" + self.SECRET).encode()
        for part in (stamp[:8], self.REGION, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (stamp, scope, hashlib.sha256(canonical.encode()).hexdigest())
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        request = urllib.request.Request("%s/%s" % (self.url, self.bucket), method="PUT", headers={
            "x-amz-date": stamp, "x-amz-content-sha256": nothing,
            "Authorization": "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (self.KEY, scope, names, signature)})
        try:
            urllib.request.urlopen(request, timeout=10).close()
            return True
        except (urllib.error.HTTPError, OSError) as error:
            return getattr(error, "code", 0) == 409  # it is ours already

    def __exit__(self, *_):
        if getattr(self, "process", None):
            self.process.terminate()
            self.process.wait()
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    end = sys.argv.index("--")
    wanted, command = sys.argv[1:end], sys.argv[end + 1:]
    environment = dict(os.environ)
    with contextlib.ExitStack() as stack:
        try:
            if "postgres" in wanted:
                environment["KVCACHE_TEST_POSTGRES"] = stack.enter_context(Postgres()).url
            if "s3" in wanted:
                service = stack.enter_context(Swift())
                environment.update(service.environment, KVCACHE_TEST_BUCKET=service.bucket,
                                   KVCACHE_S3_SERVICES="swift=%s,%s,%s" % (service.url, service.KEY, service.SECRET),
                                   KVCACHE_S3_BUCKET=service.bucket)
        except Missing as missing:
            print("skipped: %s" % missing)
            return 1 if os.environ.get("KVCACHE_SKIP_NOTHING") and sys.platform == "linux" else SKIP
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
