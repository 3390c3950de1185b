#!/usr/bin/env python3
"""Two hosts on one store: each a network namespace with a cable to the services, which is cut and mended while processes of both put, get,
remove and collect, and are killed. usage: hosts_test.py BINARY (as root of Linux)

KVCACHE_FLEET_SECONDS: twice how long they are at it (15), from 60 on how long."""
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

from fleet_case import FleetCase, LENGTHS, LONG, SECONDS
import services
import skips

if __name__ == "__main__":
    FleetCase.binary = os.path.abspath(sys.argv.pop(1))
WORKERS = 2  # of each host
TIME = SECONDS if LONG else SECONDS / 2
CUT = (0.3, 8) if LONG else (0.3, 2)  # seconds
# Who is cut off gives up soon. Others wait for what it held: where its end was never heard of, as long as the server believes in it.
LONGEST = 330 if LONG else 60
NEW_NETWORK = 0x40000000  # CLONE_NEWNET
# What libpq's own address says of cables that are cut; kvcache's own is half a minute. In a short run no cut is as long.
PATIENCE = "tcp_user_timeout=5000&keepalives_idle=1&keepalives_interval=1&keepalives_count=5"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def enter_a_network_of_our_own():
    """What is made in it is gone with the last process in it. Raises SkipTest."""
    if sys.platform != "linux":
        raise unittest.SkipTest("network namespaces are of Linux")
    if os.getuid() != 0:
        raise unittest.SkipTest("network namespaces are made by root")
    if not shutil.which("ip") or not shutil.which("nsenter"):
        raise unittest.SkipTest("ip or nsenter is not installed (scripts/setup --ci)")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK) != 0:
        raise unittest.SkipTest("root may not make network namespaces here: " + os.strerror(ctypes.get_errno()))
    try:
        ip("link", "set", "lo", "up")
        ip("link", "add", "kv-try", "type", "veth", "peer", "name", "kv-try2")
        ip("link", "del", "kv-try")
    except subprocess.CalledProcessError as error:
        raise unittest.SkipTest("not even root may make network interfaces here: %s" % error) from None


class Host:
    """With an address, a folder, and a cable whose other end has the services."""

    def __init__(self, number, folder):
        self.cable, self.server = "kv%d" % number, "10.77.%d.1" % number
        self.folder = os.path.join(folder, "host%d" % number)
        os.mkdir(self.folder)
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "1000000"])
        here, there = ("/proc/%s/ns/net" % one for one in (os.getpid(), self.holder.pid))
        services.wait_for(lambda: os.readlink(here) != os.readlink(there), "a network namespace", self.holder)
        self.enter = ["nsenter", "--net=" + there, "--"]
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        ip("address", "add", self.server + "/24", "dev", self.cable)
        subprocess.run(self.enter + ["ip", "address", "add", "10.77.%d.2/24" % number, "dev", "eth0"], check=True)
        subprocess.run(self.enter + ["ip", "link", "set", "eth0", "up"], check=True)
        self.cuts = []  # begin and end of each, by the monotonic clock
        self.mend()

    def cut(self):
        ip("link", "set", self.cable, "down")
        self.cuts.append([time.monotonic(), float("inf")])

    def mend(self):
        ip("link", "set", self.cable, "up")
        if self.cuts:
            self.cuts[-1][1] = time.monotonic()

    def was_cut(self, begin):
        """At any time since then. A connection that lost packets takes as long again to notice that they arrive."""
        return any(2 * after - before + 1 >= begin for before, after in self.cuts)

    def gone(self):
        self.holder.kill()
        self.holder.wait()


