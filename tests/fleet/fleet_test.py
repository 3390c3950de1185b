#!/usr/bin/env python3
"""Many processes on one store of several hosts, killed at any moment; services that fail. usage: fleet_test.py BINARY

KVCACHE_FLEET_SECONDS: how long they are at it (15)."""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from fleet_case import FleetCase, GRACE, LENGTHS, LONG, SECONDS
import skips

if __name__ == "__main__":
    FleetCase.binary = os.path.abspath(sys.argv.pop(1))
WORKERS = 4


class Fleet(FleetCase):
    def test_turns_are_stored_once_and_got_from_every_host(self):
        self.put(0, 12)
        self.put(0, 20)
        out = os.path.join(self.folder, "out1")
        other = self.address(os.path.join(self.folder, "other"))
        self.assertEqual(self.get(0, 40, out), 20)
        self.assertEqual(self.get(0, 40, out, store=other), 20)
        self.assertEqual(self.get(0, 40, out, store=other), 20)
        self.assertEqual(self.get(0, 7, out), 7)
        self.assertEqual(self.get(1, 7, out, codes=(1,)), None)
        self.check()
        # Another store may not take these objects for its own, nor this one other objects.
        self.run_tool("store", "ls", "--store", self.store.replace("objects=s3://fleet/t", "objects=s3://fleet/u"), codes=(2,))
        self.run_tool("store", "init", "--store", self.store.replace("schema=t", "schema=other"), codes=(2,))
        # Its database is lost.
        self.database.sql("DROP SCHEMA t%d CASCADE" % self.number)
        self.run_tool("store", "get", "--tokens", self.caches[0, 7][1], "--identity", "m", "--store", self.store, "-o", out, codes=(2,))
        self.run_tool("store", "check", "--rebuild", "--store", self.store)
        self.assertEqual(self.get(0, 40, out), 20)
        self.check()
        # And all of it goes.
        self.run_tool("store", "rm", "--all", "--purge", "-q", "--store", self.store)
        self.assertEqual(self.objects(), [])

    def test_an_index_of_the_release_before_is_made_a_new_one(self):
        out = os.path.join(self.folder, "out3")
        self.put(0, 7)
        self.database.sql("SET search_path TO t%d; DROP INDEX node_bases; ALTER TABLE node DROP COLUMN base; ALTER TABLE node RENAME COLUMN "
                          "loose TO leaf; UPDATE setting SET value = '2' WHERE key = 'version'" % self.number)
        self.put(0, 8)
        self.assertEqual(self.get(0, 8, out), 8)
        self.assertEqual(self.get(0, 7, out), 7)
        self.assertEqual(self.database.sql("SELECT value FROM t%d.setting WHERE key = 'version'" % self.number), "3")
        self.check()

    def test_each_fault_gives_the_right_bytes_or_an_error(self):
        out = os.path.join(self.folder, "out2")
        # Each request of each command; in a short run the first, the fourth, ...
        step = 1 if LONG else 3
        for command, faults in (("put", ("503", "reset", "lost", "short", "stall")), ("get", ("reset", "short", "whole", "etag", "range", "stall")),
                                ("gc", ("503", "reset", "short", "stall"))):
            for place, fault in enumerate(faults):
                for number in range(1 + place % step, 14, step):
                    if command == "put":
                        self.run_tool("store", "rm", "--all", "--purge", "-q", "--store", self.store)
                    else:
                        self.put(0, 12)
                    self.service.reset({number: fault})
                    begin = time.monotonic()
                    # A silence of one answer is asked about once more; that of the next one would be an error.
                    patience = ("--timeout", "0.2") if fault == "stall" else ()
                    if command == "put":
                        self.put(0, 12, codes=(0, 5), more=patience)
                    elif command == "get":
                        self.assertIn(self.get(0, 12, out, codes=(0, 5), more=patience), (12, None))
                    else:
                        self.run_tool("store", "gc", "-q", "--store", self.store, *patience, codes=(0, 5))
                    self.assertLess(time.monotonic() - begin, 10, (command, fault, number))
                    asked = len(self.service.requests)
                    self.service.reset()
                    if asked < number:
                        break
                self.check()
        # Silence for ever ends as well.
        self.service.reset({"all": "stall"})
        for command in (["get", "--tokens", self.caches[0, 12][1], "--identity", "m", "-o", out + "x"], ["gc", "--to", "0"],
                        ["check", "--data"], ["put", self.caches[2, 12][0], "--tokens", self.caches[2, 12][1], "--identity", "m"]):
            begin = time.monotonic()
            failed = self.run_tool("store", *command, "--store", self.store, "--timeout", "0.2", codes=(0, 1, 5))
            self.assertLess(time.monotonic() - begin, 10, command)
            if command[0] in ("get", "put"):
                self.assertEqual(failed.returncode, 5, failed.stderr)
                self.assertIn(b"nothing came from the server for 0.2 s", failed.stderr)
        self.service.reset()
        self.check()
        self.put(0, 12)
        self.service.reset({"all": "503"})
        failed = self.run_tool("store", "get", "--tokens", self.caches[0, 12][1], "--identity", "m", "--store", self.store, "-o", out + "x",
                               codes=(5,))
        self.assertIn(b"s3://fleet/", failed.stderr)
        self.assertFalse(os.path.exists(out + "x"))
        self.service.reset()

    def test_killed_processes_leave_a_sound_store(self):
        self.put(0, 3)
        end = time.monotonic() + SECONDS
        errors, counts = [], {"put": 0, "get": 0, "hit": 0, "rm": 0, "gc": 0, "killed": 0}
        lock = threading.Lock()

        def work(worker):
            chance = random.Random(worker)
            out = os.path.join(self.folder, "out-%d-%d" % (self.number, worker))
            where = self.address(os.path.join(self.folder, "host%d" % (worker % 2)))
            while time.monotonic() < end and not errors:
                what = chance.choices(("put", "get", "rm", "gc"), (5, 5, 2, 1))[0]
                seed, length = chance.randrange(3), chance.choice(LENGTHS)
                path, ids = self.caches[seed, length]
                arguments = {"put": ["put", path, "--tokens", ids, "--identity", "m", "-q"],
                             "get": ["get", "--tokens", ids, "--leave", "0", "--identity", "m", "--json", "--force", "-o", out],
                             "rm": ["rm", "--older-than", "1s", "-q"],
                             "gc": ["gc", "--to", "%dKB" % chance.choice((0, 20, 200)), "-q"]}[what]
                process = subprocess.Popen([self.binary, "store", *arguments, "--store", where], env=self.environment(),
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                killed = chance.random() < 0.3
                if killed:
                    time.sleep(chance.random() * 0.3)
                    process.send_signal(signal.SIGKILL)
                stdout, stderr = process.communicate()
                with lock:
                    counts[what] += 1
                    counts["killed"] += killed
                try:
                    if process.returncode == 0 and what == "get" and not (killed and not stdout):
                        tokens = json.loads(stdout)["resume_at"]
                        with lock:
                            counts["hit"] += 1
                        self.compare(out, seed, tokens)
                    elif process.returncode not in (0, -signal.SIGKILL) and (what, process.returncode) != ("get", 1):
                        # A get that takes longer than the grace may find that what it wanted was evicted, and says so.
                        if not (what == "get" and process.returncode == 5):
                            raise AssertionError("%s: exit status %d: %s" % (what, process.returncode, stderr.decode()))
                except Exception as error:  # the others end, too, and it is raised below
                    errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("processes: %s" % counts, file=sys.stderr)
        if errors:
            raise errors[0]
        self.check()
        self.nothing_is_left_behind()


if __name__ == "__main__":
    skips.main()