class Hosts(FleetCase):
    listen = "*"

    @classmethod
    def setUpClass(cls):
        enter_a_network_of_our_own()
        super().setUpClass()

    def setUp(self):
        super().setUp()
        folder = os.path.join(self.folder, "of-%d" % self.number)
        os.mkdir(folder)
        self.hosts = [Host(number, folder) for number in (1, 2)]
        for host in self.hosts:
            self.addCleanup(host.gone)

    def start(self, host, *arguments, patience=PATIENCE):
        url = self.service.url.rpartition(":")[2]
        environment = dict(self.environment(), HOME=host.folder, AWS_ENDPOINT_URL="http://%s:%s" % (host.server, url))
        address = self.address(os.path.join(host.folder, "cache")).replace("127.0.0.1", host.server) + ("&" + patience if patience else "")
        return subprocess.Popen(host.enter + [self.binary, "store", *arguments, "--store", address, "--allow-http", "--timeout", "0.5"],
                                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def arguments(self, what, chance, out):
        """-> (arguments of a command, the prompt it is about)"""
        seed, length = chance.randrange(3), chance.choice(LENGTHS)
        path, ids = self.caches[seed, length]
        return {"put": ["put", path, "--tokens", ids, "--identity", "m", "-q"],
                "get": ["get", "--tokens", ids, "--leave", "0", "--identity", "m", "--json", "--force", "-o", out],
                "rm": ["rm", "--older-than", "1s", "-q"],
                "gc": ["gc", "--to", "%dKB" % chance.choice((0, 20, 200)), "-q"]}[what], seed

    def test_cables_that_are_cut_while_processes_are_killed(self):
        self.put(0, 3)
        end = time.monotonic() + TIME
        errors, counts = [], {"put": 0, "get": 0, "hit": 0, "rm": 0, "gc": 0, "killed": 0, "cut": 0, "refused": 0}
        lock = threading.Lock()

        def work(worker):
            chance = random.Random(worker)
            host = self.hosts[worker % 2]
            out = os.path.join(host.folder, "out-%d" % worker)
            while time.monotonic() < end and not errors:
                what = chance.choices(("put", "get", "rm", "gc"), (5, 5, 2, 1))[0]
                arguments, seed = self.arguments(what, chance, out)
                begin = time.monotonic()
                process = self.start(host, *arguments)
                killed = chance.random() < 0.2
                try:
                    if killed:
                        time.sleep(chance.random() * 0.3)
                        process.send_signal(signal.SIGKILL)
                    stdout, stderr = process.communicate(timeout=LONGEST)
                    with lock:
                        counts[what] += 1
                        counts["killed"] += killed
                    code, said = process.returncode, stderr.decode()
                    if code == 0 and what == "get" and not (killed and not stdout):
                        tokens = json.loads(stdout)["resume_at"]
                        with lock:
                            counts["hit"] += 1
                        self.compare(out, seed, tokens)
                    elif code == 5 and (what == "get" or host.was_cut(begin) or "others are writing to it" in said):
                        # It says where it could not get through: to the index or to the objects.
                        self.assertTrue("10.77." in said or "s3://fleet/" in said, said)
                        with lock:
                            counts["refused"] += 1
                    elif code not in (0, -signal.SIGKILL) and (what, code) != ("get", 1):
                        raise AssertionError("%s of host %s: exit status %d: %s" % (what, host.server, code, said))
                except Exception as error:  # the others end, too, and it is raised below
                    process.kill()
                    errors.append(error)

        def cut():
            chance = random.Random(7)
            while time.monotonic() < end and not errors:
                host = chance.choice(self.hosts)
                host.cut()
                time.sleep(chance.uniform(*CUT))
                host.mend()
                counts["cut"] += 1
                time.sleep(chance.uniform(0.5, 2))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(2 * WORKERS)] + [threading.Thread(target=cut)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("processes: %s" % counts, file=sys.stderr)
        if errors:
            raise errors[0]
        self.assertGreater(counts["hit"], 0)
        self.assertGreater(counts["cut"], 0)
        self.check()
        self.nothing_is_left_behind()

    if LONG:  # minutes of waiting

        def test_a_host_that_is_gone_stops_nobody_for_long(self):
            path, ids = self.caches[0, 12]
            for gone in ("cable", "process"):
                with self.subTest(gone):
                    # Somebody keeps a table as it is, so that a put gets as far as the lock that keeps all others from writing, and is lost there.
                    holder = subprocess.Popen([self.database.programs + "/psql", "-X", "-q", self.database.url], stdin=subprocess.PIPE,
                                              stdout=subprocess.DEVNULL)
                    holder.stdin.write(b"BEGIN; LOCK TABLE t%d.entry IN SHARE MODE;\n" % self.number)
                    holder.stdin.flush()
                    lost = self.start(self.hosts[0], "put", path, "--tokens", ids, "--identity", "m", "-q", patience="")
                    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kvcache' AND wait_event_type = 'Lock'"
                    services.wait_for(lambda: self.database.sql(waiting) == "1", "waiting for the table", lost)
                    if gone == "cable":
                        self.hosts[0].cut()
                    else:
                        lost.send_signal(signal.SIGSTOP)
                    holder.communicate(b"ROLLBACK;\n")
                    begin = time.monotonic()
                    other = self.start(self.hosts[1], "put", *self.caches[1, 12][:1], "--tokens", self.caches[1, 12][1], "--identity", "m", "-q")
                    _, said = other.communicate(timeout=200)
                    print("a %s that is gone: others wait for %.0f s" % (gone, time.monotonic() - begin), file=sys.stderr)
                    self.assertEqual(other.returncode, 0, said)
                    self.hosts[0].mend()
                    lost.send_signal(signal.SIGCONT)
                    _, said = lost.communicate(timeout=200)
                    self.assertEqual(lost.returncode, 5, said)
                    self.check()
                    self.put(0, 12)


if __name__ == "__main__":
    skips.main()
